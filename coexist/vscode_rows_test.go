package coexist_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// The tests of this file are rows of the table in docs/VSCODE.md: what an app's
// new builds do under dual writes, one row each.

// dual is a family under the preset of dual writes, after its first operation.
func dual(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, coexist.PresetDualWrite, 1)
	w.config.Leases = &freeLeases{}
	w.get()
	w.reset()
	return quiet(w)
}

// quiet stops the migration of the first operation.
func quiet(w *world) *world {
	w.config.Policy.BulkMigrate = coexist.BulkNever
	return w
}

func (w *world) failShared(verb storetest.Verb, class *store.Class) {
	w.shared.Inject(verb, 1, storetest.FailBefore(class).Forever())
}

// TestRowR2NoBackfillOnRead: a read that finds only legacy answers with it and
// copies nothing; that is the migration's work.
func TestRowR2NoBackfillOnRead(t *testing.T) {
	w := quiet(dual(t))
	w.olderSet(0, "old")
	r, err := w.process().Get(t.Context(), key)
	if said(r, err) != "old" || r.Provenance != coexist.FromLegacy || r.Source != "a" {
		t.Errorf("%s, %s from %s", said(r, err), r.Provenance, r.Source)
	}
	w.expect("shared", w.holds(w.inner), "-")
}

// TestRowR4FallbackSaysSo: where the shared store fails, a legacy value that is
// there is the answer and is marked; one that is not there proves nothing.
func TestRowR4FallbackSaysSo(t *testing.T) {
	for _, class := range []*store.Class{store.ErrLocked, store.ErrDenied, store.ErrCorrupt, store.ErrTimedOut} {
		w := quiet(dual(t))
		w.failShared(storetest.VerbGet, class)
		_, err := w.process().Get(t.Context(), key)
		if store.ClassOf(err) != class {
			t.Errorf("nothing in legacy: %v, want %s", err, class)
		}
		w.olderSet(0, "old")
		w.failShared(storetest.VerbGet, class)
		r, err := w.process().Get(t.Context(), key)
		if said(r, err) != "old" || r.Provenance != coexist.FromFallback || !w.told(coexist.NoticeFallback) {
			t.Errorf("%s: %s, %s", class, said(r, err), r.Provenance)
		}
	}
}

// TestRowR6UndecryptableIsKept: a legacy value that cannot be read is an error of
// its own, and nothing deletes it.
func TestRowR6UndecryptableIsKept(t *testing.T) {
	for _, class := range []*store.Class{store.ErrLocked, store.ErrCorrupt, store.ErrUnsupported} {
		w := quiet(dual(t))
		w.olderSet(0, "old")
		w.legacy[0].Inject(storetest.VerbGet, 1, storetest.FailBefore(class).Forever())
		if got := w.get(); got != "["+class.Name()+"]" {
			t.Errorf("got %s, want %s", got, class)
		}
		if n := w.legacyWrites(); n != 0 {
			t.Errorf("%s: %d legacy writes by a read", class, n)
		}
		w.expect("legacy", w.legacyHolds()[0], "old")
	}
}

// TestRowR7EmptyIsAValue: in both stores, and through a migration.
func TestRowR7EmptyIsAValue(t *testing.T) {
	w := newWorld(t, coexist.PresetDualWrite, 1)
	w.config.Leases = &freeLeases{}
	w.olderSet(0, "")
	w.expect("get", w.get(), "")
	w.expect("shared", w.holds(w.inner), "")
	w.set("")
	w.expect("legacy", w.legacyHolds()[0], "")
}

// TestRowW1BothAreWritten: and an older build's value is known as ours then.
func TestRowW1BothAreWritten(t *testing.T) {
	w := dual(t)
	w.olderSet(0, "old")
	w.set("new")
	w.expect("shared", w.holds(w.inner), "new")
	w.expect("legacy", w.legacyHolds()[0], "new")
	w.expect("get", w.get(), "new")
	st, err := w.process().Status(t.Context(), false, key)
	if err != nil || st.Keys[0].Verdict != coexist.InStep {
		t.Errorf("%v, %v", st.Keys, err)
	}
}

