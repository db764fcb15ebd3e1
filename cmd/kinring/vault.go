package main

import (
	"context"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/vault"
)

const vaultLong = `Look after the vault itself: its keys, its cipher, its health. No secret of a
family is touched.

A vault has one to eight keys, each of which opens it: a passphrase, a key file,
an item in the system's keyring. Every change of them is one step: after a crash
the vault has the keys of before or of after.`

// vaultDocument is kinring.vault/1.
type vaultDocument struct {
	Schema string         `json:"schema"`
	Vault  string         `json:"vault"`
	ID     string         `json:"id"`
	Format int            `json:"format"`
	Cipher string         `json:"cipher"`
	Keys   []slotDocument `json:"keys"`
}

type slotDocument struct {
	ID       uint64 `json:"id"`
	Kind     string `json:"kind"`
	KDF      string `json:"kdf"`
	Strength string `json:"strength"`
	Usable   bool   `json:"usable"`
}

func (a *app) vaultCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vault",
		Short: "Look after the vault: keys, cipher, damage",
		Long:  vaultLong,
		Args:  noArguments,
		RunE:  func(*cobra.Command, []string) error { return usage("no verb given; see kinring help vault") },
	}
	cmd.AddCommand(a.vaultKeysCommand(), a.addKeyCommand(), a.changeKeyCommand(), a.removeKeyCommand(), a.rekeyCommand(),
		a.vaultCheckCommand(), a.vaultRepairCommand())
	return cmd
}

// patient is the time that the verbs of this group get where none is given: they
// stretch passphrases, and rekey and check pass over all of a vault.
const patient = 10 * time.Minute

// onVault is withVault, and prints what the vault is like then.
func (a *app) onVault(ctx context.Context, f func(ctx context.Context, o vault.Options) error) error {
	return a.withVault(ctx, func(ctx context.Context, o vault.Options) error {
		if err := f(ctx, o); err != nil {
			return err
		}
		return a.showVault(ctx, o.Path)
	})
}

// withVault calls f with the vault's options.
func (a *app) withVault(ctx context.Context, f func(ctx context.Context, o vault.Options) error) error {
	if a.timeout == 0 {
		a.timeout = patient
	}
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	o, err := a.vaultOptions()
	if err != nil {
		return err
	}
	if a.mayAsk() && len(a.keyFiles(o.Path)) > 0 {
		o.Keys = append(o.Keys, askPassphrase) // of a slot that the files do not open
	}
	return f(ctx, o)
}

func (a *app) showVault(ctx context.Context, path string) error {
	d, err := vault.Describe(ctx, path)
	if err != nil {
		return err
	}
	doc := vaultDocument{"kinring.vault/1", d.Path, d.ID, d.Format, d.Cipher, nil}
	for _, s := range d.Slots {
		doc.Keys = append(doc.Keys, slotDocument(s))
	}
	if a.json {
		return a.printJSON(doc)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "vault\t%s\nid\t%s\nformat\t%d\ncipher\t%s\n", doc.Vault, doc.ID, doc.Format, doc.Cipher)
	for _, k := range doc.Keys {
		fmt.Fprintf(w, "key %d\t%s\t%s\n", k.ID, k.Kind, k.Strength)
	}
	return w.Flush()
}

func (a *app) vaultKeysCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "keys",
		Short: "List the vault's keys; needs none of them",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.onVault(cmd.Context(), func(context.Context, vault.Options) error { return nil })
		},
	}
}

const addKeyLong = `Add a key to the vault, beside those that it has. One of those opens the vault as
usual; the flags name the new one. If they name nothing a passphrase is asked for.`

func (a *app) addKeyCommand() *cobra.Command {
	var flags newKeyFlags
	cmd := &cobra.Command{
		Use:   "add-key",
		Short: "Add a key to the vault",
		Long:  addKeyLong,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.onVault(cmd.Context(), func(ctx context.Context, o vault.Options) error {
				key, err := a.newKey(ctx, flags)
				if err == nil {
					_, err = vault.AddKey(ctx, o, key.source)
				}
				return err
			})
		},
	}
	flags.add(cmd)
	return cmd
}

