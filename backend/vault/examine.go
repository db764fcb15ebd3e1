package vault

import (
	"errors"
	"fmt"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/store"
)

// Kind is what the driver is registered as.
const Kind = kind

// Examine looks at a vault's file from outside and says what would keep Open
// from it: ErrUnavailable with reason ErrNoService if there is none. It opens
// and makes nothing, so a vault that passes may still be damaged inside.
func Examine(path string) error {
	path, err := resolve(path)
	if err != nil {
		return err
	}
	info, err := durable.Check(path, private)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return noVault(path)
	case err == nil && info.Size() < smallest:
		return &store.Error{Class: store.ErrCorrupt, Detail: fmt.Sprintf("the vault %s has %d bytes", path, info.Size()), Remedy: restoring}
	}
	return err
}

// ExamineSecretFile says what would keep a key file or a passphrase file from
// being read: that it is not there, or who else could read it. It opens nothing.
func ExamineSecretFile(path string) error {
	_, err := durable.Check(path, durable.Limits{Private: true, Pipes: true})
	if errors.Is(err, store.ErrNotFound) {
		return &store.Error{Class: store.ErrLocked, Store: path, Detail: "there is no such file", Remedy: unlocking}
	}
	return err
}
