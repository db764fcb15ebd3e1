package coexist_test

import (
	"context"
	"errors"
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

// TestI10DeleteLooksAfterItRead: while a Delete begins, an older build signs in anew
// and an Update makes the next value from that. The Delete then gets no further than
// the shared store. What the Update used up is no sign-in after the deletion.
func TestI10DeleteLooksAfterItRead(t *testing.T) {
	w := agreedOn(t, "old")
	w.config.Leases, w.config.Grace = &kernelLeases{}, context.WithCancel
	meanwhile := func() {
		put := store.Item{Value: store.NewValue([]byte("theirs"))}
		if _, err := w.legacy[0].Put(context.Background(), key, put, store.Any()); err != nil {
			t.Error(err)
		}
		var given []string
		r, err := w.process().Update(context.Background(), key, to("next", &given))
		w.expect("update", said(r, err), "next")
	}
	const value = 2 // after the fingerprint key
	w.shared.Inject(storetest.VerbGet, value, storetest.Fault{Apply: storetest.ApplyNow, Before: meanwhile})
	w.legacy[0].Inject(storetest.VerbDelete, 1, storetest.FailBefore(store.ErrLocked))
	if _, err := w.process().Delete(t.Context(), key); store.ClassOf(err) != store.ErrPartial {
		t.Fatalf("%v, want that the older build's part failed", err)
	}
	w.expect("legacy", w.holds(w.legacy[0]), "theirs")
	w.expect("get", w.get(), "[not-found]")
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

// TestI3AnnouncedValueArrived: what one Reconcile left on its way has arrived when
// another announces the next value, and gets no further. It is still no older
// build's.
func TestI3AnnouncedValueArrived(t *testing.T) {
	w := agreedOn(t, "old")
	w.config.Policy.FastForward = coexist.Auto
	w.olderSet(0, "theirs")
	w.legacy[0].Inject(storetest.VerbPut, 1, storetest.LandLate())
	if _, err := w.process().Reconcile(t.Context(), coexist.TakeShared, key); err == nil {
		t.Fatal("a write on its way counts as done")
	}
	w.expect("get", w.get(), "theirs")
	w.land(0)
	w.expect("legacy", w.holds(w.legacy[0]), "old")
	w.legacy[0].InjectNext(storetest.VerbPut, storetest.FailBefore(store.ErrLocked))
	if _, err := w.process().Reconcile(t.Context(), coexist.TakeShared, key); err == nil {
		t.Fatal("a write that failed counts as done")
	}
	w.expect("get", w.get(), "theirs")
}

// TestI3AnnouncedOverAPrune: a Prune noted that it removes a value, and did not; a
// Reconcile is giving that source the next one when a server refuses it. What the
// Reconcile then leaves there is no older build's answer to that.
func TestI3AnnouncedOverAPrune(t *testing.T) {
	w := agreedOn(t, "old")
	w.config.Policy.FastForward = coexist.Auto
	w.set("ours")
	w.legacy[0].Inject(storetest.VerbDelete, 1, storetest.FailBefore(store.ErrLocked))
	if _, err := w.process().Prune(t.Context(), false, key); err == nil {
		t.Fatal("a removal that failed counts as done")
	}
	w.legacy[0].InjectNext(storetest.VerbPut, storetest.LandLate())
	if _, err := w.process().Reconcile(t.Context(), coexist.TakeShared, key); err == nil {
		t.Fatal("a write on its way counts as done")
	}
	w.refusedBeforeItLands()
}

// TestI3PruneKeepsAnAnnouncement: a Prune removes what a late write of a Reconcile
// would have replaced, and gets no further than to note it. A server refuses that
// value then, and what lands is no older build's answer.
func TestI3PruneKeepsAnAnnouncement(t *testing.T) {
	w := agreedOn(t, "old")
	w.config.Policy.FastForward = coexist.Auto
	w.set("ours")
	w.legacy[0].Inject(storetest.VerbPut, 1, storetest.LandLate())
	if _, err := w.process().Reconcile(t.Context(), coexist.TakeShared, key); err == nil {
		t.Fatal("a write on its way counts as done")
	}
	w.legacy[0].InjectNext(storetest.VerbDelete, storetest.FailBefore(store.ErrLocked))
	if _, err := w.process().Prune(t.Context(), false, key); err == nil {
		t.Fatal("a removal that failed counts as done")
	}
	w.refusedBeforeItLands()
}

// refusedBeforeItLands has a server refuse what a program got, for what the older
// build holds, before the late write of the refused value lands there.
func (w *world) refusedBeforeItLands() {
	w.t.Helper()
	e := w.process()
	refused, err := e.Get(w.t.Context(), key)
	w.expect("get", said(refused, err), "ours")
	better, err := e.Rejected(w.t.Context(), key, refused.Revision)
	w.expect("rejected", said(better, err), "old")
	w.land(0)
	w.expect("legacy", w.holds(w.legacy[0]), "ours")
	w.expect("get", w.get(), "old")
}

// TestI3LateMirrorOutlivesARepeatedValue: a mirror of an Update is on its way when
// somebody sets the value that both agreed on before, and gets no further than the
// shared store. The mirror that lands then is no older build's newer value.
func TestI3LateMirrorOutlivesARepeatedValue(t *testing.T) {
	w := dual(t)
	w.config.Leases, w.config.Grace = &kernelLeases{}, context.WithCancel
	w.set("old")
	w.legacy[0].InjectNext(storetest.VerbPut, storetest.LandLate())
	var given []string
	if _, err := w.process().Update(t.Context(), key, to("next", &given)); store.ClassOf(err) != store.ErrPartial {
		t.Fatalf("update: %v, want that the older build's part is unknown", err)
	}
	const look = 3 // after where the older build looks, and what it holds
	w.legacy[0].Inject(storetest.VerbGet, w.legacy[0].Count(storetest.VerbGet)+look, storetest.FailBefore(store.ErrLocked))
	if _, err := w.process().Set(t.Context(), key, store.NewValue([]byte("old"))); store.ClassOf(err) != store.ErrPartial {
		t.Fatalf("set: %v, want that the older build's part failed", err)
	}
	w.land(0)
	w.expect("legacy", w.holds(w.legacy[0]), "next")
	w.expect("get", w.get(), "old")
}

// TestI10RetryBehindAFence: a result whose first write turns out to have landed is
// written again where only a fence orders writes, or a write of another program
// that began before that, and is still on its way, would win.
func TestI10RetryBehindAFence(t *testing.T) {
	for fenced, want := range map[bool]int{false: 1, true: 2} {
		w, _ := leased(t, coexist.PresetSharedOnly, 1, false)
		caps := w.shared.Info().Capabilities
		caps.Fenced, caps.AtomicAbsent, caps.AtomicMatch = fenced, !fenced, !fenced
		w.config.Shared = capable{w.shared, caps}
		w.set("old")
		w.shared.Reset()
		w.shared.Inject(storetest.VerbPut, 1, storetest.FailAfter(store.ErrOutcomeUnknown))
		var given []string
		_, err := w.process().Update(t.Context(), key, to("next", &given))
		var unsaved *coexist.Unsaved
		if !errors.As(err, &unsaved) {
			t.Fatalf("%v, want a result that is not saved", err)
		}
		r, err := unsaved.Retry(t.Context())
		w.expect("retry", said(r, err), "next")
		if n := w.shared.Count(storetest.VerbPut); n != want {
			t.Errorf("fenced %v: written %d times, want %d", fenced, n, want)
		}
	}
}