const changeKeyLong = `Put a new key in the place of key N, in one step: say another passphrase. The
flags name the new one. If they name nothing a passphrase is asked for.

Whoever has the old key and an earlier copy of the vault's file can still read
that copy, and what is written with the same vault key: see kinring vault rekey.`

func (a *app) changeKeyCommand() *cobra.Command {
	var flags newKeyFlags
	cmd := &cobra.Command{
		Use:   "change-key N",
		Short: "Put a new key in the place of another",
		Long:  changeKeyLong,
		Args:  oneNumber,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onVault(cmd.Context(), func(ctx context.Context, o vault.Options) error {
				key, err := a.newKey(ctx, flags)
				if err == nil {
					_, err = vault.ChangeKey(ctx, o, slotNumber(args), key.source)
				}
				return err
			})
		},
	}
	flags.add(cmd)
	return cmd
}

const removeKeyLong = `Remove key N. The last key that opens the vault stays. A key file is not deleted;
an item in the system's keyring is.

Removing a key does not take back what its owner may have copied: see kinring
vault rekey.`

func (a *app) removeKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove-key N",
		Short: "Remove a key of the vault",
		Long:  removeKeyLong,
		Args:  oneNumber,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onVault(cmd.Context(), func(ctx context.Context, o vault.Options) error {
				return removeKey(ctx, o, slotNumber(args))
			})
		},
	}
}

// removeKey removes a slot, and the item in the keyring after it: the other way
// round a crash would leave a slot that nothing opens.
func removeKey(ctx context.Context, o vault.Options, id uint64) error {
	before, err := vault.Describe(ctx, o.Path)
	if err != nil {
		return err
	}
	if err := vault.RemoveKey(ctx, o, id); err != nil {
		return err
	}
	for _, s := range before.Slots {
		if s.ID == id && s.Kind == "keyring" {
			return halfRemoved(before, id, vault.ForgetKeyring(ctx, o.Path, systemKeyring()))
		}
	}
	return nil
}

// halfRemoved says that the vault has the key no longer, and the keyring still has.
func halfRemoved(d vault.Description, id uint64, err error) error {
	if err == nil {
		return nil
	}
	item := vault.KeyringService + "/" + d.ID
	return &kinring.Error{Class: kinring.ErrPartial, Op: "remove key", Store: keyringKind(), Err: err,
		Detail: "the key is removed, and the item in the keyring is still there: it opens nothing any more",
		Done:   []string{fmt.Sprintf("key %d", id)}, Missing: []string{item}, Remedy: "remove " + item + " with the keyring's own program"}
}

const rekeyLong = `Give the vault a new vault key and seal everything anew, in one step; with
--cipher, by another cipher. Whoever had the old vault key, say from a removed key
and an earlier copy of the file, opens nothing that is written from then on.

Each key of the vault must be given, because its slot is sealed anew as well;
--drop drops those that are not. Programs that have the vault open go on by
themselves if they can get its key without asking anybody. The vault has format 2
afterwards, which builds that know format 1 alone refuse.`

func (a *app) rekeyCommand() *cobra.Command {
	var how vault.RekeyOptions
	cmd := &cobra.Command{
		Use:   "rekey",
		Short: "Seal the vault anew, with a new vault key",
		Long:  rekeyLong,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.onVault(cmd.Context(), func(ctx context.Context, o vault.Options) error {
				_, err := vault.Rekey(ctx, o, how)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&how.Cipher, "cipher", "", "xchacha20poly1305 or aes256gcm; default: as it is")
	cmd.Flags().BoolVar(&how.Drop, "drop", false, "drop the keys that are not given")
	return cmd
}

// oneNumber accepts the number of a key.
func oneNumber(cmd *cobra.Command, args []string) error {
	if len(args) == 1 {
		if _, err := strconv.ParseUint(args[0], 10, 64); err == nil {
			return nil
		}
	}
	return usage(fmt.Sprintf("%q takes the number of a key, as kinring vault keys lists them", cmd.CommandPath()))
}

func slotNumber(args []string) uint64 {
	n, _ := strconv.ParseUint(args[0], 10, 64) // oneNumber looked
	return n
}
