//go:build unix

package vault

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/kinring/kinring/internal/unprivileged"
	"github.com/kinring/kinring/store"
)

// TestOthersVaults meets vaults and keys of another user.
func TestOthersVaults(t *testing.T) {
	unprivileged.NeedRoot(t, "files of two owners are made")
	unprivileged.Run(t, makeOthersVaults, func(t *testing.T, dir string) {
		at := func(name string) string { return filepath.Join(dir, name, "vault.db") }
		if f, err := os.Open(at("closed")); !errors.Is(err, fs.ErrPermission) {
			f.Close()
			t.Fatalf("a plain open of another user's file: %v", err)
		}
		own := KeyFile(DefaultKeyFile(at("own")))
		for _, name := range []string{"closed", "readable", "hidden"} {
			err := openError(t, Options{Path: at(name), Keys: []KeySource{own}})
			wantClass(t, err, store.ErrDenied, at(name))
		}
		err := openError(t, Options{Path: at("own"), Keys: []KeySource{KeyFile(DefaultKeyFile(at("readable")))}})
		wantClass(t, err, store.ErrDenied, DefaultKeyFile(at("readable")))
		err = create(t.Context(), Options{Path: filepath.Join(dir, "closed", "new.db"), Keys: []KeySource{own}}, cheap)
		wantClass(t, err, store.ErrDenied, filepath.Join(dir, "closed"))
		s := openVault(t, at("own"))
		mustPut(t, s, "there", sentinel)
		mustClose(t, s)
		checkReadOnlyFiles(t, at("own"))
	})
}

// makeOthersVaults makes a vault of root's in each state, and one of the user's.
func makeOthersVaults(t *testing.T, dir string) {
	for name, modes := range map[string][2]fs.FileMode{"closed": {0o755, 0o600}, "readable": {0o755, 0o644}, "hidden": {0o700, 0o600}, "own": {0o700, 0o600}} {
		path := newVaultIn(t, filepath.Join(dir, name), cheap)
		files := []string{path, path + companions[0], path + companions[1], DefaultKeyFile(path)}
		for _, f := range files {
			if err := os.Chmod(f, modes[1]); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(filepath.Dir(path), modes[0]); err != nil {
			t.Fatal(err)
		}
		if name == "own" {
			unprivileged.Own(t, append(files, filepath.Dir(path))...)
		}
	}
}

// checkReadOnlyFiles: a vault that its own user may only read is read, and a
// write is denied.
func checkReadOnlyFiles(t *testing.T, path string) {
	t.Helper()
	for _, f := range []string{path, path + companions[0], path + companions[1]} {
		if err := os.Chmod(f, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	s := openVault(t, path)
	wantValue(t, s, "there", sentinel)
	_, err := s.Put(t.Context(), key("there"), item("new"), store.Any())
	wantClass(t, err, store.ErrDenied)
	wantValue(t, s, "there", sentinel)
}
