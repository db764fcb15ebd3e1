package coexist_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// TestI2DeleteStaysDeleted deletes from every starting point and reads again.
func TestI2DeleteStaysDeleted(t *testing.T) {
	cases := []struct {
		name    string
		before  func(*world)
		existed bool
	}{
		{"nothing there", func(*world) {}, false},
		{"legacy only", func(w *world) { w.olderSet(0, "old") }, true},
		{"second source only", func(w *world) { w.olderSet(1, "old") }, true},
		{"shared only", func(w *world) { w.set("new") }, true},
		{"both", func(w *world) { w.olderSet(0, "old"); w.get(); w.reset() }, true},
		{"both differ", func(w *world) { w.olderSet(0, "old"); w.set("new") }, true},
		{"deleted before", func(w *world) { w.olderSet(0, "old"); w.delete() }, false},
	}
	for _, c := range cases {
		for _, preset := range []string{coexist.PresetSharedOnly, coexist.PresetDefault} {
			w := newWorld(t, preset, 2)
			c.before(w)
			existed, err := w.process().Delete(t.Context(), key)
			if err != nil || existed != c.existed {
				t.Errorf("%s, %s: existed %v, %v; want %v", preset, c.name, existed, err, c.existed)
			}
			w.expect(c.name+": shared", w.holds(w.inner), "marker")
			w.expect(c.name+": get", w.get(), "[not-found]")
			if got := w.legacyHolds(); !slices.Equal(got, []string{"-", "-"}) {
				t.Errorf("%s: legacy holds %q", c.name, got)
			}
		}
	}
}

// TestDeleteMarksFirst pins the order: a program that dies in between must not
// leave a shared value that nobody deletes or a legacy value that comes back.
func TestDeleteMarksFirst(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.olderSet(0, "old")
	var at string
	w.legacy[0].Inject(storetest.VerbDelete, 1, storetest.Fault{Apply: storetest.ApplyNow,
		Before: func() { at = w.holds(w.inner) }})
	w.delete()
	w.expect("shared when legacy was deleted", at, "marker")
}

// TestI2DeletePartial breaks one part of a deletion at a time.
func TestI2DeletePartial(t *testing.T) {
	cases := []struct {
		name          string
		breakIt       func(*world)
		done, missing []string
		after         string // a Get once the stores work again
	}{
		{"shared put", func(w *world) { w.shared.Inject(storetest.VerbPut, 1, storetest.FailBefore(store.ErrLocked)) },
			[]string{"a", "b"}, []string{"shared"}, "old"},
		{"first source", func(w *world) { w.legacy[0].Inject(storetest.VerbDelete, 1, storetest.FailBefore(store.ErrLocked)) },
			[]string{"shared", "b"}, []string{"a"}, "[not-found]"},
		{"second source", func(w *world) { w.legacy[1].Inject(storetest.VerbDelete, 1, storetest.FailBefore(store.ErrLocked)) },
			[]string{"shared", "a"}, []string{"b"}, "[not-found]"},
		{"completion", func(w *world) { w.shared.Inject(storetest.VerbPut, 2, storetest.FailBefore(store.ErrLocked)) },
			[]string{"shared", "a", "b"}, []string{"marker"}, "[not-found]"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, coexist.PresetSharedOnly, 2)
			w.olderSet(0, "old")
			w.olderSet(1, "old")
			w.get()
			w.reset()
			c.breakIt(w)
			_, err := w.process().Delete(t.Context(), key)
			var e *store.Error
			if !errors.As(err, &e) || e.Class != store.ErrPartial ||
				!slices.Equal(e.Done, c.done) || !slices.Equal(e.Missing, c.missing) {
				t.Fatalf("got %v, want partial: done %q, missing %q", err, c.done, c.missing)
			}
			w.reset()
			w.expect("get after partial", w.get(), c.after)
			w.delete()
			w.expect("get after the retry", w.get(), "[not-found]")
			if got := w.legacyHolds(); !slices.Equal(got, []string{"-", "-"}) {
				t.Errorf("after the retry legacy holds %q", got)
			}
		})
	}
}

