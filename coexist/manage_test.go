package coexist_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// stateNow prints what the stores hold: shared, then each source.
func (w *world) stateNow() []string {
	w.shared.Reset()
	return append([]string{w.holds(w.inner)}, w.legacyHolds()...)
}

func (w *world) stands(what string, want ...string) {
	w.t.Helper()
	if got := w.stateNow(); !slices.Equal(got, want) {
		w.t.Errorf("%s: stores hold %q, want %q", what, got, want)
	}
}

func TestRollback(t *testing.T) {
	cases := []struct {
		name   string
		before func(*world)
		force  bool
		err    string
		after  []string
	}{
		{"nothing", func(*world) {}, false, "[not-found]", []string{"-", "-"}},
		{"new build ahead", ahead, false, "", []string{"new", "new"}},
		{"legacy empty", func(w *world) { w.set("new") }, false, "", []string{"new", "new"}},
		{"both wrote", diverged, false, "[conflict]", []string{"new", "theirs"}},
		{"both wrote, forced", diverged, true, "", []string{"new", "new"}},
		{"left over from a deletion", unfinished, false, "", []string{"marker", "-"}},
		{"signed in anew", anew, false, "[conflict]", []string{"marker", "again"}},
		{"signed in anew, forced", anew, true, "", []string{"marker", "-"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w, _ := leased(t, coexist.PresetSharedOnly, 1, false)
			c.before(w)
			_, err := w.process().Rollback(t.Context(), key, c.force)
			if got := failed(err); got != c.err {
				t.Errorf("got %q (%v), want %q", got, err, c.err)
			}
			w.stands("after", c.after...)
		})
	}
}

// failed prints the class of an error, and nothing for none.
func failed(err error) string {
	if err == nil {
		return ""
	}
	return class(err)
}

// Starting points for what a person puts right.

func ahead(w *world) { w.olderSet(0, "old"); w.set("new") }

func diverged(w *world) { ahead(w); w.olderSet(0, "theirs") }

func anew(w *world) { w.olderSet(0, "old"); w.delete(); w.olderSet(0, "again") }

func unfinished(w *world) {
	w.olderSet(0, "old")
	w.get()
	w.reset()
	partlyKeep(w)
	w.reset()
}

func TestReconcile(t *testing.T) {
	cases := []struct {
		name   string
		before func(*world)
		side   coexist.Side
		err    string
		after  []string
		be, af coexist.Verdict
	}{
		{"in step", func(w *world) { w.olderSet(0, "old"); w.get() }, coexist.ByPolicy, "", []string{"old", "old"}, coexist.InStep, coexist.InStep},
		{"legacy only", func(w *world) { w.olderSet(0, "old") }, coexist.ByPolicy, "", []string{"old", "old"}, coexist.LegacyOnlyHere, coexist.InStep},
		{"older wrote", func(w *world) { w.olderSet(0, "old"); w.get(); w.olderSet(0, "theirs") }, coexist.ByPolicy, "", []string{"theirs", "theirs"}, coexist.OlderWrote, coexist.InStep},
		{"diverged", diverged, coexist.ByPolicy, "", []string{"new", "theirs"}, coexist.Diverged, coexist.Diverged},
		{"diverged, shared", diverged, coexist.TakeShared, "", []string{"new", "new"}, coexist.Diverged, coexist.InStep},
		{"diverged, legacy", diverged, coexist.TakeLegacy, "", []string{"theirs", "theirs"}, coexist.Diverged, coexist.InStep},
		{"nothing, shared", func(w *world) { w.olderSet(0, "old") }, coexist.TakeShared, "[not-found]", []string{"-", "old"}, coexist.LegacyOnlyHere, coexist.LegacyOnlyHere},
		{"unfinished", unfinished, coexist.ByPolicy, "", []string{"marker", "-"}, coexist.DeleteUnfinished, coexist.Deleted},
		{"deleted, legacy", unfinished, coexist.TakeLegacy, "", []string{"old", "old"}, coexist.DeleteUnfinished, coexist.InStep},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w, _ := leased(t, coexist.PresetDefault, 1, false)
			c.before(w)
			out, err := w.process().Reconcile(t.Context(), c.side, key)
			if got := failed(err); got != c.err {
				t.Errorf("got %q (%v), want %q", got, err, c.err)
			}
			if len(out) != 1 || out[0].Before != c.be || out[0].After != c.af {
				t.Errorf("got %+v, want %s and %s", out, c.be, c.af)
			}
			w.stands("after", c.after...)
		})
	}
}

