package main

import (
	"context"
	"os"
	"slices"

	"github.com/kinring/kinring/backend/secretservice"
	"github.com/kinring/kinring/backend/vault"
	"github.com/kinring/kinring/store"
)

// examineKeys says where the vault's key would come from: the first source in the
// order in which they are tried that has it.
func (a *app) examineKeys(ctx context.Context, vaultPath string) finding {
	files := a.examineKeyFiles(vaultPath)
	d, err := vault.Describe(ctx, vaultPath)
	inKeyring := err == nil && slices.ContainsFunc(d.Slots, func(s vault.Slot) bool { return s.Kind == "keyring" })
	if !inKeyring { // what is wrong with the vault itself is another finding
		return files
	}
	kept := keyInKeyring(ctx, d.ID)
	if kept.bad() && files.State == "ok" {
		files.Detail += "; not the one " + kept.Detail
		return files
	}
	return kept
}

// keyInKeyring says whether a vault's key is in the system's keyring. The key
// itself is not read.
func keyInKeyring(ctx context.Context, vaultID string) finding {
	where := keyringKind()
	if where == secretservice.Kind { // which may name what it cannot show
		if f := keyringFinding(ctx); f.bad() {
			return finding{"key", f.State, "in the keyring: " + f.Detail, f.Remedy}
		}
	}
	s, err := systemKeyring().Open(ctx)
	if err != nil {
		return failed("key", err)
	}
	defer s.Close()
	items, err := s.List(ctx, vault.KeyringService)
	if err != nil {
		return failed("key", err)
	}
	if !slices.ContainsFunc(items, func(e store.Entry) bool { return e.Key.Account == vaultID }) {
		return finding{"key", "missing", "the one in the " + where + " is not there any more, and is never made anew",
			"bring the item " + vault.KeyringService + "/" + vaultID + " back from a backup, or use another key of the vault"}
	}
	return finding{Subject: "key", State: "ok", Detail: "in the " + where}
}

// examineKeyFiles says whether a file with the vault's key is there.
func (a *app) examineKeyFiles(vaultPath string) finding {
	file, what := a.keyFile(vaultPath), "key file"
	if file == "" {
		file, what = os.Getenv("KINRING_PASSPHRASE_FILE"), "passphrase file"
	}
	if file == "" {
		return finding{"key", "missing", "no key file and no passphrase file is named",
			"set KINRING_KEY_FILE or KINRING_PASSPHRASE_FILE, or be at a terminal to be asked"}
	}
	if err := vault.ExamineSecretFile(file); err != nil {
		return failed("key", err)
	}
	return finding{Subject: "key", State: "ok", Detail: what + " " + file}
}
