package vscdb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/litedb"
	"github.com/kinring/kinring/legacy/safestorage"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// shelf makes one store of the databases in a folder, so that the suite, which
// wants to keep any bytes under any key, can be run against sources that keep
// text under one service: each service has a database of its own, and a value is
// written in hexadecimal. All else is the source's own.
type shelf struct {
	base   string
	closed *bool
}

func (s shelf) source(service string) *source {
	a := app{userData: s.base}
	src := newSource(s.path(service), service, a, &safestorage.Safe{GOOS: "linux", Keys: &fixed{secret: itemKey}})
	if s.closed != nil && *s.closed {
		src.Close()
	}
	return src
}

// suffix is what every database's name ends with, after a digest of its service,
// which stands in a file beside it.
const suffix = ".vscdb"

func (s shelf) path(service string) string {
	sum := sha256.Sum256([]byte(service))
	return filepath.Join(s.base, hex.EncodeToString(sum[:])+suffix)
}

// all calls f with every file whose name ends so, and the service that it is of.
func (s shelf) all(ending string, f func(path, service string) error) error {
	paths, _ := filepath.Glob(filepath.Join(s.base, "*"+ending))
	for _, path := range paths {
		service, err := os.ReadFile(strings.TrimSuffix(path, ending) + ".service")
		if err := errors.Join(err, f(path, string(service))); err != nil {
			return err
		}
	}
	return nil
}

// ensure makes a service's database in one step, if there is none.
func (s shelf) ensure(service string) error {
	path := s.path(service)
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	if err := os.WriteFile(strings.TrimSuffix(path, suffix)+".service", []byte(service), 0o600); err != nil {
		return err
	}
	made, err := os.CreateTemp(s.base, "new")
	if err != nil {
		return err
	}
	err = errors.Join(made.Close(), script(made.Name(), "PRAGMA synchronous = off;"+schema), os.Link(made.Name(), path))
	_ = os.Remove(made.Name()) // on Windows not while somebody has it open by its new name
	if errors.Is(err, fs.ErrExist) {
		return nil // another one was faster
	}
	return err
}

func (s shelf) Info() store.Info {
	caps := Layout{}.Capabilities()
	caps.MaxValue = store.MaxValue / 2
	return store.Info{Kind: layoutName, ID: s.base, Capabilities: caps}
}

func (s shelf) Get(ctx context.Context, key store.Key) (store.Item, error) {
	item, err := s.source(key.Service).Get(ctx, key)
	if err != nil {
		return item, err
	}
	value, err := hex.DecodeString(string(item.Value.Bytes()))
	item.Value = store.NewValue(value)
	return item, err
}

func (s shelf) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	if err := store.CheckItem(item, s.Info().Capabilities); err != nil {
		return "", store.At(err, "put", s.base, key)
	}
	src := s.source(key.Service)
	if store.CheckKey(key) == nil {
		if err := s.ensure(key.Service); err != nil {
			return "", err
		}
	}
	item.Value = store.NewValue(enhex(item.Value.Bytes()))
	return src.Put(ctx, key, item, cond)
}

func (s shelf) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	return s.source(key.Service).Delete(ctx, key, cond)
}

func (s shelf) List(ctx context.Context, service string) ([]store.Entry, error) {
	all, err := s.source("none").List(ctx, service)
	if err != nil {
		return nil, err
	}
	return all, s.all(suffix, func(_, name string) error {
		entries, err := s.source(name).List(ctx, service)
		all = append(all, entries...)
		return err
	})
}

func (s shelf) Close() error {
	if s.closed != nil {
		*s.closed = true
	}
	return nil
}

func openShelf(base string) shelf { return shelf{base: base, closed: new(bool)} }

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Target{
		Open:   func(t testing.TB) store.Store { return openShelf(t.TempDir()) },
		Reopen: func(t testing.TB, closed store.Store) store.Store { return openShelf(closed.(shelf).base) },
		Spawn: func(t testing.TB, s store.Store, env ...string) *exec.Cmd {
			return storetest.Reexec(t, append(env, shelfVariable+"="+s.(shelf).base)...)
		},
		Hold: hold,
		Deviations: map[string]string{"I3/revisions": "a value that is written again after a deletion, " +
			"just as it was, may stand in the same row again: it is the same revision then"},
		Troubles: []storetest.Trouble{
			trouble("no database", store.ErrCorrupt, func(t testing.TB, path string) {
				if err := os.WriteFile(path, []byte(strings.Repeat("not SQLite ", 1000)), 0o600); err != nil {
					t.Fatal(err)
				}
			}),
			trouble("an empty file", store.ErrCorrupt, func(t testing.TB, path string) {
				if err := os.WriteFile(path, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}),
			trouble("a folder", store.ErrCorrupt, func(t testing.TB, path string) {
				if err := os.Mkdir(path, 0o700); err != nil {
					t.Fatal(err)
				}
			}),
			trouble("a symlink", store.ErrDenied, func(t testing.TB, path string) {
				err := os.Symlink(path+aside, path)
				if info, _ := os.Lstat(path); info == nil || info.Mode()&fs.ModeSymlink == 0 {
					t.Skipf("no symbolic links here: %v", err)
				}
			}),
		},
	})
}

// trouble puts something else in the place of every database, and it back.
func trouble(name string, class *store.Class, begin func(t testing.TB, path string)) storetest.Trouble {
	each := func(t testing.TB, s store.Store, ending string, f func(path string) error) store.Store {
		if err := s.(shelf).all(ending, func(path, _ string) error { return f(path) }); err != nil {
			t.Fatal(err)
		}
		return s
	}
	return storetest.Trouble{
		Name: name, Class: class,
		Begin: func(t testing.TB, s store.Store) store.Store {
			return each(t, s, suffix, func(path string) error {
				err := os.Rename(path, path+aside)
				begin(t, path)
				return err
			})
		},
		End: func(t testing.TB, s store.Store) store.Store {
			return each(t, s, suffix+aside, func(path string) error {
				whole := strings.TrimSuffix(path, aside)
				return errors.Join(os.Remove(whole), os.Rename(path, whole))
			})
		},
	}
}

// aside is what the databases are called while something else is in their place.
const aside = ".aside"

// hold takes every database for itself, as a long transaction of the app does.
func hold(t testing.TB, s store.Store) (release func()) {
	var held []*litedb.Conn
	err := s.(shelf).all(suffix, func(path, _ string) error {
		db, err := litedb.Open(t.Context(), litedb.Address(path, "mode=rw"))
		if err == nil {
			err = db.Script("BEGIN EXCLUSIVE")
		}
		held = append(held, db)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		for _, db := range held {
			if err := errors.Join(db.Script("ROLLBACK"), db.Close()); err != nil {
				t.Error(err)
			}
		}
	}
}