// TestRowW3LegacyFails: the shared store has the new value, the older build the
// old one; that is said, and setting again finishes it.
func TestRowW3LegacyFails(t *testing.T) {
	w := dual(t)
	w.olderSet(0, "old")
	w.set("agreed")
	w.legacy[0].Inject(storetest.VerbPut, 1, storetest.FailBefore(store.ErrDenied).Forever())
	_, err := w.process().Set(t.Context(), key, store.NewValue([]byte("new")))
	var e *store.Error
	if !errors.As(err, &e) || e.Class != store.ErrPartial || !slices.Equal(e.Done, []string{"shared"}) || !slices.Equal(e.Missing, []string{"a"}) {
		t.Fatalf("set: %v", err)
	}
	w.expect("get", w.get(), "new")
	w.reset()
	w.expect("legacy", w.legacyHolds()[0], "agreed")
	w.expect("get later", w.get(), "new")
	w.set("new")
	w.expect("legacy after setting again", w.legacyHolds()[0], "new")
}

// TestRowW1NoOlderBuild: where no older build is there, there is nobody to write
// for: the shared store is written alone, and nothing is missing.
func TestRowW1NoOlderBuild(t *testing.T) {
	w := dual(t)
	w.config.Sources[0].Active = func(context.Context) (bool, error) { return false, nil }
	w.set("new")
	w.expect("shared", w.holds(w.inner), "new")
	w.expect("legacy", w.legacyHolds()[0], "-")
	w.delete()
	w.expect("get", w.get(), "[not-found]")
}

// TestRowD1Idempotent: deleting what is not there is no error, twice neither.
func TestRowD1Idempotent(t *testing.T) {
	w := dual(t)
	for range 2 {
		if existed, err := w.process().Delete(t.Context(), key); err != nil || existed {
			t.Errorf("%v, %v", existed, err)
		}
	}
	w.olderSet(0, "old")
	if existed, err := w.process().Delete(t.Context(), key); err != nil || !existed {
		t.Errorf("%v, %v", existed, err)
	}
	w.expect("get", w.get(), "[not-found]")
}

// TestRowL1UnionSayingWhatIsMissing: sorted, each key once; a store that cannot
// be listed makes the list incomplete, not shorter without a word.
func TestRowL1UnionSayingWhatIsMissing(t *testing.T) {
	w := quiet(dual(t))
	w.olderSet(0, "both")
	w.set("both")
	for store_, account := range map[store.Store]string{w.legacy[0]: "a legacy", w.inner: "b shared"} {
		if _, err := store_.Put(t.Context(), store.Key{Service: service, Account: account}, store.Item{}, store.Any()); err != nil {
			t.Fatal(err)
		}
	}
	w.reset()
	wantListed(t, w, nil, "a legacy:legacy b shared:shared cli|0123:both")
	w.failShared(storetest.VerbList, store.ErrLocked)
	wantListed(t, w, store.ErrPartial, "a legacy:legacy cli|0123:legacy")
	w.reset()
	w.legacy[0].Inject(storetest.VerbList, 1, storetest.FailBefore(store.ErrLocked).Forever())
	wantListed(t, w, store.ErrPartial, "b shared:shared cli|0123:shared")
}

func wantListed(t *testing.T, w *world, class error, want string) {
	t.Helper()
	l, err := w.process().List(t.Context())
	var got []string
	for _, k := range l.Keys {
		got = append(got, fmt.Sprintf("%s:%s", k.Key.Account, k.Where))
	}
	if !errors.Is(err, class) || strings.Join(got, " ") != want || (class != nil) != (len(l.Incomplete) == 1) {
		t.Errorf("%v, incomplete %v, %v; want %s", got, l.Incomplete, err, want)
	}
}

// firstOperations are those that may be a program's first.
var firstOperations = map[string]func(context.Context, *coexist.Engine) error{
	"get": func(ctx context.Context, e *coexist.Engine) error { _, err := e.Get(ctx, other(0)); return err },
	"set": func(ctx context.Context, e *coexist.Engine) error {
		_, err := e.Set(ctx, key, store.NewValue([]byte("x")))
		return err
	},
	"delete": func(ctx context.Context, e *coexist.Engine) error { _, err := e.Delete(ctx, key); return err },
	"list":   func(ctx context.Context, e *coexist.Engine) error { _, err := e.List(ctx); return err },
}

