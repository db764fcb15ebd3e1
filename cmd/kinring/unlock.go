package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/vault"
)

const unlockLong = `Open the vault by one of its keys, and let all programs of this user open it without
one for a while. On Linux the vault's key lies in the kernel's keyring of the user
meanwhile: in memory, out of other users' reach, the same for all shells, and gone
when the time is over, with a reboot, or after kinring lock.

Elsewhere, and where a container forbids the kernel's keyring, this needs the
broker.`

// defaultUnlock is how long unlock lasts unless --for says.
const defaultUnlock = time.Hour

// unlockDocument is kinring.unlock/1.
type unlockDocument struct {
	Schema     string `json:"schema"`
	Vault      string `json:"vault"`
	ForSeconds int64  `json:"for_seconds"`
}

func (a *app) unlockCommand() *cobra.Command {
	var d time.Duration
	cmd := &cobra.Command{
		Use:   "unlock",
		Short: "Keep the vault open for a while",
		Long:  unlockLong,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := a.deadline(cmd.Context())
			defer cancel()
			return a.unlock(ctx, d)
		},
	}
	cmd.Flags().DurationVar(&d, "for", defaultUnlock, "how long, such as 15m or 8h")
	return cmd
}

// unlock needs one of the vault's own keys: what an unlock before left would
// otherwise prolong itself for ever. Where the system keeps none, the family's
// broker does.
func (a *app) unlock(ctx context.Context, d time.Duration) error {
	path, err := vaultPath()
	if err != nil {
		return err
	}
	o := vault.Options{Path: path, Keys: append([]vault.KeySource{vault.KeyInKeyring(systemKeyring())}, a.keyFiles(path)...)}
	if a.mayAsk() {
		o.Keys = append(o.Keys, askPassphrase)
	}
	if err := vault.Unlock(ctx, o, d); err != nil {
		if !errors.Is(err, kinring.ErrUnsupported) {
			return err
		}
		if brokerErr := a.unlockBroker(ctx, d); brokerErr != nil {
			return unheld(err, brokerErr)
		}
	}
	if a.json {
		return a.printJSON(unlockDocument{"kinring.unlock/1", path, int64(d.Seconds())})
	}
	_, err = fmt.Fprintf(a.out, "%s is unlocked for %s\n", path, d)
	return err
}

const lockLong = `Take back what kinring unlock left, at once and for all programs, and make the
family's broker forget the vault's key. Other programs that have the vault open
keep it open until they end. The vault and its keys stay as they are: a broker
that finds a key file opens it again. Not being unlocked is no error.`

// lockDocument is kinring.lock/1.
type lockDocument struct {
	Schema      string `json:"schema"`
	Vault       string `json:"vault"`
	WasUnlocked bool   `json:"was_unlocked"`
}

func (a *app) lockCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lock",
		Short: "End what unlock began",
		Long:  lockLong,
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := a.deadline(cmd.Context())
			defer cancel()
			return a.lock(ctx)
		},
	}
}

func (a *app) lock(ctx context.Context) error {
	path, err := vaultPath()
	if err != nil {
		return err
	}
	was, err := vault.Lock(ctx, path)
	if err != nil && !errors.Is(err, kinring.ErrUnsupported) {
		return err
	}
	told, open, brokerErr := a.lockBroker(ctx)
	if brokerErr != nil || !told && err != nil {
		return cmp.Or(brokerErr, err)
	}
	was = was || open
	if a.json {
		return a.printJSON(lockDocument{"kinring.lock/1", path, was})
	}
	text := "was not unlocked"
	if was {
		text = "is locked"
	}
	_, err = fmt.Fprintf(a.out, "%s %s\n", path, text)
	return err
}
