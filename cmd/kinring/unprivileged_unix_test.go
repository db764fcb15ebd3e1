//go:build unix

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/unprivileged"
)

// TestUnreadableLogin (I4): a login that may not be read is denied, not absent,
// and stays as it is.
func TestUnreadableLogin(t *testing.T) {
	unprivileged.Run(t, func(t *testing.T, dir string) {
		home := filepath.Join(dir, "codex")
		if err := os.Mkdir(home, 0o700); err != nil {
			t.Fatal(err)
		}
		auth := filepath.Join(home, "auth.json")
		if err := os.WriteFile(auth, []byte(`{"made-up":"sk-test-0001"}`), 0); err != nil {
			t.Fatal(err)
		}
		unprivileged.Own(t, home)
		unprivileged.Own(t, auth)
	}, func(t *testing.T, dir string) {
		auth := filepath.Join(dir, "codex", "auth.json")
		if _, err := os.ReadFile(auth); !errors.Is(err, fs.ErrPermission) {
			t.Fatalf("a plain read: %v; the test proves nothing", err)
		}
		h := newHousehold(t)
		h.env = append(h.env, "CODEX_HOME="+filepath.Dir(auth))
		before, err := os.Lstat(auth)
		if err != nil {
			t.Fatal(err)
		}
		out, code, err := h.run(t.Context(), "", "--json", "get", "auth")
		if err != nil || code != 4 || !strings.Contains(out, `"denied"`) || !strings.Contains(out, "auth.json") {
			t.Errorf("get: exit %d, %v: %s", code, err, out)
		}
		out, code, err = h.run(t.Context(), "", "--json", "status", "auth")
		if err != nil || code != 0 || !strings.Contains(out, `"state": "denied"`) || !strings.Contains(out, `"verdict": "unknown"`) {
			t.Errorf("status: exit %d, %v: %s", code, err, out)
		}
		after, err := os.Lstat(auth)
		if err != nil || after.ModTime() != before.ModTime() || after.Mode() != before.Mode() {
			t.Errorf("the file was changed: %v, %v", after, err)
		}
	})
}

// TestForeignKeyFile: a key file of another user is refused.
func TestForeignKeyFile(t *testing.T) {
	unprivileged.NeedRoot(t, "a file of another user has to be made")
	unprivileged.Run(t, func(t *testing.T, dir string) {
		if err := os.WriteFile(filepath.Join(dir, "foreign.key"), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}, func(t *testing.T, dir string) {
		h := newHousehold(t)
		h.env = append(h.env, "KINRING_KEY_FILE="+filepath.Join(dir, "foreign.key"))
		if out, code, err := h.run(t.Context(), "", "--json", "get", "auth"); err != nil || code != 4 || !strings.Contains(out, "foreign.key") {
			t.Errorf("exit %d, %v: %s", code, err, out)
		}
	})
}
