package vscdb

import (
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
