package filelock_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/filelock"
	"github.com/kinring/kinring/internal/filelock/filelocktest"
	"github.com/kinring/kinring/store"
)

func TestMain(m *testing.M) {
	filelocktest.Main()
	os.Exit(m.Run())
}

func short(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestWaitEndsWithTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	first, err := filelock.Acquire(t.Context(), path, filelock.Options{Mode: 0o600})
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		want error
	}{{short(t), store.ErrTimedOut}, {cancelled, store.ErrCancelled}} {
		if l, err := filelock.Acquire(c.ctx, path, filelock.Options{}); l != nil || !errors.Is(err, c.want) {
			t.Errorf("a held lock: %v, %v; want %v", l, err, c.want)
		}
	}
	if err := first.Unlock(); err != nil {
		t.Fatal(err)
	}
	second, err := filelock.Acquire(t.Context(), path, filelock.Options{})
	if err != nil {
		t.Fatalf("a released lock: %v", err)
	}
	second.Unlock()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the lock file is gone: %v", err)
	}
}

func TestKilledHolderReleases(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	kill := filelocktest.Hold(t, path)
	if _, err := filelock.Acquire(short(t), path, filelock.Options{}); !errors.Is(err, store.ErrTimedOut) {
		t.Fatalf("held by another process: %v; want %v", err, store.ErrTimedOut)
	}
	kill()
	l, err := filelock.Acquire(t.Context(), path, filelock.Options{})
	if err != nil {
		t.Fatalf("after the holder was killed: %v", err)
	}
	l.Unlock()
}

func TestManyTakersExclude(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	var turns, inside atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5 {
				l, err := filelock.Acquire(t.Context(), path, filelock.Options{Mode: 0o600, Every: time.Millisecond})
				if err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n != 1 {
					t.Errorf("%d holders at once", n)
				}
				inside.Add(-1)
				turns.Add(1)
				l.Unlock()
			}
		})
	}
	all.Wait()
	if n := turns.Load(); n != 40 {
		t.Errorf("%d turns; want 40", n)
	}
}

func TestWhatCannotBeALock(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "target")
	link := filepath.Join(dir, "link.lock")
	if err := os.Symlink(target, link); err != nil {
		t.Skipf("no symlinks here: %v", err)
	}
	folder := filepath.Join(dir, "folder.lock")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"symlink": link, "folder": folder, "no such folder": filepath.Join(dir, "none", "a.lock"),
	} {
		if _, err := filelock.Acquire(t.Context(), path, filelock.Options{Mode: 0o600}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v; want %v", name, err, store.ErrUnavailable)
		}
	}
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the symlink's target was made: %v", err)
	}
}

// TestGivingUpBlamesNobodyUnseen: who was called off before the first try does not
// know of another holder.
func TestGivingUpBlamesNobodyUnseen(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := filelock.Acquire(ctx, filepath.Join(t.TempDir(), "a.lock"), filelock.Options{Mode: 0o600})
	if !errors.Is(err, store.ErrCancelled) || strings.Contains(err.Error(), "holds") {
		t.Errorf("got %v, want cancelled and no word of a holder", err)
	}
}
