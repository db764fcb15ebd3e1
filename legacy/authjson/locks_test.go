package authjson_test

import (
	"context"
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

// eachLock runs a test for each lock of each layout, with a file that holds the
// old value.
func eachLock(t *testing.T, test func(t *testing.T, l layout, s store.Store, home, lock string)) {
	for _, l := range layouts {
		for _, name := range l.locks {
			t.Run(l.name+"/"+filepath.Base(name), func(t *testing.T) {
				home := t.TempDir()
				lock := filepath.Join(home, name)
				if err := os.MkdirAll(filepath.Dir(lock), 0o700); err != nil {
					t.Fatal(err)
				}
				test(t, l, l.holding(t, home), home, lock)
			})
		}
	}
}

func TestLockHolderIsWaitedFor(t *testing.T) {
	eachLock(t, func(t *testing.T, l layout, s store.Store, home, lock string) {
		held, err := filelock.Acquire(t.Context(), lock, filelock.Options{Mode: 0o600})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(t.Context(), l.key); err != nil {
			t.Errorf("a read waits for a lock: %v", err)
		}
		for what, call := range map[string]func(context.Context) error{
			"delete": func(ctx context.Context) error { return s.Delete(ctx, l.key, store.Any()) },
			"put":    func(ctx context.Context) error { _, err := s.Put(ctx, l.key, item(l.new), store.Any()); return err },
		} {
			err := call(within(t, 60*time.Millisecond))
			wantClass(t, what, err, store.ErrTimedOut)
			if err != nil && !strings.Contains(err.Error(), lock) {
				t.Errorf("%s: the error does not name the lock: %v", what, err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			wantClass(t, what, call(ctx), store.ErrCancelled)
		}
		wantFile(t, l.path(home), l.oldFile)
		var released atomic.Bool
		var waiting sync.WaitGroup
		waiting.Go(func() {
			if err := s.Delete(t.Context(), l.key, store.Any()); err != nil || !released.Load() {
				t.Errorf("delete: %v; the lock was released: %v", err, released.Load())
			}
		})
		released.Store(true)
		held.Unlock()
		waiting.Wait()
		wantFile(t, l.path(home), "")
		if _, err := os.Stat(lock); err != nil {
			t.Errorf("the lock file is gone: %v", err)
		}
	})
}

func TestKilledLockHolder(t *testing.T) {
	eachLock(t, func(t *testing.T, l layout, s store.Store, home, lock string) {
		kill := filelocktest.Hold(t, lock)
		wantClass(t, "delete", s.Delete(within(t, 60*time.Millisecond), l.key, store.Any()), store.ErrTimedOut)
		wantFile(t, l.path(home), l.oldFile)
		kill()
		if err := s.Delete(t.Context(), l.key, store.Any()); err != nil {
			t.Error(err)
		}
		wantFile(t, l.path(home), "")
	})
}

// TestLocksInTheWay: what stands in a lock's place keeps the file from being
// changed, and is named.
func TestLocksInTheWay(t *testing.T) {
	eachLock(t, func(t *testing.T, l layout, s store.Store, home, lock string) {
		mkdir(t, lock)
		_, put := s.Put(t.Context(), l.key, item(l.new), store.Any())
		for what, err := range map[string]error{"put": put, "delete": s.Delete(t.Context(), l.key, store.Any())} {
			wantClass(t, what, err, store.ErrUnavailable)
			if err != nil && !strings.Contains(err.Error(), lock) {
				t.Errorf("%s: the error does not name the lock: %v", what, err)
			}
		}
		wantFile(t, l.path(home), l.oldFile)
	})
}

// TestCheckedUnderTheLocks changes the file after Delete has looked and before
// it has the lock.
func TestCheckedUnderTheLocks(t *testing.T) {
	eachLock(t, func(t *testing.T, l layout, s store.Store, home, lock string) {
		got, err := s.Get(t.Context(), l.key)
		if err != nil {
			t.Fatal(err)
		}
		held, err := filelock.Acquire(t.Context(), lock, filelock.Options{Mode: 0o600})
		if err != nil {
			t.Fatal(err)
		}
		var waiting sync.WaitGroup
		waiting.Go(func() {
			wantClass(t, "delete", s.Delete(t.Context(), l.key, store.Match(got.Revision)), store.ErrConflict)
		})
		write(t, l.path(home), l.newFile)
		held.Unlock()
		waiting.Wait()
		wantFile(t, l.path(home), l.newFile)
	})
}

// TestManyWriters: under the locks no update is lost, however many there are.
func TestManyWriters(t *testing.T) {
	both(t, func(t *testing.T, l layout, home string) {
		write(t, l.path(home), strings.Replace(l.oldFile, l.old, `{"n":0}`, 1))
		const writers, each = 4, 5
		var all sync.WaitGroup
		for range writers {
			s := l.open(t, home)
			all.Go(func() {
				for done := 0; done < each; {
					if increment(t, s, l.key) {
						done++
					}
				}
			})
		}
		all.Wait()
		got, err := l.open(t, home).Get(t.Context(), l.key)
		if want := number(writers * each); err != nil || string(got.Value.Bytes()) != want {
			t.Errorf("the counter is %s, %v; want %s", got.Value.Bytes(), err, want)
		}
	})
}

func number(n int) string { return `{"n":` + strings.Repeat("1", n) + `0}` }

// increment writes one digit more, and reports whether it did.
func increment(t *testing.T, s store.Store, key store.Key) bool {
	got, err := s.Get(t.Context(), key)
	if err != nil {
		t.Error(err)
		return true
	}
	next := strings.Replace(string(got.Value.Bytes()), ":", ":1", 1)
	_, err = s.Put(t.Context(), key, item(next), store.Match(got.Revision))
	if err != nil && store.ClassOf(err) != store.ErrConflict {
		t.Error(err)
		return true
	}
	return err == nil
}

func TestFilesAreLeftAsCodexLeavesThem(t *testing.T) {
	if os.PathSeparator != '/' {
		t.Skip("modes mean nothing here")
	}
	both(t, func(t *testing.T, l layout, home string) {
		s := l.holding(t, home)
		if err := os.Chmod(l.path(home), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(t.Context(), l.key); err != nil {
			t.Errorf("a file that others may read: %v", err)
		}
		if _, err := s.Put(t.Context(), l.key, item(l.new), store.Any()); err != nil {
			t.Fatal(err)
		}
		for _, name := range append([]string{l.file}, l.locks...) {
			info, err := os.Lstat(filepath.Join(home, name))
			if err != nil {
				t.Fatal(err)
			}
			wide := info.Mode().Perm()&0o022 != 0 || name == l.file && info.Mode().Perm() != 0o600
			if wide || strings.HasSuffix(name, ".lock") && info.Size() != 0 {
				t.Errorf("%s has mode %v and %d bytes", name, info.Mode(), info.Size())
			}
		}
		left, err := filepath.Glob(filepath.Join(home, ".kinring*"))
		if err != nil || len(left) != 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
}

func TestReadOnlyFile(t *testing.T) {
	both(t, func(t *testing.T, l layout, home string) {
		s := l.holding(t, home)
		if err := os.Chmod(l.path(home), 0o400); err != nil {
			t.Fatal(err)
		}
		_, err := s.Put(t.Context(), l.key, item(l.new), store.Any())
		wantClass(t, "put over a read-only file", err, store.ErrDenied)
		wantFile(t, l.path(home), l.oldFile)
	})
}
