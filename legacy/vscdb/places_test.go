package vscdb

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/kinring/kinring/store"
)

// TestWhatStandsInItsPlace: a folder, a link, an empty file or another file where
// the database is to be is told with file and key, for reading and for writing,
// never taken for absence, and left as it is.
func TestWhatStandsInItsPlace(t *testing.T) {
	for name, c := range map[string]struct {
		make  func(h *home) error
		class *store.Class
	}{
		"a folder":     {func(h *home) error { return os.Mkdir(h.path, 0o700) }, store.ErrCorrupt},
		"a link":       {func(h *home) error { return os.Symlink(newHome(t).path, h.path) }, store.ErrDenied},
		"a loose link": {func(h *home) error { return os.Symlink(filepath.Join(h.dir, "nowhere"), h.path) }, store.ErrDenied},
		"nothing":      {func(h *home) error { return os.WriteFile(h.path, nil, 0o600) }, store.ErrCorrupt},
		"text":         {func(h *home) error { return os.WriteFile(h.path, []byte(strings.Repeat("no SQLite ", 500)), 0o600) }, store.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.Contains(name, "link") {
				t.Skip("links need a privilege there")
			}
			h := bareHome(t)
			if err := c.make(h); err != nil {
				t.Fatal(err)
			}
			before, err := os.Lstat(h.path)
			if err != nil {
				t.Fatal(err)
			}
			s := h.open()
			for what, err := range map[string]error{
				"get":    second(s.Get(t.Context(), githubKey)),
				"put":    second(s.Put(t.Context(), githubKey, store.Item{}, store.Any())),
				"delete": s.Delete(t.Context(), githubKey, store.Any()),
				"stamp":  second(s.Stamp(t.Context(), githubKey)),
			} {
				if store.ClassOf(err) != c.class || !strings.Contains(err.Error(), h.path) || !strings.Contains(err.Error(), githubKey.Redacted()) {
					t.Errorf("%s: %v, want %s with file and key", what, err, c.class)
				}
			}
			if _, err := s.List(t.Context(), ""); store.ClassOf(err) != c.class || !strings.Contains(err.Error(), h.path) {
				t.Errorf("list: %v", err)
			}
			if after, err := os.Lstat(h.path); err != nil || after.Mode() != before.Mode() || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
				t.Errorf("it was changed: %v, %v", after, err)
			}
			if names, _ := filepath.Glob(h.path + "?*"); len(names) != 0 {
				t.Errorf("beside it there is %v", names)
			}
		})
	}
}

// TestGoneBeforeItIsOpened: a database that goes away between a look at its name
// and opening it is gone, and not refused.
func TestGoneBeforeItIsOpened(t *testing.T) {
	if _, err := newDatabase(bareHome(t).path).logged(); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// TestI4DamagedDatabase: of a database that lost its end, or in which a page is
// noise, the answer is the value or corrupt, and never that the secret is absent.
// Nothing is put right, and nothing is written over.
func TestI4DamagedDatabase(t *testing.T) {
	const page = 4096
	h := newHome(t)
	h.script("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO ItemTable SELECT 'workbench.' || i, hex(zeroblob(900)) FROM n")
	h.appWrites(github, "made up")
	whole, err := os.ReadFile(h.path)
	if err != nil {
		t.Fatal(err)
	}
	judge := func(what string, damaged []byte) {
		t.Helper()
		if err := os.WriteFile(h.path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		before := h.content()
		s := h.open()
		got := get(t, s, githubKey)
		if got != "made up" && got != "[corrupt]" {
			t.Errorf("%s: %s", what, got)
		}
		if got == "[corrupt]" {
			if _, err := s.Put(t.Context(), githubKey, store.Item{Value: store.NewValue([]byte("x"))}, store.Absent()); err == nil {
				t.Errorf("%s: it is written as if nothing were there", what)
			}
		}
		if h.content() != before {
			t.Errorf("%s: the file was changed", what)
		}
	}
	for size := len(whole) - page; size >= 0; size -= page {
		judge(fmt.Sprintf("the first %d bytes", size), whole[:size])
	}
	for at := 0; at < len(whole); at += page {
		noisy := bytes.Clone(whole)
		for i := at; i < at+page; i++ {
			noisy[i] ^= byte(i*7 + 3)
		}
		judge(fmt.Sprintf("noise at %d", at), noisy)
	}
}
