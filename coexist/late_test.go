package coexist_test

import (
	"context"
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// propagating is a world in which an older build's sign-out removes the shared
// value, and both builds agree on "old".
func propagating(t *testing.T) *world {
	w := agreedOn(t, "old")
	w.config.Policy.OlderSignout, w.config.Policy.FastForward = coexist.SignoutPropagate, coexist.Auto
	return w
}

// land lets the one write that waits before a source arrive. That its condition
// does not hold any more is what some tests are about.
func (w *world) land(source int) {
	w.t.Helper()
	if n := len(w.legacy[source].Waiting()); n != 1 {
		w.t.Fatalf("%d writes are on their way, want 1", n)
	}
	if err := w.legacy[source].Land(context.Background(), 0); err != nil {
		w.t.Logf("landed: %v", err)
	}
}

// TestI1LateDeletionLeavesWhatCameMeanwhile: a deletion that a program left on its
// way removes what it saw, and nothing that an older build wrote since.
func TestI1LateDeletionLeavesWhatCameMeanwhile(t *testing.T) {
	for meanwhile, want := range map[string]string{"": "-", "again": "again"} {
		w := agreedOn(t, "old")
		w.legacy[0].Inject(storetest.VerbDelete, 1, storetest.LandLate())
		if _, err := w.process().Delete(t.Context(), key); err == nil {
			t.Fatal("a deletion on its way counts as done")
		}
		if meanwhile != "" {
			put := store.Item{Value: store.NewValue([]byte(meanwhile))}
			if _, err := w.legacy[0].Put(t.Context(), key, put, store.Any()); err != nil {
				t.Fatal(err)
			}
		}
		w.land(0)
		w.expect("legacy", w.holds(w.legacy[0]), want)
	}
}

// TestI2DeleteLooksAgainWhereNothingWas: what an older build wrote after the look
// and before the marker is deleted, or the marker would take it for a new sign-in.
func TestI2DeleteLooksAgainWhereNothingWas(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.set("ours")
	w.shared.Inject(storetest.VerbPut, 1, storetest.Fault{Apply: storetest.ApplyNow, Before: func() {
		put := store.Item{Value: store.NewValue([]byte("theirs"))}
		if _, err := w.legacy[0].Put(context.Background(), key, put, store.Any()); err != nil {
			t.Error(err)
		}
	}})
	if _, err := w.process().Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	w.reset()
	w.expect("get", w.get(), "[not-found]")
	w.expect("legacy", w.holds(w.legacy[0]), "-")
}

// TestLatePruneIsNoSignOut: a Prune noted that it removes the value and left the
// deletion on its way; meanwhile somebody found the value there and recorded it.
func TestLatePruneIsNoSignOut(t *testing.T) {
	w := propagating(t)
	w.legacy[0].Inject(storetest.VerbDelete, 1, storetest.LandLate())
	if _, err := w.process().Prune(t.Context(), false, key); err == nil {
		t.Fatal("a deletion on its way counts as done")
	}
	if _, err := w.process().Reconcile(t.Context(), coexist.ByPolicy, key); err != nil {
		t.Fatal(err)
	}
	w.land(0)
	w.expect("legacy", w.holds(w.legacy[0]), "-")
	w.expect("get", w.get(), "old")
}

// TestI3LateMirrorIsNoOlderWrite: a value was announced to a source and is on its
// way there. That somebody finds another one there meanwhile, and records it, does
// not make the first an older build's newer one.
func TestI3LateMirrorIsNoOlderWrite(t *testing.T) {
	w := propagating(t)
	w.config.Leases, w.config.Grace = &kernelLeases{}, context.WithCancel
	w.olderSet(0, "theirs")
	w.legacy[0].Inject(storetest.VerbPut, 1, storetest.LandLate())
	if _, err := w.process().Reconcile(t.Context(), coexist.TakeShared, key); err == nil {
		t.Fatal("a write on its way counts as done")
	}
	keep := func(context.Context, coexist.Current) (store.Value, bool, error) { return store.Value{}, true, nil }
	r, err := w.process().Update(t.Context(), key, keep)
	w.expect("update", said(r, err), "theirs")
	w.land(0)
	w.expect("legacy", w.holds(w.legacy[0]), "old")
	w.expect("get", w.get(), "theirs")
}
