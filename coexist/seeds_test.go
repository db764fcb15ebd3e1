package coexist_test

import (
	"errors"
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// The tests of this file walk through what went wrong in the two systems that
// kinring grew from, openai/codex#14855 and microsoft/vscode#308990, one defect
// each. docs/RELIABILITY.md says which test closes which.

// TestSeedLostSharedItem: somebody removes the shared item behind kinring's back,
// and with it the record. What the older build has is then all there is, and is
// said to come from there; a Delete through kinring leaves a marker instead, and
// brings nothing back.
func TestSeedLostSharedItem(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.olderSet(0, "old")
	w.get()
	w.set("new")
	if err := w.inner.Delete(t.Context(), key, store.Any()); err != nil {
		t.Fatal(err)
	}
	r, err := w.process().Get(t.Context(), key)
	if said(r, err) != "old" || r.Provenance != coexist.FromLegacy || r.Source != "a" {
		t.Errorf("got %s, %q from %q; want old, said to be the older build's", said(r, err), r.Provenance, r.Source)
	}
	w.set("newer")
	w.delete()
	w.expect("get after Delete", w.get(), "[not-found]")
}

// TestSeedMigrationSaysWhatFailed: a migration whose writes fail is not done,
// whatever comes of its other keys, and the next one finishes it.
func TestSeedMigrationSaysWhatFailed(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.olderSet(0, "one")
	other := store.Key{Service: service, Account: "other"}
	if _, err := w.legacy[0].Put(t.Context(), other, store.Item{Value: store.NewValue([]byte("two"))}, store.Any()); err != nil {
		t.Fatal(err)
	}
	w.shared.Inject(storetest.VerbPut, 2, storetest.FailBefore(store.ErrDenied)) // the first is the fingerprint key's
	p, err := w.process().Migrate(t.Context(), false, nil)
	if !errors.Is(err, store.ErrPartial) || p.Complete || p.Verified != 1 || len(p.Failed) != 1 {
		t.Errorf("got %+v, %v", p, err)
	}
	kept, ran, err := w.process().Migrated(t.Context())
	if err != nil || !ran || kept.Complete || len(kept.Failed) != 1 {
		t.Errorf("what is kept is %+v, %v, %v", kept, ran, err)
	}
	w.reset()
	if p, err := w.process().Migrate(t.Context(), false, nil); err != nil || !p.Complete || p.Verified != 2 {
		t.Errorf("the next one: %+v, %v", p, err)
	}
	w.expect("get", w.get(), "one")
}

// TestSeedMigrationKeepsNewerValues: what a new build wrote or deleted before,
// or while, the migration comes to its key stays.
func TestSeedMigrationKeepsNewerValues(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(*world)
		want      string
	}{
		"a Set":    {func(o *world) { o.set("newer") }, "newer"},
		"a Delete": {func(o *world) { o.set("newer"); o.delete() }, "marker"},
	} {
		t.Run(name+" before", func(t *testing.T) {
			w := newWorld(t, coexist.PresetSharedOnly, 1)
			w.olderSet(0, "old")
			c.meanwhile(w.beside())
			w.migrate()
			w.expect("shared", w.holds(w.inner), c.want)
		})
		t.Run(name+" meanwhile", func(t *testing.T) {
			w := newWorld(t, coexist.PresetSharedOnly, 1)
			w.olderSet(0, "old")
			w.legacy[0].Inject(storetest.VerbGet, 1, storetest.Fault{Before: func() { c.meanwhile(w.beside()) }, Apply: storetest.ApplyNow})
			w.migrate()
			w.expect("shared", w.holds(w.inner), c.want)
		})
	}
}

// beside is a program of the family on a machine where it has no older builds to
// care for, on the same shared store.
func (w *world) beside() *world {
	o := newWorld(w.t, coexist.PresetSharedOnly, 0)
	o.config.Shared = w.inner
	return o
}

func (w *world) migrate() {
	w.t.Helper()
	if _, err := w.process().Migrate(w.t.Context(), false, nil); err != nil {
		w.t.Fatal(err)
	}
	w.reset()
}

// TestSeedFailedSharedWrite: a dual Set whose shared half fails says so, and no
// later Get shows the value from before it.
func TestSeedFailedSharedWrite(t *testing.T) {
	w := newWorld(t, coexist.PresetDualWrite, 1)
	w.config.Leases = &freeLeases{}
	w.olderSet(0, "old")
	w.set("agreed")
	w.shared.Inject(storetest.VerbPut, 1, storetest.FailBefore(store.ErrDenied).Forever())
	_, err := w.process().Set(t.Context(), key, store.NewValue([]byte("new")))
	var e *store.Error
	if !errors.As(err, &e) || e.Class != store.ErrPartial || len(e.Missing) != 1 || e.Missing[0] != "shared" {
		t.Fatalf("set: %v, want partial without the shared store", err)
	}
	w.expect("get while it fails", w.get(), "new")
	w.reset()
	w.expect("get once it works", w.get(), "new")
	w.expect("shared", w.holds(w.inner), "new")
}

// TestSeedOlderBuildWroteMeanwhile: the user goes back to an older build, which
// signs in anew, and then forward again. By its policy the new build takes the
// older build's value over, or says that there is one; it never takes its own
// for the newest without saying so.
func TestSeedOlderBuildWroteMeanwhile(t *testing.T) {
	for preset, want := range map[string]struct {
		get     string
		verdict coexist.Verdict
	}{
		coexist.PresetDualWrite:  {"newer", coexist.InStep},
		coexist.PresetSharedOnly: {"new", coexist.Diverged},
	} {
		w := newWorld(t, preset, 1)
		w.config.Leases = &freeLeases{}
		w.olderSet(0, "old")
		w.get()
		w.set("new")
		w.olderSet(0, "newer")
		w.expect(preset+": get", w.get(), want.get)
		st, err := w.process().Status(t.Context(), false, key)
		if err != nil || st.Keys[0].Verdict != want.verdict {
			t.Errorf("%s: verdict %v, %v; want %v", preset, st.Keys[0].Verdict, err, want.verdict)
		}
	}
}
