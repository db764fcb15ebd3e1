package vault

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kinring/kinring/store"
)

// goldenSums are the SHA-256 of the vaults in testdata. Each was made once, by the
// first build that had its format, and every later build must read it; that of
// format 2 is that of format 1 after a rekey to the other cipher. They are never
// made anew: a change of the format gets a number and a file of its own.
var goldenSums = map[string]string{
	"format1": "fb7cff0977329d6da3418ff0773cd10b891bda4ba576b66b0333e42a621b6ee3",
	"format2": "2140ff5175a09942689378ca9966790413dd7df7e453612237f75708b932d83c",
}

// goldenKey is the vault's fingerprint key, which must not change either.
const goldenKey = "ca10d86cc0d3120d442501b68b3bffd6bc1da63563d6508ee7a0928df2fb668f"

type goldenItem struct {
	key      store.Key
	value    string
	text     string // of the record
	revision store.Revision
}

var golden = []goldenItem{
	{store.Key{Service: "Codex Auth", Account: "cli|0123456789abcdef"}, `{"OPENAI_API_KEY":"sk-test-golden"}`,
		"kr1;v;12;3f9c2a10;dGVzdC1kaWdlc3Q;file=:c29tZS1wcmludA;ring=->bmV3", "566c521d62a6b9030d5fadfc7d7c8dd9"},
	{store.Key{Service: "Codex Auth", Account: "signed out"}, "", "kr1;m;18446744073709551615;3f9c2a10;;file=?", "0be4f5542f880ca14c182b889d093219"},
	{store.Key{Service: "Codex Auth", Account: "newer record"}, "readable", "kr7;v;3;whatever;a;later;build;writes", "68ee02ff2ccd5d0eb5ac3993d95c646a"},
	{store.Key{Service: "empty", Account: "value"}, "", "", "2d210ce29fc5d1a40329f441edb0b787"},
	{store.Key{Service: "Ünï/|:{}\"%", Account: "bytes"}, "\x00\xff\r\n", "", "fcf0cb5a68c56881427c6ab838454529"},
	{store.Key{Service: "long", Account: "value"}, strings.Repeat("0123456789abcdef", 1000), "", "d544c71f9a9cf989b5c0158e4ffa6a20"},
}

// goldenCopy copies the golden vault to where it may be opened: what a checkout
// makes has modes of its own.
func goldenCopy(t *testing.T, name string) (path, passphrase string) {
	t.Helper()
	dir := t.TempDir()
	for _, file := range []string{"vault.db", "vault.db.key", "passphrase"} {
		data, err := os.ReadFile(filepath.Join("testdata", name, file))
		if err != nil {
			t.Fatal(err)
		}
		rewrite(t, filepath.Join(dir, file), data)
	}
	return filepath.Join(dir, "vault.db"), filepath.Join(dir, "passphrase")
}

// eachGolden runs a test on a copy of each golden vault.
func eachGolden(t *testing.T, f func(t *testing.T, path, passphrase string)) {
	for name := range goldenSums {
		t.Run(name, func(t *testing.T) {
			path, passphrase := goldenCopy(t, name)
			f(t, path, passphrase)
		})
	}
}

func TestGoldenVaultsAreUnchanged(t *testing.T) {
	for name, want := range goldenSums {
		data, err := os.ReadFile(filepath.Join("testdata", name, "vault.db"))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want {
			t.Errorf("the golden vault of %s has changed: %x", name, sum)
		}
	}
}

func TestGoldenVaultOpens(t *testing.T) {
	eachGolden(t, func(t *testing.T, path, passphrase string) {
		for _, source := range []KeySource{KeyFile(path + ".key"), PassphraseFile(passphrase)} {
			s, err := Open(t.Context(), Options{Path: path, Keys: []KeySource{source}})
			if err != nil {
				t.Fatal(err)
			}
			checkGolden(t, s)
			mustClose(t, s)
		}
	})
}

// TestGoldenVaultsStayInTheirFormat: nothing but a rekey changes a vault's format.
func TestGoldenVaultsStayInTheirFormat(t *testing.T) {
	for name, want := range map[string]int{"format1": format, "format2": formatRekeyed} {
		path, _ := goldenCopy(t, name)
		s := openVault(t, path)
		mustPut(t, s, "there", sentinel)
		mustClose(t, s)
		if _, err := addKey(t.Context(), options(path), keyFileIn(t), cost{}); err != nil {
			t.Fatal(err)
		}
		if d, err := Describe(t.Context(), path); err != nil || d.Format != want {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
}

func checkGolden(t *testing.T, s store.Store) {
	t.Helper()
	for _, g := range golden {
		i, err := s.Get(t.Context(), g.key)
		if err != nil || string(i.Value.Bytes()) != g.value || i.Record.String() != g.text || i.Revision != g.revision {
			t.Errorf("%s: %d bytes, record %s, revision %s, %v", g.key.Redacted(), i.Value.Len(), i.Record, i.Revision, err)
		}
	}
	entries, err := s.List(t.Context(), "Codex Auth")
	if err != nil || len(entries) != 3 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	_, err = s.Get(t.Context(), store.Key{Service: "Codex Auth", Account: "deleted"})
	wantClass(t, err, store.ErrNotFound)
	fingerprints, err := s.(store.FingerprintKeyer).FingerprintKey(t.Context())
	if err != nil || hex.EncodeToString(fingerprints) != goldenKey {
		t.Errorf("fingerprint key %x, %v", fingerprints, err)
	}
}

func TestGoldenVaultIsWritten(t *testing.T) {
	eachGolden(t, func(t *testing.T, path, _ string) {
		s := openVault(t, path)
		if _, err := s.Put(t.Context(), golden[0].key, item("new"), store.Match(golden[0].revision)); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), golden[1].key, store.Match(golden[1].revision)); err != nil {
			t.Fatal(err)
		}
		if entries, err := s.List(t.Context(), ""); err != nil || len(entries) != len(golden)-1 {
			t.Errorf("%d entries, %v", len(entries), err)
		}
	})
}

func TestGoldenVaultIsAsDocumented(t *testing.T) {
	eachGolden(t, func(t *testing.T, path, passphrase string) {
		keyFile, err := os.ReadFile(path + ".key")
		if err != nil {
			t.Fatal(err)
		}
		phrase, err := os.ReadFile(passphrase)
		if err != nil {
			t.Fatal(err)
		}
		d, items := decode(t, path, slotKeys(t, string(keyFile), strings.TrimSuffix(string(phrase), "\n")))
		for _, g := range golden {
			if !slices.ContainsFunc(items, func(d documented) bool {
				return d.service == g.key.Service && d.account == g.key.Account && d.value == g.value &&
					d.record == g.text && hexOf(d.revision) == string(g.revision)
			}) {
				t.Errorf("%s is not in it as documented", g.key.Redacted())
			}
		}
		if len(items) != len(golden) || hexOf(d.fingerprintKey()) != goldenKey {
			t.Errorf("%d items, fingerprint key %x", len(items), d.fingerprintKey())
		}
	})
}
