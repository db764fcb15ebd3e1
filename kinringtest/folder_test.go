package kinringtest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Target{
		Open:   func(t testing.TB) store.Store { return newFolder("older", filepath.Join(t.TempDir(), "older")) },
		Reopen: func(t testing.TB, s store.Store) store.Store { return newFolder("older", s.(*folder).dir) },
		Troubles: []storetest.Trouble{{Name: "damage", Class: store.ErrCorrupt, Begin: func(t testing.TB, s store.Store) store.Store {
			for _, path := range files(t, s.(*folder)) {
				if err := os.Rename(path, path+".aside"); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(`{"Value":`), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			return s
		}, End: func(t testing.TB, s store.Store) store.Store {
			for _, path := range files(t, s.(*folder)) {
				if err := os.Rename(path+".aside", path); err != nil {
					t.Fatal(err)
				}
			}
			return s
		}}},
	})
}

func files(t testing.TB, f *folder) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(f.dir, "*"+fileTail))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestFolderIsAbsolute(t *testing.T) {
	if _, err := (layout{}).Open(store.SourceConfig{Name: "older", Path: "somewhere"}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a folder that is not absolute: %v", err)
	}
}

// FuzzFile: whatever stands in a file, reading it gives an item or says why not.
func FuzzFile(f *testing.F) {
	f.Add([]byte(`{"Service":"s","Account":"a","Value":"eA==","Revision":"r"}`))
	f.Add([]byte(`{"Value":7}`))
	f.Add([]byte(`{`))
	key := store.Key{Service: "s", Account: "a"}
	f.Fuzz(func(t *testing.T, text []byte) {
		source := newFolder("older", t.TempDir())
		if err := os.WriteFile(source.path(key), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := source.Get(t.Context(), key); err != nil && !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("%q: %v", text, err)
		}
	})
}
