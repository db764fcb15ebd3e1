package coexist_test

import (
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// TestI4ValueThatMovedIsFound: between a Get's looks at the shared store and at
// legacy another program copies the value and prunes legacy. Nowhere was there a
// moment without it.
func TestI4ValueThatMovedIsFound(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.olderSet(0, "old")
	other := newWorld(t, coexist.PresetSharedOnly, 0)
	other.config.Shared, other.config.Sources = w.inner, []coexist.Source{w.config.Sources[0]}
	other.config.Sources[0].Store = w.config.Sources[0].Store.(*storetest.Faults)
	move := func() {
		w.legacy[0].Reset()
		e := other.process()
		if _, err := e.Get(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if _, err := e.Prune(t.Context(), false, key); err != nil {
			t.Fatal(err)
		}
	}
	w.legacy[0].Inject(storetest.VerbGet, 1, storetest.Fault{Before: move, Apply: storetest.ApplyNow})
	w.expect("get", w.get(), "old")
}

func TestI4SecondLookThatFailsIsTheAnswer(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.shared.Inject(storetest.VerbGet, 2, storetest.FailBefore(store.ErrLocked))
	w.expect("get", w.get(), "[locked]")
}
