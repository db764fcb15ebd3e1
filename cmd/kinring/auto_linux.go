package main

import (
	"context"
	"errors"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/secretservice"
)

// platformStore returns the desktop's keyring if one is running that secrets can
// be kept in, locked or not; otherwise why there is none.
func platformStore(ctx context.Context) (kind, why string, err error) {
	e, err := secretservice.Examine(ctx, secretservice.Options{})
	switch {
	case errors.Is(err, kinring.ErrOutOfReach):
		return "", "there is no session bus, so no keyring", nil
	case err != nil:
		return "", "", err
	case e.Usable():
		return secretservice.Kind, e.Provider + " runs", nil
	}
	return "", unusable(e), nil
}
