package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/vault"
)

// newKeyFlags say where the key for a new slot of a vault comes from.
type newKeyFlags struct {
	keyring                 bool
	keyFile, passphraseFile string
}

func (f *newKeyFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.keyring, "key-in-keyring", false, "keep the key in the system's keyring")
	cmd.Flags().StringVar(&f.keyFile, "key-file", "", "use this key file; it is made if it is not there")
	cmd.Flags().StringVar(&f.passphraseFile, "passphrase-file", "", "use the passphrase in this file")
}

func (f *newKeyFlags) none() bool { return *f == newKeyFlags{} }

func (f *newKeyFlags) check() error {
	n := 0
	for _, given := range []bool{f.keyring, f.keyFile != "", f.passphraseFile != ""} {
		if given {
			n++
		}
	}
	if n > 1 {
		return usage("give one of --key-in-keyring, --key-file and --passphrase-file")
	}
	return nil
}

// newKey is a key for a new slot, and what to call it.
type newKey struct {
	source vault.KeySource
	kind   string
	file   string
}

func (k newKey) String() string {
	if k.file != "" {
		return k.kind + " " + k.file
	}
	return k.kind
}

// newKey returns what the flags name. If they name nothing a person is asked for
// a passphrase.
func (a *app) newKey(ctx context.Context, f newKeyFlags) (newKey, error) {
	if err := f.check(); err != nil {
		return newKey{}, err
	}
	switch {
	case f.keyring:
		return newKey{source: vault.KeyInKeyring(systemKeyring()), kind: "keyring"}, nil
	case f.keyFile != "":
		return newKey{vault.NewKeyFile(f.keyFile), "key file", f.keyFile}, nil
	case f.passphraseFile != "":
		return newKey{vault.PassphraseFile(f.passphraseFile), "passphrase file", f.passphraseFile}, nil
	case !a.mayAsk():
		return newKey{}, &kinring.Error{Class: kinring.ErrLocked, Detail: "no new key is named, and nobody can be asked for a passphrase",
			Remedy: "give --key-in-keyring, --key-file or --passphrase-file"}
	}
	passphrase, err := askTwice(ctx, "New passphrase for the vault")
	if err == nil && len(passphrase) == 0 {
		err = &kinring.Error{Class: kinring.ErrCancelled, Detail: "the passphrase is empty"}
	}
	return newKey{source: vault.Passphrase(func(context.Context) ([]byte, error) { return passphrase, nil }), kind: "passphrase"}, err
}
