package main

import (
	"context"
	"errors"
	"os"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/keychain"
	"github.com/kinring/kinring/backend/vault"
)

// auto chooses a family's store where nobody named one, and says why it is that
// one. What is on record is kept, whether or not it can be reached now: a store
// that is chosen because a better one is away would be a silent downgrade (I7).
// Looking writes nothing and starts nothing.
func (a *app) auto(ctx context.Context, p kinring.Profile) (kind, why string, err error) {
	if p.Name != "" && !a.switchStore {
		switch ch, recorded, err := kinring.RecordedStore(ctx, p.Name); {
		case err != nil:
			return "", "", err
		case recorded:
			return ch.Kind, "the family " + p.Name + " uses it", nil
		}
	}
	path := os.Getenv("KINRING_VAULT")
	if path == "" {
		if path, err = vault.DefaultPath(); err != nil {
			return "", "", err
		}
	}
	if err := vault.Examine(path); !errors.Is(err, kinring.ErrNoService) {
		return vault.Kind, "somebody made the vault " + path, nil
	}
	if why, first := a.keychainFirst(p); first {
		return keychain.Kind, why, nil
	}
	kind, why, err = platformStore(ctx)
	if err != nil || kind != "" {
		return kind, why, err
	}
	return vault.Kind, why, nil
}
