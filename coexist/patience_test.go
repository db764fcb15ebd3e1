package coexist_test

import (
	"context"
	"errors"
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// freeLeases hands out leases to whoever asks: for tests that run one Update at
// a time.
type freeLeases struct{ held int }

func (l *freeLeases) Hold(context.Context, store.Key) (coexist.Lease, error) {
	l.held++
	return &freeLease{l}, nil
}

type freeLease struct{ of *freeLeases }

func (*freeLease) Interrupted() bool { return false }
func (*freeLease) Begin() error      { return nil }
func (l *freeLease) Release() error  { l.of.held--; return nil }
func (l *freeLease) Leave() error    { return l.Release() }

// patient is a world in which a refused Update waits at most five times. during
// is called in each wait, with its number.
func patient(t *testing.T, rotates bool, during func(w *world, n int)) (w *world, leases *freeLeases, waits *int) {
	t.Helper()
	w, leases, waits = newWorld(t, "shared-only", 1), &freeLeases{}, new(int)
	w.config.Leases = leases
	w.config.Grace = context.WithCancel
	w.config.Traits = func(store.Key) coexist.Traits { return coexist.Traits{Rotates: rotates} }
	w.config.Patience = func(context.Context) func() bool {
		return func() bool {
			*waits++
			if leases.held != 1 {
				t.Errorf("wait %d without the lease", *waits)
			}
			during(w, *waits)
			return *waits < 5
		}
	}
	return w, leases, waits
}

var errRefused = errors.New("the server refused it")

// TestRefusedUpdateWaitsForTheOlderBuild (I11): an older build used the token at
// the same moment and writes its successor a little later. The next Update
// begins with that.
func TestRefusedUpdateWaitsForTheOlderBuild(t *testing.T) {
	nothing := func(*world, int) {}
	writes := func(w *world, n int) {
		if n == 2 {
			w.olderSet(0, "2")
		}
	}
	for name, c := range map[string]struct {
		rotates bool
		legacy  bool
		during  func(*world, int)
		answer  error
		waits   int
		next    string
	}{
		"it writes":                {true, true, writes, errRefused, 2, "2"},
		"it signs out":             {true, true, func(w *world, _ int) { w.olderDelete(0) }, errRefused, 1, "1"},
		"it never writes":          {true, true, nothing, errRefused, 5, "1"},
		"there is no older build":  {true, false, nothing, errRefused, 0, "1"},
		"the key does not rotate":  {false, true, nothing, errRefused, 0, "1"},
		"the function keeps":       {true, true, nothing, nil, 0, "1"},
		"it cannot be read awhile": {true, true, unreadable, errRefused, 2, "2"},
	} {
		t.Run(name, func(t *testing.T) {
			w, leases, waits := patient(t, c.rotates, c.during)
			if c.legacy {
				w.olderSet(0, "1")
			} else {
				w.set("1")
			}
			_, err := w.process().Update(t.Context(), key, func(context.Context, coexist.Current) (store.Value, bool, error) {
				return store.Value{}, c.answer == nil, c.answer
			})
			if !errors.Is(err, c.answer) || *waits != c.waits || leases.held != 0 {
				t.Errorf("got %v after %d waits, %d leases left; want %d waits", err, *waits, leases.held, c.waits)
			}
			if got := w.begins(); got != c.next {
				t.Errorf("the next Update begins with %s, want %s", got, c.next)
			}
		})
	}
}

// unreadable is a source that is being written in the first wait.
func unreadable(w *world, n int) {
	if n == 1 {
		w.olderSet(0, "2")
		w.legacy[0].InjectNext(storetest.VerbGet, storetest.FailBefore(store.ErrUnavailable))
	}
}

// begins returns the value that an Update's function is given.
func (w *world) begins() string {
	w.t.Helper()
	var begun string
	_, err := w.process().Update(w.t.Context(), key, func(_ context.Context, c coexist.Current) (store.Value, bool, error) {
		begun = string(c.Value.Bytes())
		return store.Value{}, true, nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return begun
}
