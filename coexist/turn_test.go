package coexist_test

import (
	"context"
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// noTurn gives nobody a turn.
type noTurn struct{ err error }

func (n noTurn) Hold(context.Context, store.Key) (coexist.Lease, error) { return nil, n.err }

// TestSetWithoutATurn: where the shared store cannot be opened, and so no turn is to
// be had, the older build is given the value; where somebody gave up waiting for it,
// nothing is written at all.
func TestSetWithoutATurn(t *testing.T) {
	for class, want := range map[*store.Class]struct {
		class  *store.Class
		legacy string
	}{
		store.ErrLocked:      {store.ErrPartial, "new"},
		store.ErrDenied:      {store.ErrPartial, "new"},
		store.ErrUnavailable: {store.ErrPartial, "new"},
		store.ErrTimedOut:    {store.ErrTimedOut, "old"},
		store.ErrCancelled:   {store.ErrCancelled, "old"},
	} {
		w := dual(t)
		w.olderSet(0, "old")
		w.config.Leases = noTurn{&store.Error{Class: class}}
		_, err := w.process().Set(t.Context(), key, store.NewValue([]byte("new")))
		if store.ClassOf(err) != want.class {
			t.Errorf("%s: %v", class, err)
		}
		w.expect(class.Name()+": legacy", w.legacyHolds()[0], want.legacy)
	}
}
