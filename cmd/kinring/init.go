package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/vault"
)

const initLong = `Make a vault: the embedded, encrypted store. This is the only verb that makes
one. An existing vault is left untouched (exit code 6).

The vault's key comes from the first of these that is named: --key-file,
--passphrase-file, KINRING_KEY_FILE, KINRING_PASSPHRASE_FILE. If none is, a
person at a terminal is asked for a passphrase; without a terminal a key file is
made beside the vault.

A key file holds 256 random bits: who cannot read the file cannot open the
vault, and who can read both can. Keep it apart from backups of the vault. A
passphrase is as strong as it is hard to guess; Argon2id makes each guess cost
64 MiB of memory and three passes.`

// initDocument is kinring.init/1.
type initDocument struct {
	Schema   string `json:"schema"`
	Vault    string `json:"vault"`
	Key      string `json:"key"`
	KeyFile  string `json:"key_file,omitempty"`
	Strength string `json:"strength"`
}

type initFlags struct{ keyFile, passphraseFile string }

func (a *app) initCommand() *cobra.Command {
	var flags initFlags
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a vault",
		Long:  initLong,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := a.deadline(cmd.Context())
			defer cancel()
			return a.init(ctx, flags)
		},
	}
	cmd.Flags().StringVar(&flags.keyFile, "key-file", "", "use this key file; it is made if it is not there")
	cmd.Flags().StringVar(&flags.passphraseFile, "passphrase-file", "", "use the passphrase in this file")
	return cmd
}

func (a *app) init(ctx context.Context, flags initFlags) error {
	options, err := a.vaultOptions()
	if err != nil {
		return err
	}
	if err := vacant(options.Path); err != nil {
		return err
	}
	doc, err := a.firstKey(ctx, flags, &options)
	if err != nil {
		return err
	}
	if err := vault.Create(ctx, options); err != nil {
		return err
	}
	doc.Schema, doc.Vault = "kinring.init/1", options.Path
	if a.json {
		return a.printJSON(doc)
	}
	_, err = fmt.Fprintf(a.out, "vault: %s\nkey: %s\nstrength: %s\n", doc.Vault, keyText(doc), doc.Strength)
	return err
}

// vacant refuses a path that is taken, before anybody is asked for a passphrase
// and before a key file is made.
func vacant(path string) error {
	err := vault.Examine(path)
	if errors.Is(err, kinring.ErrNoService) {
		return nil
	}
	return &kinring.Error{Class: kinring.ErrConflict, Op: "init", Detail: "there is something at " + path + " already; it was left untouched",
		Remedy: "use that vault, or name another one with KINRING_VAULT", Err: err}
}

func keyText(doc initDocument) string {
	if doc.KeyFile != "" {
		return doc.Key + " " + doc.KeyFile
	}
	return doc.Key
}

const (
	keyFileStrength    = "256 random bits; whoever can read the key file and the vault can open it"
	passphraseStrength = "that of the passphrase, with Argon2id (64 MiB, 3 passes) against guessing"
)

// firstKey decides where the vault's key comes from and leaves that source alone
// in the options.
func (a *app) firstKey(ctx context.Context, flags initFlags, options *vault.Options) (initDocument, error) {
	if flags.keyFile != "" && flags.passphraseFile != "" {
		return initDocument{}, usage("give either --key-file or --passphrase-file")
	}
	keyFile := flags.keyFile
	passphraseFile := flags.passphraseFile
	if keyFile == "" && passphraseFile == "" {
		keyFile, passphraseFile = os.Getenv("KINRING_KEY_FILE"), os.Getenv("KINRING_PASSPHRASE_FILE")
	}
	switch {
	case keyFile == "" && passphraseFile != "":
		options.Keys = []vault.KeySource{vault.PassphraseFile(passphraseFile)}
		return initDocument{Key: "passphrase file", KeyFile: passphraseFile, Strength: passphraseStrength}, nil
	case keyFile == "" && a.mayAsk():
		passphrase, err := askTwice(ctx, "New passphrase for the vault")
		if err == nil && len(passphrase) == 0 {
			err = &kinring.Error{Class: kinring.ErrCancelled, Op: "init", Detail: "the passphrase is empty"}
		}
		options.Keys = []vault.KeySource{vault.Passphrase(func(context.Context) ([]byte, error) { return passphrase, nil })}
		return initDocument{Key: "passphrase", Strength: passphraseStrength}, err
	}
	keyFile = cmp.Or(keyFile, vault.DefaultKeyFile(options.Path))
	options.Keys = []vault.KeySource{vault.KeyFile(keyFile)}
	return initDocument{Key: "key file", KeyFile: keyFile, Strength: keyFileStrength}, ensureKeyFile(ctx, keyFile)
}

// ensureKeyFile makes a key file unless it is there.
func ensureKeyFile(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	return vault.GenerateKeyFile(ctx, path)
}
