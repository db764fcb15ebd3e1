//go:build unix

package unprivileged

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestRunObeysPermissions(t *testing.T) {
	Run(t, func(t *testing.T, dir string) {
		mine := filepath.Join(dir, "mine")
		if err := os.WriteFile(mine, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		Own(t, mine)
		if err := os.WriteFile(filepath.Join(dir, "closed"), nil, 0); err != nil {
			t.Fatal(err)
		}
	}, func(t *testing.T, dir string) {
		if os.Geteuid() == 0 {
			t.Error("the body runs as root")
		}
		if got, err := os.ReadFile(filepath.Join(dir, "mine")); string(got) != "x" || err != nil {
			t.Errorf("the user's own file: %q, %v", got, err)
		}
		if _, err := os.ReadFile(filepath.Join(dir, "closed")); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("a file closed to the user: %v; want %v", err, fs.ErrPermission)
		}
	})
}
