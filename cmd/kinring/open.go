package main

import (
	"context"
	"fmt"
	"os"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/keychain"
	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/backend/secretservice"
	"github.com/kinring/kinring/backend/vault"
	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"

	_ "github.com/kinring/kinring/legacy/authjson"
	_ "github.com/kinring/kinring/legacy/codexconfig"
	_ "github.com/kinring/kinring/legacy/codexkeyring"
	_ "github.com/kinring/kinring/legacy/codexsecrets"
	_ "github.com/kinring/kinring/legacy/file"
	_ "github.com/kinring/kinring/legacy/gokeyring"
	_ "github.com/kinring/kinring/legacy/keyring99"
	_ "github.com/kinring/kinring/legacy/rustkeyring"
	_ "github.com/kinring/kinring/legacy/secretitems"
	_ "github.com/kinring/kinring/legacy/vscdb"
)

// open opens the family's ring with the store that the environment names, through
// the broker if there is one.
func (a *app) open(ctx context.Context) (*kinring.Ring, error) {
	return a.openFor(ctx, kinring.WithEnvironment())
}

func (a *app) openFor(ctx context.Context, more ...kinring.Option) (*kinring.Ring, error) {
	p, err := a.profile.load()
	if err != nil {
		return nil, err
	}
	if a.looksOnly {
		p.Policy.BulkMigrate = coexist.BulkNever
	}
	driver, _, err := a.driver(ctx, p)
	if err != nil {
		return nil, err
	}
	options := append(more, kinring.WithStore(driver), kinring.WithNotices(a.tell), kinring.WithInteraction(a.interaction()))
	if a.switchStore {
		options = append(options, kinring.WithSwitchedStore())
	}
	if p.Development == vault.Kind {
		own, err := a.driverOf(vault.Kind)
		if err != nil {
			return nil, err
		}
		options = append(options, kinring.WithDevelopmentStore(own))
	}
	return kinring.Open(ctx, p, options...)
}

// interaction says whether stores may ask the person at the terminal.
func (a *app) interaction() kinring.Interaction {
	if a.mayAsk() {
		return kinring.IfAttended
	}
	return kinring.Never
}

// with runs f on the family's ring within the run's deadline.
func (a *app) with(ctx context.Context, f func(context.Context, *kinring.Ring) error) error {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	ring, err := a.open(ctx)
	if err != nil {
		return err
	}
	for _, l := range ring.Family().Legacy {
		a.sources = append(a.sources, l.SourceName())
	}
	err = f(ctx, ring)
	if e := ring.Close(); err == nil {
		err = e
	}
	return err
}

// driver returns the store that KINRING_STORE names for a family, and why it is
// that one. The profile may be empty.
func (a *app) driver(ctx context.Context, p kinring.Profile) (driver store.Driver, why string, err error) {
	kind, why := os.Getenv("KINRING_STORE"), "KINRING_STORE says so"
	if kind == "" || kind == "auto" {
		if kind, why, err = a.auto(ctx, p); err != nil {
			return nil, "", err
		}
	}
	driver, err = a.driverOf(kind)
	if why == byGroup && err == nil {
		driver = unreached{driver}
	}
	return driver, why, err
}

func (a *app) driverOf(kind string) (store.Driver, error) {
	switch kind {
	case vault.Kind:
		options, err := a.vaultOptions()
		return vault.Driver(options), err
	case memory.Kind, secretservice.Kind:
		return store.DriverFor(kind)
	case keychain.Kind:
		return a.keychainDriver()
	case "wincred":
		return nil, &kinring.Error{Class: kinring.ErrUnsupported, Op: "open", Store: kind,
			Detail: "this build does not have this store", Remedy: "use KINRING_STORE=vault"}
	default:
		return nil, usage(fmt.Sprintf("KINRING_STORE is %q; use auto, keychain, secret-service, vault or memory", kind))
	}
}

// vaultPath returns where the vault is.
func vaultPath() (string, error) {
	if path := os.Getenv("KINRING_VAULT"); path != "" {
		return path, nil
	}
	return vault.DefaultPath()
}

// vaultOptions returns where the vault is and where its key may come from: what
// unlock left, the system's keyring, then the files that are named. A person is
// asked only if no file is.
func (a *app) vaultOptions() (vault.Options, error) {
	path, err := vaultPath()
	if err != nil {
		return vault.Options{}, err
	}
	o := vault.Options{Path: path, Resident: a.handed != nil, Keys: []vault.KeySource{a.handed.held(), vault.KeyInKeyring(systemKeyring())}}
	files := append(a.handed.sources(), a.keyFiles(path)...)
	if len(files) == 0 && a.mayAsk() {
		files = append(files, askPassphrase)
	}
	o.Keys = append(o.Keys, files...)
	return o, nil
}

// keyFiles returns the sources that are files.
func (a *app) keyFiles(vaultPath string) []vault.KeySource {
	var keys []vault.KeySource
	if file := a.keyFile(vaultPath); file != "" {
		keys = append(keys, vault.KeyFile(file))
	}
	if file := os.Getenv("KINRING_PASSPHRASE_FILE"); file != "" {
		keys = append(keys, vault.PassphraseFile(file))
	}
	return append(keys, vault.Credential(os.Getenv("CREDENTIALS_DIRECTORY"))...)
}

var askPassphrase = vault.Passphrase(func(ctx context.Context) ([]byte, error) {
	return askSecret(ctx, "Passphrase of the vault: ")
})

// keyFile returns the key file that the environment names, else the one that
// init makes beside the vault if it is there.
func (a *app) keyFile(vaultPath string) string {
	if file := os.Getenv("KINRING_KEY_FILE"); file != "" {
		return file
	}
	file := vault.DefaultKeyFile(vaultPath)
	if _, err := os.Lstat(file); err != nil {
		return ""
	}
	return file
}
