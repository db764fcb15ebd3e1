package lease

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kinring/kinring/store"
)

var (
	one = store.Key{Service: "s", Account: "1"}
	two = store.Key{Service: "s", Account: "2"}
)

func hold(t *testing.T, l Leases, key store.Key) *Lease {
	t.Helper()
	held, err := l.Hold(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

func TestOneHolderAKey(t *testing.T) {
	l := Leases{Dir: filepath.Join(t.TempDir(), "locks"), Store: "x"}
	first := hold(t, l, one)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := l.Hold(ctx, one); !errors.Is(err, store.ErrTimedOut) {
		t.Errorf("a second holder: %v, want timed out", err)
	}
	if err := hold(t, l, two).Release(); err != nil {
		t.Errorf("another key: %v", err)
	}
	if err := hold(t, Leases{Dir: l.Dir, Store: "y"}, one).Release(); err != nil {
		t.Errorf("another store: %v", err)
	}
	if err := first.Release(); err != nil {
		t.Fatal(err)
	}
	if err := hold(t, l, one).Release(); err != nil {
		t.Errorf("after release: %v", err)
	}
}

// TestInterruption (I11): who comes after a holder that died in the middle is
// told, and so is nobody after that.
func TestInterruption(t *testing.T) {
	l := Leases{Dir: t.TempDir(), Store: "x"}
	first := hold(t, l, one)
	if first.Interrupted() {
		t.Error("interrupted from the start")
	}
	if err := first.Begin(); err != nil {
		t.Fatal(err)
	}
	if err := first.lock.Unlock(); err != nil { // as the kernel does when the holder dies
		t.Fatal(err)
	}
	second := hold(t, l, one)
	if !second.Interrupted() {
		t.Error("the next holder is not told")
	}
	if err := errors.Join(second.Begin(), second.Release()); err != nil {
		t.Fatal(err)
	}
	third := hold(t, l, one)
	if third.Interrupted() {
		t.Error("an interruption that was told is told again")
	}
	if err := third.Release(); err != nil {
		t.Error(err)
	}
}

// TestNoteOutlivesWhoDidNotBegin (I11): a holder that ran nothing told nobody, and
// one that leaves the note wants the next one to be told.
func TestNoteOutlivesWhoDidNotBegin(t *testing.T) {
	l := Leases{Dir: t.TempDir(), Store: "x"}
	first := hold(t, l, one)
	if err := errors.Join(first.Begin(), first.Leave()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		idle := hold(t, l, one)
		if !idle.Interrupted() {
			t.Error("the note is gone, and nobody began since")
		}
		if err := idle.Release(); err != nil {
			t.Fatal(err)
		}
	}
	told := hold(t, l, one)
	if err := errors.Join(told.Begin(), told.Release()); err != nil || !told.Interrupted() {
		t.Errorf("interrupted %v, %v", told.Interrupted(), err)
	}
	last := hold(t, l, one)
	if last.Interrupted() {
		t.Error("told again")
	}
	if err := last.Release(); err != nil {
		t.Error(err)
	}
}

func TestFilesArePrivateAndSayNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "locks")
	l := Leases{Dir: dir, Store: "x"}
	held := hold(t, l, store.Key{Service: "secret-service-name", Account: "account"})
	if err := held.Begin(); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Size() != 0 {
			t.Errorf("%s holds %d bytes, %v", f.Name(), info.Size(), err)
		}
		if filepath.Separator == '/' && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), info.Mode())
		}
	}
	if err := held.Release(); err != nil {
		t.Error(err)
	}
}
