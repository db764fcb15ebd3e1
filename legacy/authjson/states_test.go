package authjson_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kinring/kinring/store"
)

// TestTroubles: whatever stands in the file's place, it is named, it is never
// absence, and nothing is changed.
func TestTroubles(t *testing.T) {
	both(t, func(t *testing.T, l layout, _ string) {
		for _, c := range []struct {
			name string
			make func(t *testing.T, path string)
			want error
		}{
			{"empty", func(t *testing.T, path string) { write(t, path, "") }, store.ErrCorrupt},
			{"half-written", func(t *testing.T, path string) { write(t, path, l.oldFile[:len(l.oldFile)/2]) }, store.ErrCorrupt},
			{"not JSON", func(t *testing.T, path string) { write(t, path, "sk-test-old-0001\n") }, store.ErrCorrupt},
			{"a JSON text", func(t *testing.T, path string) { write(t, path, `"sk-test-old-0001"`) }, store.ErrCorrupt},
			{"two objects", func(t *testing.T, path string) { write(t, path, l.oldFile+l.oldFile) }, store.ErrCorrupt},
			{"not UTF-8", func(t *testing.T, path string) { write(t, path, "{\"\xff\":1}") }, store.ErrCorrupt},
			{"nested too deep", func(t *testing.T, path string) { write(t, path, strings.Repeat(`{"a":`, 100000)) }, store.ErrCorrupt},
			{"a folder", func(t *testing.T, path string) { mkdir(t, path) }, store.ErrCorrupt},
			{"100 MB", func(t *testing.T, path string) { sparse(t, path, 100<<20) }, store.ErrTooLarge},
			{"a symlink", func(t *testing.T, path string) { symlinkTo(t, path, l.oldFile) }, store.ErrDenied},
			{"a symlink to nothing", func(t *testing.T, path string) { symlink(t, path+".none", path) }, store.ErrDenied},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				inTrouble(t, l, c.make, c.want)
			})
		}
	})
}

func inTrouble(t *testing.T, l layout, begin func(*testing.T, string), want error) {
	home := t.TempDir()
	begin(t, l.path(home))
	s := l.open(t, home)
	before := snapshot(t, home)
	_, get := s.Get(t.Context(), l.key)
	_, put := s.Put(t.Context(), l.key, item(l.new), store.Any())
	_, list := s.List(t.Context(), "")
	for what, err := range map[string]error{
		"get": get, "put": put, "list": list,
		"delete":            s.Delete(t.Context(), l.key, store.Any()),
		"delete a revision": s.Delete(t.Context(), l.key, store.Match("r")),
	} {
		wantClass(t, what, err, want)
		if err != nil && (!strings.Contains(err.Error(), l.path(home)) || strings.Contains(err.Error(), "sk-test")) {
			t.Errorf("%s: the error does not name the file, or shows the value: %v", what, err)
		}
	}
	if after := snapshot(t, home); after != before {
		t.Errorf("something was changed:\n%.500s\nwas\n%.500s", after, before)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

// sparse makes a file that is long and takes no room.
func sparse(t *testing.T, path string, size int64) {
	t.Helper()
	write(t, path, "{")
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Skipf("no symlinks here: %v", err)
	}
}

func symlinkTo(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".target", text)
	symlink(t, path+".target", path)
}

// TestStamp: a stamp moves with every write and stays without one, also when the
// file cannot be read as what it should be.
func TestStamp(t *testing.T) {
	both(t, func(t *testing.T, l layout, home string) {
		s := l.open(t, home).(interface {
			Stamp(context.Context, store.Key) (string, error)
		})
		seen := map[string]string{}
		for _, c := range []struct{ name, text string }{
			{"absent", ""}, {"written", l.oldFile}, {"longer", l.oldFile + " "}, {"damaged", "{"},
		} {
			if c.text != "" {
				write(t, l.path(home), c.text)
			}
			one, err1 := s.Stamp(t.Context(), l.key)
			two, err2 := s.Stamp(t.Context(), l.key)
			if err1 != nil || err2 != nil || one != two || one == "" {
				t.Errorf("%s: %q, %v, and then %q, %v", c.name, one, err1, two, err2)
			}
			if before, twice := seen[one]; twice {
				t.Errorf("%s has the same stamp as %s", c.name, before)
			}
			seen[one] = c.name
		}
		if err := os.Remove(l.path(home)); err != nil {
			t.Fatal(err)
		}
		mkdir(t, l.path(home))
		_, err := s.Stamp(t.Context(), l.key)
		wantClass(t, "a folder", err, store.ErrCorrupt)
	})
}

func TestOpenRefuses(t *testing.T) {
	both(t, func(t *testing.T, l layout, home string) {
		registered, err := store.LayoutFor(l.name)
		if err != nil {
			t.Fatal(err)
		}
		for name, spoil := range map[string]func(*store.SourceConfig){
			"no home":          func(c *store.SourceConfig) { c.Vars = nil },
			"a relative home":  func(c *store.SourceConfig) { c.Vars = map[string]string{"home": "codex"} },
			"a relative path":  func(c *store.SourceConfig) { c.Path = "auth.json" },
			"nothing to serve": func(c *store.SourceConfig) { c.Keys, c.Service = nil, "" },
		} {
			config := l.config(home)
			spoil(&config)
			_, err := registered.Open(config)
			wantClass(t, name, err, store.ErrInvalid)
		}
	})
}

func TestLoginIsOneKey(t *testing.T) {
	l := layouts[0]
	registered, err := store.LayoutFor(l.name)
	if err != nil {
		t.Fatal(err)
	}
	config := l.config(t.TempDir())
	config.Keys = append(config.Keys, store.SourceKey{Key: entryKey})
	_, err = registered.Open(config)
	wantClass(t, "two keys", err, store.ErrInvalid)
}

// TestPath: a path of the profile's own goes before the home, and so does its
// lock; the other lock stays in the home.
func TestPath(t *testing.T) {
	home, elsewhere := t.TempDir(), t.TempDir()
	l := layouts[0]
	registered, err := store.LayoutFor(l.name)
	if err != nil {
		t.Fatal(err)
	}
	config := l.config(home)
	config.Path = filepath.Join(elsewhere, "login.json")
	s, err := registered.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Put(t.Context(), l.key, item(l.old), store.Any()); err != nil {
		t.Fatal(err)
	}
	wantFile(t, config.Path, l.old)
	for _, lock := range []string{config.Path + ".lock", filepath.Join(home, "auth.lock")} {
		if _, err := os.Stat(lock); err != nil {
			t.Error(err)
		}
	}
	if s.Info().ID != config.Path {
		t.Errorf("the source is named %q; want %q", s.Info().ID, config.Path)
	}
}

// TestOtherKeys: a key that the file cannot hold is not there, and cannot be put
// there.
func TestOtherKeys(t *testing.T) {
	both(t, func(t *testing.T, l layout, home string) {
		s := l.holding(t, home)
		other := store.Key{Service: "another", Account: l.key.Account}
		_, err := s.Get(t.Context(), other)
		wantClass(t, "get", err, store.ErrNotFound)
		_, err = s.Put(t.Context(), other, item(l.new), store.Any())
		wantClass(t, "put", err, store.ErrUnsupported)
		wantClass(t, "delete", s.Delete(t.Context(), other, store.Any()), store.ErrNotFound)
		wantFile(t, l.path(home), l.oldFile)
		if entries, err := s.List(t.Context(), other.Service); err != nil || len(entries) != 0 {
			t.Errorf("list: %v, %v", entries, err)
		}
	})
}
