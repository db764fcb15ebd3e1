//go:build unix

package filelock

import (
	"errors"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kinring/kinring/store"
)

func TestFIFOIsNoLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo.lock")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Skipf("no FIFOs here: %v", err)
	}
	if _, err := Acquire(t.Context(), path, Options{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%v; want %v", err, store.ErrUnavailable)
	}
}
