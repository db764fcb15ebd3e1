package kinring_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// pondering is a driver whose Open takes as long as a person does.
type pondering struct {
	*driver
	asked    chan struct{}
	answered chan struct{}
}

func (a pondering) Open(ctx context.Context, f store.Family) (store.Store, error) {
	a.asked <- struct{}{}
	select {
	case <-a.answered:
		return a.driver.Open(ctx, f)
	case <-ctx.Done():
		return nil, store.FromContext(ctx)
	}
}

func newPondering(t *testing.T) pondering {
	return pondering{newDriver(t), make(chan struct{}, 9), make(chan struct{})}
}

// within fails a test whose call does not come back.
func within[T any](t *testing.T, what string, call func() T) T {
	t.Helper()
	done := make(chan T, 1)
	go func() { done <- call() }()
	select {
	case got := <-done:
		return got
	case <-time.After(time.Minute):
		t.Fatal(what + " hangs")
		panic("not reached")
	}
}

// TestNobodyWaitsLongerThanHeWants: while one operation opens the shared store,
// and somebody thinks about a passphrase, another one waits no longer than its
// own context, and what needs no store answers at once.
func TestNobodyWaitsLongerThanHeWants(t *testing.T) {
	a := newPondering(t)
	ring, err := kinring.Open(t.Context(), notes(t.TempDir()), kinring.WithStore(a), kinring.WithStateDir(""))
	if err != nil {
		t.Fatal(err)
	}
	first := make(chan error, 1)
	go func() {
		_, err := ring.GetKey(t.Context(), store.Key{Service: "com.example.notes", Account: "first"})
		first <- err
	}()
	<-a.asked
	hurried, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := within(t, "a Get", func() error { _, err := ring.Get(hurried, "auth"); return err }); !errors.Is(err, kinring.ErrTimedOut) {
		t.Errorf("a Get that is in a hurry: %v", err)
	}
	if kind := within(t, "StoreKind", ring.StoreKind); kind != "test" {
		t.Errorf("the store is %q", kind)
	}
	if !within(t, "Locked", ring.Backing().Locked) {
		t.Error("a store that is being opened counts as open")
	}
	close(a.answered)
	if err := <-first; !errors.Is(err, kinring.ErrNotFound) {
		t.Errorf("the first Get: %v", err)
	}
	if err := ring.Close(); err != nil {
		t.Error(err)
	}
}

// TestCloseEndsAnOpening: nobody has to answer a question of a ring that is closed.
func TestCloseEndsAnOpening(t *testing.T) {
	a := newPondering(t)
	ring, err := kinring.Open(t.Context(), notes(t.TempDir()), kinring.WithStore(a), kinring.WithBudget(0), kinring.WithStateDir(""))
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() { _, err := ring.Get(t.Context(), "auth"); got <- err }()
	<-a.asked
	if err := within(t, "Close", ring.Close); err != nil {
		t.Error(err)
	}
	if err := <-got; !errors.Is(err, kinring.ErrCancelled) && !errors.Is(err, kinring.ErrUnavailable) {
		t.Errorf("the Get: %v", err)
	}
	if _, err := ring.Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrUnavailable) {
		t.Errorf("a Get afterwards: %v", err)
	}
}

// TestALookOfAWatchEnds: a Watch may last for days, and a store that does not
// answer is told of all the same.
func TestALookOfAWatchEnds(t *testing.T) {
	ring, err := kinring.Open(t.Context(), notes(t.TempDir()), kinring.WithStore(newPondering(t)),
		kinring.WithBudget(time.Millisecond), kinring.WithStateDir(""))
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	days, cancel := context.WithTimeout(t.Context(), 48*time.Hour)
	defer cancel()
	event := within(t, "the first look", func() (first kinring.Event) {
		for first = range ring.Watch(days, "auth") {
			break
		}
		return first
	})
	if !errors.Is(event.Err, kinring.ErrTimedOut) {
		t.Errorf("told %+v, want that the time was over", event)
	}
}

// unlocking is a driver whose store is open and may be locked all the same.
type unlocking struct{ *driver }

func (u unlocking) Open(context.Context, store.Family) (store.Store, error) {
	info := u.info()
	info.Capabilities.Unlocks = true
	return persistent{u.shared, info, u.locks}, nil
}

// TestDeleteTouchesNothingWhileLocked: what cannot be marked as deleted is not
// deleted from the older build's store, from where it could come back.
func TestDeleteTouchesNothingWhileLocked(t *testing.T) {
	f := newFixture(t)
	f.olderSignsIn(`{"old":1}`)
	ring := f.open(kinring.WithStore(unlocking{f.driver}))
	f.driver.shared.Inject(storetest.VerbGet, 1, storetest.FailBefore(store.ErrLocked).Forever())
	if _, err := ring.Delete(t.Context(), "auth"); !errors.Is(err, kinring.ErrLocked) {
		t.Errorf("got %v, want locked", err)
	}
	if _, err := os.Stat(filepath.Join(f.dir, "auth.json")); err != nil {
		t.Errorf("the older build was signed out: %v", err)
	}
	f.driver.shared.Reset()
	if existed, err := ring.Delete(t.Context(), "auth"); !existed || err != nil {
		t.Errorf("once it is unlocked: %v, %v", existed, err)
	}
}

// TestTheChoiceIsKeptBeforeTheFirstWrite (I7): nothing is ever in a store that later
// rings do not know of.
func TestTheChoiceIsKeptBeforeTheFirstWrite(t *testing.T) {
	f := newFixture(t)
	ring := f.open()
	f.driver.shared.Inject(storetest.VerbPut, 1, storetest.FailAfter(store.ErrOutcomeUnknown).Forever())
	if _, err := ring.Set(t.Context(), "auth", []byte(`{}`)); err == nil {
		t.Fatal("set although no write is acknowledged")
	}
	if files := f.stateFiles(); len(files) != 1 {
		t.Errorf("after a write that nobody acknowledged the choice is %v", files)
	}
}

// TestAClosedStoreIsOpenedAgain (I8): an operation that meets the store a moment
// after it was locked or replaced asks the one that there is then.
func TestAClosedStoreIsOpenedAgain(t *testing.T) {
	d := newDriver(t)
	ring, err := kinring.Open(t.Context(), notes(t.TempDir()), kinring.WithStore(d), kinring.WithStateDir(""))
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	if _, err := ring.Set(t.Context(), "auth", []byte(`"new"`)); err != nil {
		t.Fatal(err)
	}
	for _, close := range []func() error{
		func() error { return ring.Backing().Lock() },
		func() error { return ring.Reinitialize(nil) },
	} {
		before := d.opened
		d.shared.InjectNext(storetest.VerbGet, storetest.Fault{Err: store.ErrUnavailable, Before: func() {
			if err := close(); err != nil {
				t.Error(err)
			}
		}})
		if v, err := ring.Get(t.Context(), "auth"); err != nil || string(v.Bytes()) != `"new"` || d.opened != before+1 {
			t.Errorf("%q, %v, opened %d times", v.Bytes(), err, d.opened-before)
		}
	}
	d.shared.InjectNext(storetest.VerbGet, storetest.FailBefore(store.ErrUnavailable))
	if _, err := ring.Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrUnavailable) {
		t.Errorf("a store that nobody closed: %v", err)
	}
}
