//go:build unix

package codexconfig

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kinring/kinring/internal/unprivileged"
	"github.com/kinring/kinring/store"
)

func TestUnreadable(t *testing.T) {
	unprivileged.Run(t, func(t *testing.T, dir string) {
		for name, part := range map[string]string{"file": fileName, "home": ""} {
			home := filepath.Join(dir, name)
			if err := os.Mkdir(home, 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, home, "cli_auth_credentials_store = \"keyring\"")
			unprivileged.Own(t, home, filepath.Join(home, fileName))
			if err := os.Chmod(filepath.Join(home, part), 0); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(home, 0o700) })
		}
	}, func(t *testing.T, dir string) {
		for _, name := range []string{"file", "home"} {
			home := filepath.Join(dir, name)
			if f, err := os.Open(filepath.Join(home, fileName)); !errors.Is(err, fs.ErrPermission) {
				f.Close()
				t.Fatalf("a plain open: %v; the test proves nothing", err)
			}
			if got, err := mode(t, Login, home); got != "" || !errors.Is(err, store.ErrDenied) {
				t.Errorf("unreadable %s: %q, %v; want %v", name, got, err, store.ErrDenied)
			}
		}
	})
}

// TestForeign: Codex obeys a configuration whoever owns it.
func TestForeign(t *testing.T) {
	unprivileged.NeedRoot(t, "only root can make a file that belongs to another user")
	unprivileged.Run(t, func(t *testing.T, dir string) {
		write(t, dir, "cli_auth_credentials_store = \"keyring\"")
		if err := os.Chmod(filepath.Join(dir, fileName), 0o644); err != nil {
			t.Fatal(err)
		}
	}, func(t *testing.T, dir string) {
		if got, err := mode(t, Login, dir); got != "keyring" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestFIFO(t *testing.T) {
	home := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(home, fileName), 0o600); err != nil {
		t.Skipf("no FIFOs here: %v", err)
	}
	if got, err := mode(t, Login, home); got != "" || !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("%q, %v; want %v", got, err, store.ErrCorrupt)
	}
}
