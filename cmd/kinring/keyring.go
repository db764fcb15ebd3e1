package main

import (
	"context"
	"errors"
	"runtime"

	"github.com/kinring/kinring/backend/vault"
	"github.com/kinring/kinring/store"
)

// keyringKind is the store that is the system's keyring here.
func keyringKind() string {
	switch runtime.GOOS {
	case "darwin":
		return "keychain"
	case "windows":
		return "wincred"
	}
	return "secret-service"
}

// systemKeyring is where a vault's key goes with --key-in-keyring. Which vault it
// is for stands in the item's account, so that one keyring serves all vaults.
func systemKeyring() vault.Keyring {
	kind := keyringKind()
	return vault.Keyring{Name: kind, Open: func(ctx context.Context) (store.Store, error) {
		driver, err := store.DriverFor(kind)
		if err != nil {
			return nil, &store.Error{Class: store.ErrUnsupported, Op: "open", Store: kind,
				Detail: "this build does not reach the system's keyring", Remedy: "use --key-file or --passphrase-file"}
		}
		return driver.Open(ctx, store.Family{Name: "kinring", Service: vault.KeyringService})
	}}
}

// keyringAnswers reports whether there is a keyring of the system here. One that is
// locked counts: a key that went elsewhere because of that would be a weaker one
// that nobody chose.
func keyringAnswers(ctx context.Context) bool {
	s, err := systemKeyring().Open(ctx)
	if err == nil {
		defer s.Close()
		_, err = s.List(ctx, vault.KeyringService)
	}
	return err == nil || errors.Is(err, store.ErrLocked)
}
