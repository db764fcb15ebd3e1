package vault

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/kinring/kinring/store"
)

// TestCredential: a service's credential holds a key or a passphrase, whatever
// mode systemd gave it.
func TestCredential(t *testing.T) {
	path := newVaultIn(t, t.TempDir(), cheap)
	if _, err := addKey(t.Context(), options(path), phrase("a phrase"), cheap.cost); err != nil {
		t.Fatal(err)
	}
	keyText, err := os.ReadFile(DefaultKeyFile(path))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "credentials")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if sources := append(Credential(""), Credential(dir)...); len(sources) != 0 {
		t.Errorf("%d sources where there is none", len(sources))
	}
	for text, class := range map[string]*store.Class{string(keyText): nil, "a phrase\n": nil, "another": store.ErrDenied, "": store.ErrInvalid} {
		if err := os.WriteFile(filepath.Join(dir, CredentialName), []byte(text), 0o440); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), Options{Path: path, Keys: Credential(dir)})
		if class == nil && err == nil {
			mustClose(t, s)
		} else {
			wantClass(t, err, class)
		}
		remove(t, filepath.Join(dir, CredentialName))
	}
	if runtime.GOOS == "windows" {
		return
	}
	rewrite(t, filepath.Join(dir, CredentialName), keyText)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	mustNotOpen(t, path, store.ErrDenied, Credential(dir)...)
}