func TestDeleteOutOfReachActsOnLegacy(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.olderSet(0, "old")
	w.shared.Inject(storetest.AnyVerb, 1, storetest.FailBefore(store.ErrOutOfReach).Forever())
	existed, err := w.process().Delete(t.Context(), key)
	if !existed || !errors.Is(err, store.ErrPartial) {
		t.Errorf("existed %v, %v; want true and partial", existed, err)
	}
	w.expect("legacy", w.legacyHolds()[0], "-")
}

// TestAdoption pins when an older build's value revives a deleted key.
func TestAdoption(t *testing.T) {
	locked := storetest.FailBefore(store.ErrLocked)
	cases := []struct {
		name   string
		adopt  coexist.Taking
		delete func(*world)
		later  string // an older build writes this; "" is nothing
		want   string
		told   coexist.NoticeKind
	}{
		{"new sign-in", coexist.Auto, (*world).delete, "again", "again", coexist.NoticeAdopted},
		{"same value anew", coexist.Auto, (*world).delete, "old", "old", coexist.NoticeAdopted},
		{"on rejection", coexist.OnRejection, (*world).delete, "again", "again", coexist.NoticeAdopted},
		{"report", coexist.Report, (*world).delete, "again", "[not-found]", coexist.NoticeOlderWrote},
		{"never", coexist.Never, (*world).delete, "again", "[not-found]", ""},
		{"nothing new", coexist.Auto, (*world).delete, "", "[not-found]", ""},
		{"left over", coexist.Auto, partly(storetest.VerbDelete, locked), "", "[not-found]", ""},
		{"new over left over", coexist.Auto, partly(storetest.VerbDelete, locked), "again", "again", coexist.NoticeAdopted},
		{"state unknown", coexist.Auto, partlyUnknown, "", "[not-found]", ""},
		{"state unknown, new", coexist.Auto, partlyUnknown, "again", "[not-found]", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, coexist.PresetSharedOnly, 1)
			w.config.Policy.Adopt = c.adopt
			w.olderSet(0, "old")
			w.get()
			c.delete(w)
			w.reset()
			if c.later != "" {
				w.olderSet(0, c.later)
			}
			w.expect("get", w.get(), c.want)
			if c.told != "" && !w.told(c.told) {
				t.Errorf("notices %v, want %s", w.notices, c.told)
			}
		})
	}
}

// partly deletes while one call of the first legacy source fails.
func partly(verb storetest.Verb, fault storetest.Fault) func(*world) {
	return func(w *world) {
		w.reset()
		w.legacy[0].Inject(verb, 1, fault)
		if _, err := w.process().Delete(w.t.Context(), key); !errors.Is(err, store.ErrPartial) {
			w.t.Fatalf("got %v, want partial", err)
		}
	}
}

// partlyUnknown deletes while the first source can be neither read nor deleted
// from, so that its state at deletion is unknown.
func partlyUnknown(w *world) {
	w.reset()
	w.legacy[0].Inject(storetest.VerbGet, 1, storetest.FailBefore(store.ErrLocked))
	partlyKeep(w)
}

func partlyKeep(w *world) {
	w.legacy[0].Inject(storetest.VerbDelete, 1, storetest.FailBefore(store.ErrLocked))
	if _, err := w.process().Delete(w.t.Context(), key); !errors.Is(err, store.ErrPartial) {
		w.t.Fatalf("got %v, want partial", err)
	}
}

func TestI4MarkerWithUnreadableLegacyIsThatError(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.olderSet(0, "old")
	w.delete()
	w.legacy[0].Inject(storetest.VerbGet, 1, storetest.FailBefore(store.ErrLocked))
	w.expect("get", w.get(), "[locked]")
}

func TestSetOverMarkerInheritsTheStateAtDeletion(t *testing.T) {
	w := newWorld(t, coexist.PresetDefault, 1)
	w.olderSet(0, "old")
	w.delete()
	w.set("new")
	w.olderSet(0, "again")
	// Legacy was empty when both last agreed, and both wrote since: a divergence,
	// in which the new build's value stands.
	w.expect("get", w.get(), "new")
	if !w.told(coexist.NoticeDiverged) {
		t.Errorf("notices %v, want diverged", w.notices)
	}
}