func other(n int) store.Key {
	return store.Key{Service: service, Account: fmt.Sprintf("other %03d", n)}
}

// withOthers puts n keys into the older build's store.
func (w *world) withOthers(n int) {
	w.t.Helper()
	for i := range n {
		if _, err := w.legacy[0].Put(w.t.Context(), other(i), store.Item{Value: store.NewValue([]byte{byte(i)})}, store.Any()); err != nil {
			w.t.Fatal(err)
		}
	}
	w.reset()
}

// shares counts the others that the shared store holds as they were.
func (w *world) shares(n int) (count int) {
	for i := range n {
		if item, err := w.inner.Get(context.Background(), other(i)); err == nil && item.Value.Equal(store.NewValue([]byte{byte(i)})) {
			count++
		}
	}
	return count
}

// TestRowM1FirstOperationMigrates, whichever it is, and only once: the next
// program of the family does not look at legacy again.
func TestRowM1FirstOperationMigrates(t *testing.T) {
	for name, operation := range firstOperations {
		w := newWorld(t, coexist.PresetDualWrite, 1)
		w.config.Leases = &freeLeases{}
		w.withOthers(10)
		if err := operation(t.Context(), w.process()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := w.shares(10); n != 10 {
			t.Errorf("%s: %d of 10 are shared", name, n)
		}
		if p, ran, err := w.process().Migrated(t.Context()); err != nil || !ran || !p.Complete || p.Verified != 10 {
			t.Errorf("%s: %+v, %v, %v", name, p, ran, err)
		}
		w.reset()
		w.get()
		if n := w.legacy[0].Count(storetest.VerbList); n != 0 {
			t.Errorf("%s: the next program lists legacy %d times", name, n)
		}
	}
}

// TestStatusMigratesNothing: asking how all stands is no first operation.
func TestStatusMigratesNothing(t *testing.T) {
	w := newWorld(t, coexist.PresetDualWrite, 1)
	w.config.Leases = &freeLeases{}
	w.withOthers(3)
	st, err := w.process().Status(t.Context(), false)
	if err != nil || len(st.Keys) != 3 || st.Keys[0].Verdict != coexist.LegacyOnlyHere {
		t.Errorf("%+v, %v", st.Keys, err)
	}
	if n := w.shared.Count(storetest.VerbPut); n != 0 {
		t.Errorf("it wrote %d times", n)
	}
	if _, ran, err := w.process().Migrated(t.Context()); ran || err != nil {
		t.Errorf("a migration ran: %v", err)
	}
}

// TestRowM1WhatComesLater: that there was nothing to migrate is no reason not to
// look again.
func TestRowM1WhatComesLater(t *testing.T) {
	w := newWorld(t, coexist.PresetDualWrite, 1)
	w.config.Leases = &freeLeases{}
	w.get()
	w.withOthers(3)
	w.get()
	if n := w.shares(3); n != 3 {
		t.Errorf("%d of 3", n)
	}
}

// TestRowM4FailuresAreKeptAndRetried: one key that cannot be copied keeps none of
// the others, the flag is not set, and the next program tries again.
func TestRowM4FailuresAreKeptAndRetried(t *testing.T) {
	w := newWorld(t, coexist.PresetDualWrite, 1)
	w.config.Leases = &freeLeases{}
	w.withOthers(5)
	w.shared.Inject(storetest.VerbPut, 3, storetest.FailBefore(store.ErrLocked)) // the first makes the fingerprint key
	w.expect("get", w.get(), "[not-found]")
	if !w.told(coexist.NoticeMigrationFailed) {
		t.Error("nobody is told")
	}
	p, _, err := w.process().Migrated(t.Context())
	if err != nil || p.Complete || p.Verified != 4 || len(p.Failed) != 1 || p.Failed[0].Key != other(1) || !errors.Is(p.Failed[0].Err, store.ErrLocked) {
		t.Errorf("%+v, %v", p, err)
	}
	w.reset()
	w.get()
	if n := w.shares(5); n != 5 {
		t.Errorf("%d of 5 after the next program", n)
	}
}

// TestRowM2LockedSourceIsNotMigrated: a source whose values cannot be read now is
// nothing to be done with.
func TestRowM2LockedSourceIsNotMigrated(t *testing.T) {
	w := newWorld(t, coexist.PresetDualWrite, 1)
	w.config.Leases = &freeLeases{}
	w.withOthers(3)
	w.legacy[0].Inject(storetest.VerbGet, 1, storetest.FailBefore(store.ErrLocked).Forever())
	w.get()
	if p, ran, err := w.process().Migrated(t.Context()); err != nil || !ran || p.Complete || len(p.Failed) != 3 {
		t.Errorf("%+v, %v, %v", p, ran, err)
	}
	w.reset()
	w.get()
	if n := w.shares(3); n != 3 {
		t.Errorf("%d of 3 once it can be read", n)
	}
}

// TestRowM3SeveralWindows: a program that comes while another one migrates
// changes nothing and loses nothing, and two in one process do not do it twice.
func TestRowM3SeveralWindows(t *testing.T) {
	w := newWorld(t, coexist.PresetDualWrite, 1)
	w.config.Leases = &freeLeases{}
	w.withOthers(6)
	second := *w
	second.config.Shared = w.inner
	w.shared.Inject(storetest.VerbPut, 4, storetest.Fault{Before: func() { second.get() }, Apply: storetest.ApplyNow})
	w.get()
	if n := w.shares(6); n != 6 {
		t.Errorf("%d of 6", n)
	}
	if p, _, err := w.process().Migrated(t.Context()); err != nil || !p.Complete {
		t.Errorf("%+v, %v", p, err)
	}
	w.expect("legacy", w.holds(w.legacy[0]), "-")

	w = newWorld(t, coexist.PresetDualWrite, 1)
	w.config.Leases = &freeLeases{}
	w.withOthers(6)
	e := w.process()
	w.shared.Inject(storetest.VerbPut, 4, storetest.Fault{Before: func() {
		if r, err := e.Get(t.Context(), other(5)); err != nil || r.Provenance != coexist.FromLegacy {
			t.Errorf("an operation beside the migration: %v, %s", err, r.Provenance)
		}
	}, Apply: storetest.ApplyNow})
	if _, err := e.Get(t.Context(), other(0)); err != nil {
		t.Fatal(err)
	}
	if n := w.legacy[0].Count(storetest.VerbList); n != 1 {
		t.Errorf("one program lists legacy %d times", n)
	}
}

// TestRowM1GoesOnWhereItStopped: a migration that is broken off by its time goes
// on with the next operation, also in another program, where it stopped.
func TestRowM1GoesOnWhereItStopped(t *testing.T) {
	w := newWorld(t, coexist.PresetDualWrite, 1)
	w.config.Leases = &freeLeases{}
	w.withOthers(10)
	var reads [10]int
	for program := range 5 {
		w.reset()
		w.expect(fmt.Sprintf("get of program %d", program), w.getBrokenOff(), "[not-found]")
		for _, call := range w.legacy[0].Calls() {
			for i := range reads {
				if call.Verb == storetest.VerbGet && call.Key == other(i) {
					reads[i]++
				}
			}
		}
	}
	if n := w.shares(10); n != 10 {
		t.Errorf("%d of 10 after five programs", n)
	}
	for i, n := range reads {
		if n != 1 {
			t.Errorf("key %d was read %d times", i, n)
		}
	}
	w.get()
	if p, _, err := w.process().Migrated(t.Context()); err != nil || !p.Complete || p.Verified != 10 {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestRowE1AbsentByDesign: without a shared store legacy is the store, and no
// answer is a failure that looks like one.
func TestRowE1AbsentByDesign(t *testing.T) {
	w := newWorld(t, coexist.PresetDualWrite, 1)
	w.config.Leases = &freeLeases{}
	absent := store.Error{Class: store.ErrUnavailable, Reason: store.ErrAbsentByDesign}
	for _, verb := range []storetest.Verb{storetest.VerbGet, storetest.VerbPut, storetest.VerbDelete, storetest.VerbList} {
		w.shared.Inject(verb, 1, storetest.Fault{Err: &absent}.Forever())
	}
	e := w.process()
	if _, err := e.Get(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get of nothing: %v", err)
	}
	if _, err := e.Set(t.Context(), key, store.NewValue([]byte("new"))); err != nil {
		t.Errorf("set: %v", err)
	}
	if r, err := e.Get(t.Context(), key); said(r, err) != "new" || r.Provenance != coexist.FromLegacy {
		t.Errorf("get: %s, %s", said(r, err), r.Provenance)
	}
	if l, err := e.List(t.Context()); err != nil || len(l.Keys) != 1 || len(l.Incomplete) != 0 {
		t.Errorf("list: %+v, %v", l, err)
	}
	if existed, err := e.Delete(t.Context(), key); err != nil || !existed {
		t.Errorf("delete: %v, %v", existed, err)
	}
	if len(w.notices) != 0 {
		t.Errorf("told %+v", w.notices)
	}
}

// TestRowUnsharedKeys: a key that the profile does not share lives in the older
// build's store alone, read and written, and the shared store is not asked.
func TestRowUnsharedKeys(t *testing.T) {
	w := dual(t)
	w.config.Traits = func(store.Key) coexist.Traits { return coexist.Traits{LegacyOnly: true} }
	e := w.process()
	if _, err := e.Get(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	w.reset()
	if _, err := e.Set(t.Context(), key, store.NewValue([]byte("one"))); err != nil {
		t.Errorf("set: %v", err)
	}
	if _, err := e.Set(t.Context(), key, store.NewValue([]byte("two"))); err != nil {
		t.Errorf("set over it: %v", err)
	}
	if r, err := e.Get(t.Context(), key); said(r, err) != "two" || r.Source != "a" {
		t.Errorf("get: %s", said(r, err))
	}
	if existed, err := e.Delete(t.Context(), key); err != nil || !existed {
		t.Errorf("delete: %v, %v", existed, err)
	}
	if n := w.shared.Count(storetest.VerbGet) + w.shared.Count(storetest.VerbPut) + w.shared.Count(storetest.VerbDelete); n != 0 {
		t.Errorf("the shared store was called %d times", n)
	}
	w.config.Sources[0].Active = func(context.Context) (bool, error) { return false, nil }
	if _, err := w.process().Set(t.Context(), key, store.Value{}); !errors.Is(err, store.ErrAbsentByDesign) {
		t.Errorf("set where no older build keeps anything: %v", err)
	}
}

// TestRowRunningApp: a source that took a write and says that its app does not
// know yet has been written to: that is told with the source's own remedy, and
// what both agree on stays known.
func TestRowRunningApp(t *testing.T) {
	w := dual(t)
	w.olderSet(0, "old")
	w.set("agreed")
	running := &store.Error{Class: store.ErrPartial, Done: []string{"the database"}, Missing: []string{"the running app"}, Remedy: "restart the app"}
	wantTold := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, store.ErrPartial) || !strings.Contains(err.Error(), "restart the app") {
			t.Errorf("%s: %v", what, err)
		}
	}
	w.legacy[0].Inject(storetest.VerbPut, 1, storetest.FailAfter(running).Forever())
	w.legacy[0].Inject(storetest.VerbDelete, 1, storetest.FailAfter(running).Forever())
	_, err := w.process().Set(t.Context(), key, store.NewValue([]byte("new")))
	wantTold("set", err)
	w.expect("get", w.get(), "new")
	st, err := w.process().Status(t.Context(), false, key)
	if err != nil || st.Keys[0].Verdict != coexist.InStep {
		t.Errorf("verdict %v, %v", st.Keys[0].Verdict, err)
	}
	w.failShared(storetest.VerbPut, store.ErrDenied)
	_, err = w.process().Set(t.Context(), key, store.NewValue([]byte("newer")))
	if !errors.Is(err, store.ErrPartial) || !strings.Contains(err.Error(), "missing: shared") {
		t.Errorf("set with the shared store failing: %v", err)
	}
	w.shared.Reset()
	_, err = w.process().Delete(t.Context(), key)
	wantTold("delete", err)
	w.reset()
	w.expect("get after it", w.get(), "[not-found]")
	w.expect("legacy", w.legacyHolds()[0], "-")
}
