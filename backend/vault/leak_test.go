package vault

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/kinring/kinring/store"
)

// TestNothingLeaks looks for values, names and keys in every file that a vault
// makes, while it is open and after.
func TestNothingLeaks(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "vault.db")
	t.Setenv("TMPDIR", dir)
	if err := create(t.Context(), Options{Path: path, Keys: []KeySource{phrase(sentinel + "-phrase")}}, cheap); err != nil {
		t.Fatal(err)
	}
	o := Options{Path: path, Keys: []KeySource{phrase(sentinel + "-phrase")}}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	secret := store.Key{Service: sentinel + "-service", Account: sentinel + "-account"}
	record := store.Record{Version: 1, Generation: 3, KeyID: sentinel, Digest: sentinel}
	for _, value := range []string{sentinel + "-first", numbered(3)} {
		if _, err := s.Put(t.Context(), secret, store.Item{Value: store.NewValue([]byte(value)), Record: record}, store.Any()); err != nil {
			t.Fatal(err)
		}
	}
	wantNoSentinel(t, dir)
	if err := s.Delete(t.Context(), secret, store.Any()); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	wantNoSentinel(t, dir)
}

// wantNoSentinel reads files of an open vault. That is safe here because no
// other process is there to be locked out.
func wantNoSentinel(t *testing.T, dir string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		n++
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(sentinel)) {
			t.Errorf("%s holds the sentinel", path)
		}
		return err
	})
	if err != nil || n < 3 {
		t.Fatalf("%d files, %v", n, err)
	}
}
