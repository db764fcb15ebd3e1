package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/vault"
	"github.com/kinring/kinring/store"
)

const initLong = `Make a vault: the embedded, encrypted store. This is the only verb that makes
one. An existing vault is left untouched (exit code 6).

The vault's key comes from what a flag names: --key-in-keyring, --key-file or
--passphrase-file; else from KINRING_KEY_FILE or KINRING_PASSPHRASE_FILE. If
nothing is named, a person at a terminal is asked for a passphrase; without a
terminal the key goes into the system's keyring if there is one (locked: 3), and
else into a key file beside the vault. What was picked, and how strong it is, is printed.
More keys can be added later: see kinring vault.

A key file holds 256 random bits: who cannot read the file cannot open the
vault, and who can read both can. Keep it apart from backups of the vault. A
passphrase is as strong as it is hard to guess; what a guess costs is printed.

--cipher aes256gcm seals the vault with what FIPS 140-3 allows, and is the default
where GODEBUG=fips140=only is set.`

// initDocument is kinring.init/1.
type initDocument struct {
	Schema   string `json:"schema"`
	Vault    string `json:"vault"`
	Key      string `json:"key"`
	KeyFile  string `json:"key_file,omitempty"`
	Cipher   string `json:"cipher"`
	Strength string `json:"strength"`
}

func (a *app) initCommand() *cobra.Command {
	var flags newKeyFlags
	var cipher string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a vault",
		Long:  initLong,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := a.deadline(cmd.Context())
			defer cancel()
			return a.init(ctx, flags, cipher)
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&cipher, "cipher", "", "xchacha20poly1305 or aes256gcm")
	return cmd
}

func (a *app) init(ctx context.Context, flags newKeyFlags, cipher string) error {
	path, err := vaultPath()
	if err != nil {
		return err
	}
	if err := vault.CheckCipher(cipher); err != nil {
		return store.At(err, "init", vault.Kind, store.Key{})
	}
	if err := vacant(path); err != nil {
		return err
	}
	key, err := a.firstKey(ctx, flags, path)
	if err != nil {
		return err
	}
	if err := vault.Create(ctx, vault.Options{Path: path, Keys: []vault.KeySource{key.source}, Cipher: cipher}); err != nil {
		return err
	}
	made, err := vault.Describe(ctx, path)
	if err != nil {
		return err
	}
	doc := initDocument{Schema: "kinring.init/1", Vault: path, Key: key.kind, KeyFile: key.file,
		Cipher: made.Cipher, Strength: made.Slots[0].Strength}
	if a.json {
		return a.printJSON(doc)
	}
	_, err = fmt.Fprintf(a.out, "vault: %s\nkey: %s\nstrength: %s\ncipher: %s\n", path, key, doc.Strength, doc.Cipher)
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

// firstKey decides where the key of a new vault comes from.
func (a *app) firstKey(ctx context.Context, flags newKeyFlags, path string) (newKey, error) {
	if flags.none() {
		flags.keyFile = os.Getenv("KINRING_KEY_FILE")
		if flags.keyFile == "" {
			flags.passphraseFile = os.Getenv("KINRING_PASSPHRASE_FILE")
		}
	}
	if flags.none() && !a.mayAsk() {
		flags.keyring = keyringAnswers(ctx)
	}
	if flags.none() && !a.mayAsk() {
		flags.keyFile = vault.DefaultKeyFile(path)
	}
	return a.newKey(ctx, flags)
}
