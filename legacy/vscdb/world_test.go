package vscdb

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/litedb"
	"github.com/kinring/kinring/legacy/safestorage"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

const (
	service = "com.example.code.shared-secrets"
	github  = `{"extensionId":"vscode.github-authentication","key":"github.auth"}`
	itemKey = "bWFkZSB1cCBrZXkgdGV4dA==" // the app's key, made up
)

var githubKey = store.Key{Service: service, Account: github}

// schema is the app's own, and what it sets beside it.
const schema = `PRAGMA user_version = 1;
CREATE TABLE IF NOT EXISTS ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB);
INSERT INTO ItemTable (key, value) VALUES ('workbench.panel.pinnedPanels', '[]'), ('secret:', 'no secret'), ('secret:0', 'nor this');`

// fixed is a key that is always there.
type fixed struct {
	secret string
	err    error
}

func (f *fixed) Secret(context.Context, safestorage.Form) ([]byte, error) {
	return []byte(f.secret), f.err
}

// home is a user-data directory.
type home struct {
	t    testing.TB
	dir  string
	path string
	keys *fixed
}

// newHome makes a user-data directory with an empty database of the app.
func newHome(t testing.TB) *home {
	t.Helper()
	h := bareHome(t)
	h.script(schema)
	return h
}

// bareHome is newHome without a database.
func bareHome(t testing.TB) *home {
	t.Helper()
	h := &home{t: t, dir: t.TempDir(), keys: &fixed{secret: itemKey}}
	h.path = Database(h.dir)
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *home) app() app {
	return app{userData: h.dir, argv: filepath.Join(h.dir, "argv.json")}
}

func (h *home) open() *source {
	s := newSource(h.path, service, h.app(), &safestorage.Safe{GOOS: "linux", Keys: h.keys})
	h.t.Cleanup(func() { s.Close() })
	return s
}

// script runs statements as another program.
func (h *home) script(text string, args ...any) {
	h.t.Helper()
	if err := script(h.path, text, args...); err != nil {
		h.t.Fatal(err)
	}
}

func script(path, text string, args ...any) error {
	db, err := litedb.Open(context.Background(), litedb.Address(path, "mode=rwc"))
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Script(text, args...)
}

// write writes a file below the directory.
func (h *home) write(name, text string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// raw returns the value under a key of the table, past everything.
func (h *home) raw(key string) (text string) {
	h.t.Helper()
	db, err := litedb.Open(h.t.Context(), litedb.Address(h.path, "mode=ro"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	err = db.Query("SELECT CAST(value AS BLOB) FROM ItemTable WHERE key = ?", []any{key}, func(c litedb.Columns) error {
		b, err := c.Blob(0)
		text = string(b)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return text
}

// appWrites writes as the app does.
func (h *home) appWrites(account, value string) {
	h.t.Helper()
	h.script("INSERT INTO ItemTable VALUES (?, ?)", prefix+account, h.sealed(safestorage.LinuxKeyring, value))
}

func (h *home) sealed(f safestorage.Form, value string) string {
	h.t.Helper()
	blob, err := f.Seal([]byte(itemKey), []byte(value))
	if err != nil {
		h.t.Fatal(err)
	}
	return encodeBuffer(blob)
}

// content is every byte of the database and of what lies beside it.
func (h *home) content() string {
	h.t.Helper()
	var all bytes.Buffer
	names, err := filepath.Glob(filepath.Join(filepath.Dir(h.path), "*"))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			h.t.Fatal(err)
		}
		fmt.Fprintf(&all, "%s %x\n", filepath.Base(name), data)
	}
	return all.String()
}

func put(t testing.TB, s store.Store, key store.Key, value string, cond store.Condition) store.Revision {
	t.Helper()
	rev, err := s.Put(t.Context(), key, store.Item{Value: store.NewValue([]byte(value))}, cond)
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

// get returns the value, or the class in brackets.
func get(t testing.TB, s store.Store, key store.Key) string {
	t.Helper()
	item, err := s.Get(t.Context(), key)
	if err != nil {
		return class(err)
	}
	return string(item.Value.Bytes())
}

func class(err error) string {
	if c := store.ClassOf(err); c != nil {
		return "[" + c.Name() + "]"
	}
	return fmt.Sprintf("[no class: %v]", err)
}

const shelfVariable = "KINRING_TEST_VSCDB"

func TestMain(m *testing.M) {
	storetest.WorkerMain(func() (store.Store, error) { return shelf{base: os.Getenv(shelfVariable)}, nil })
	if role := os.Getenv(roleVariable); role != "" {
		if err := roles[role](os.Getenv(roleHome)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func enhex(b []byte) []byte { return []byte(hex.EncodeToString(b)) }

// deadline returns a context that ends while the database is busy.
func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}