func TestPrune(t *testing.T) {
	for _, dry := range []bool{true, false} {
		w, _ := leased(t, coexist.PresetDefault, 1, false)
		w.olderSet(0, "old")
		w.get()
		out, err := w.process().Prune(t.Context(), dry, key)
		if err != nil || len(out) != 1 || out[0].Err != nil || out[0].Source != "a" {
			t.Errorf("dry %v: %+v, %v", dry, out, err)
		}
		if dry {
			w.stands("dry run", "old", "old")
			continue
		}
		w.stands("after", "old", "-")
		w.expect("get", w.get(), "old")
		if w.told(coexist.NoticeOlderSignedOut) {
			t.Error("a pruned source was told as signed out")
		}
		if n, err := w.process().Forget(t.Context()); n != 1 || err != nil {
			t.Errorf("forgot %d, %v; want 1", n, err)
		}
		if n, err := w.process().Forget(t.Context()); n != 0 || err != nil {
			t.Errorf("forgot %d the second time, %v", n, err)
		}
	}
}

// TestI9PruneSaysWhatItRemoved: one source is pruned, the other one holds what
// nobody agreed on.
func TestI9PruneSaysWhatItRemoved(t *testing.T) {
	w, _ := leased(t, coexist.PresetDefault, 2, false)
	w.olderSet(0, "old")
	w.get()
	w.olderSet(1, "theirs")
	out, err := w.process().Prune(t.Context(), false, key)
	if !errors.Is(err, store.ErrPartial) || len(out) != 2 || out[0].Err != nil || out[1].Err == nil {
		t.Errorf("got %+v, %v; want partial", out, err)
	}
	w.stands("after", "old", "-", "theirs")
}

func TestI3PruneLeavesWhatTheSharedStoreLacks(t *testing.T) {
	for name, before := range map[string]func(*world){
		"legacy only": func(w *world) { w.olderSet(0, "old") }, "diverged": diverged, "deleted": unfinished, "signed in anew": anew,
	} {
		w, _ := leased(t, coexist.PresetDefault, 1, false)
		before(w)
		had := w.stateNow()
		if _, err := w.process().Prune(t.Context(), false, key); err == nil {
			t.Errorf("%s: pruned", name)
		}
		w.stands(name, had...)
	}
}

func TestI6MigrateCountsWhatItReadBack(t *testing.T) {
	w := scattered(t)
	var steps []coexist.Progress
	p, err := w.process().Migrate(t.Context(), false, func(p coexist.Progress) { steps = append(steps, p) })
	if err != nil || !p.Complete || p.Verified != 4 || p.Total != 4 || len(steps) != 4 {
		t.Errorf("got %+v in %d steps, %v; want 4 keys", p, len(steps), err)
	}
	if kept, there, err := w.process().Migrated(t.Context()); !there || !kept.Complete || err != nil {
		t.Errorf("kept %+v, %v, %v", kept, there, err)
	}
	if n := w.legacyWrites(); n != 0 {
		t.Errorf("a migration wrote %d times to legacy", n)
	}
}

func TestI6MigrateNeverNotesAKeyThatFailed(t *testing.T) {
	for _, failure := range storetest.Failures() {
		if errors.Is(failure, store.ErrConflict) || errors.Is(failure, store.ErrNotFound) {
			continue // somebody else wrote the key, or removed it: neither is a failure
		}
		w := newWorld(t, coexist.PresetSharedOnly, 1)
		w.set("v") // makes the fingerprint key
		if err := w.inner.Delete(t.Context(), key, store.Any()); err != nil {
			t.Fatal(err)
		}
		w.olderSet(0, "old")
		w.shared.Inject(storetest.VerbPut, 1, storetest.FailBefore(failure))
		p, err := w.process().Migrate(t.Context(), false, nil)
		if p.Complete || p.Verified != 0 || err == nil {
			t.Errorf("%v: %+v, %v", failure, p, err)
		}
		if kept, _, _ := w.process().Migrated(t.Context()); kept.Complete {
			t.Errorf("%v: noted as complete", failure)
		}
	}
}

func TestDualSet(t *testing.T) {
	w, _ := leased(t, coexist.PresetDualWrite, 1, false)
	w.olderSet(0, "old")
	w.set("new")
	w.stands("set", "new", "new")
	w.legacy[0].Inject(storetest.VerbPut, 1, storetest.FailBefore(store.ErrLocked))
	_, err := w.process().Set(t.Context(), key, store.NewValue([]byte("newer")))
	var e *store.Error
	if !errors.As(err, &e) || e.Class != store.ErrPartial || !slices.Equal(e.Done, []string{"shared"}) || !slices.Equal(e.Missing, []string{"a"}) {
		t.Errorf("legacy locked: %v, want partial", err)
	}
	w.stands("legacy locked", "newer", "new")
	w.expect("get", w.get(), "newer")
}
