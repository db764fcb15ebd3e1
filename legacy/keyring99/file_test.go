package keyring99

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/internal/strangers"
	"github.com/kinring/kinring/store"
)

var key = store.Key{Service: "any service", Account: "profile/a%b c é"}

// open returns a source on a folder; passphrase is a file's text, "-" for none.
func open99(t *testing.T, dir, passphrase string) store.Store {
	t.Helper()
	vars := map[string]string{}
	if passphrase != "-" {
		vars[passphraseVariable] = filepath.Join(t.TempDir(), "passphrase")
		write(t, vars[passphraseVariable], passphrase)
	}
	s, err := Files{}.Open(store.SourceConfig{Name: "older", Path: dir, Service: key.Service, Vars: vars})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func names(t *testing.T, s store.Store) []string {
	t.Helper()
	all, err := s.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range all {
		out = append(out, e.Key.Account)
	}
	slices.Sort(out)
	return out
}

// TestFilesOfTheLibrary has the library itself write, read and delete beside the
// source.
func TestFilesOfTheLibrary(t *testing.T) {
	older := strangers.Keyring99File
	older.Need(t)
	bus := &keyringtest.Bus{Home: t.TempDir()}
	dir := filepath.Join(t.TempDir(), "keys")
	older.Set(t, bus, dir, key.Account, "made-up value")
	older.Set(t, bus, dir, "other", "another")
	before, err := os.ReadFile(filepath.Join(dir, escape(key.Account)))
	if err != nil {
		t.Fatal(err)
	}
	s := open99(t, dir, strangers.Passphrase+"\r\n")
	got, err := s.Get(t.Context(), key)
	if err != nil || string(got.Value.Bytes()) != "made-up value" {
		t.Fatalf("get: %q, %v", got.Value.Bytes(), err)
	}
	if all := names(t, s); !slices.Equal(all, []string{"other", key.Account}) {
		t.Errorf("list: %q", all)
	}
	if after, _ := os.ReadFile(filepath.Join(dir, escape(key.Account))); string(after) != string(before) {
		t.Error("reading changed the file")
	}
	if _, err := s.Put(t.Context(), key, store.Item{Value: store.NewValue([]byte("next\x00\xff"))}, store.Match(got.Revision)); err != nil {
		t.Fatal(err)
	}
	if value, _ := older.Get(t, bus, dir, key.Account); value != "next\x00\xff" {
		t.Errorf("the library reads %q", value)
	}
	text, err := s.(*files).content(t.Context(), filepath.Join(dir, escape(key.Account)))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := open(text, []byte(strangers.Passphrase)); err != nil || !strings.Contains(string(plain), "label of ") || !strings.Contains(string(plain), "described") {
		t.Errorf("the other fields are gone: %v", err)
	}
	if err := s.Delete(t.Context(), key, store.Any()); err != nil {
		t.Fatal(err)
	}
	if _, there := older.Get(t, bus, dir, key.Account); there {
		t.Error("the library still finds what was deleted")
	}
	if !older.Delete(t, bus, dir, "other") || len(names(t, s)) > 0 {
		t.Errorf("left: %q", names(t, s))
	}
}

// TestI4WithoutPassphrase: what is encrypted is locked, never absent; which keys
// there are is no secret, and they can be deleted.
func TestI4WithoutPassphrase(t *testing.T) {
	dir := t.TempDir()
	if _, err := open99(t, dir, "p").Put(t.Context(), key, store.Item{Value: store.NewValue([]byte("v"))}, store.Any()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, passphrase string
		want             error
	}{{"none", "-", store.ErrLocked}, {"another", "q", store.ErrDenied}} {
		s := open99(t, dir, c.passphrase)
		if _, err := s.Get(t.Context(), key); !errors.Is(err, c.want) {
			t.Errorf("%s: get: %v", c.name, err)
		}
		if _, err := s.Put(t.Context(), key, store.Item{}, store.Any()); !errors.Is(err, c.want) {
			t.Errorf("%s: put: %v", c.name, err)
		}
		if all := names(t, s); !slices.Equal(all, []string{key.Account}) {
			t.Errorf("%s: list: %q", c.name, all)
		}
		if _, err := s.Get(t.Context(), store.Key{Service: key.Service, Account: "none"}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: get of nothing: %v", c.name, err)
		}
	}
	if err := open99(t, dir, "-").Delete(t.Context(), key, store.Any()); err != nil {
		t.Error(err)
	}
}

// TestNamesThatAreNoFile: a key must not lead out of the folder.
func TestNamesThatAreNoFile(t *testing.T) {
	s := open99(t, t.TempDir(), "p")
	for _, account := range []string{".", "..", strings.Repeat("a", maxName+1), strings.Repeat("/", maxName/3+1)} {
		k := store.Key{Service: key.Service, Account: account}
		if _, err := s.Get(t.Context(), k); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q: get: %v", account, err)
		}
		if _, err := s.Put(t.Context(), k, store.Item{}, store.Any()); !errors.Is(err, store.ErrUnsupported) {
			t.Errorf("%q: put: %v", account, err)
		}
	}
	if _, err := (Files{}).Open(store.SourceConfig{Name: "older", Path: "relative", Service: "s"}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a relative folder: %v", err)
	}
}

// FuzzNames: whatever the account, its file's name leads back to it.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"a", "a/b", "%", "%2F", "..", "a%25b", "é"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, account string) {
		name := escape(account)
		if back, ok := unescape(name); !ok || back != account || strings.Contains(name, "/") {
			t.Errorf("%q becomes %q and then %q, %v", account, name, back, ok)
		}
	})
}

// FuzzToken: no text is taken for a token that opens.
func FuzzToken(f *testing.F) {
	token, err := seal([]byte(`{"Data":"eA=="}`), []byte("p"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add([]byte("eyJhbGciOiJkaXIifQ....AAAAAAAAAAAAAAAAAAAAAA"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if plain, err := open(text, []byte("another passphrase")); err == nil {
			t.Errorf("%q opens and holds %q", text, plain)
		}
	})
}

// FuzzObject: what is put into an object comes out of it, and what else it holds
// stays.
func FuzzObject(f *testing.F) {
	f.Add([]byte("value"), []byte(`{"Key":"a","Data":"eA==","Label":"l","Other":[1]}`))
	f.Add([]byte{}, []byte(`{"Data":null}`))
	f.Add([]byte{0xff}, []byte(`[]`))
	f.Fuzz(func(t *testing.T, value, before []byte) {
		text, err := object{}.Encode(key, value, before)
		if err != nil {
			return
		}
		if back, err := (object{}).Decode(text); err != nil || string(back) != string(value) {
			t.Errorf("%q in %q comes back as %q, %v", value, before, back, err)
		}
	})
}

func TestObjectsThatAreNone(t *testing.T) {
	for text, want := range map[string]error{``: errNoObject, `[]`: errNoObject, `null`: errNoObject, `{}`: errNoData,
		`{"Data":"%"}`: errNoData, `{"Data":5}`: errNoData} {
		if _, err := (object{}).Decode([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
	if value, err := (object{}).Decode([]byte(`{"Data":null}`)); err != nil || len(value) != 0 {
		t.Errorf("no data: %q, %v", value, err)
	}
}
