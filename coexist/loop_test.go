package coexist_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// The error loop: break the first call of a store, then the second, and so on
// until an operation runs through unharmed; each with every class of error,
// before and after the store saw the call, once and for ever. The promises must
// hold each time.

// start is a state of the world in which an operation begins.
type start struct {
	name  string
	value string // what a Get must return; "" is nothing
	make  func(*world)
}

var starts = []start{
	{"empty", "", func(*world) {}},
	{"legacy", "old", func(w *world) { w.olderSet(0, "old") }},
	{"second source", "old", func(w *world) { w.olderSet(1, "old") }},
	{"shared", "new", func(w *world) { w.set("new") }},
	{"agreed", "old", func(w *world) { w.olderSet(0, "old"); w.get() }},
	{"ahead", "new", func(w *world) { w.olderSet(0, "old"); w.set("new") }},
	{"deleted", "", func(w *world) { w.olderSet(0, "old"); w.delete() }},
	{"signed in anew", "again", func(w *world) { w.olderSet(0, "old"); w.delete(); w.olderSet(0, "again") }},
	{"older wrote", "theirs", func(w *world) { w.olderSet(0, "old"); w.get(); w.olderSet(0, "theirs") }},
}

var presets = []string{coexist.PresetSharedOnly, coexist.PresetDefault}

// want is what a fault-free Get returns.
func (s start) want(preset string) string {
	switch {
	case s.name == "older wrote" && preset == coexist.PresetSharedOnly:
		return "old" // taken over on a rejection only
	case s.value == "":
		return "[not-found]"
	}
	return s.value
}

// trial is one operation with one fault in it.
type trial struct {
	*world
	start    start
	preset   string
	failure  error
	applied  bool // the store saw the broken call before the caller heard of it
	label    string
	broken   *storetest.Faults
	met      bool // the operation got as far as the fault
	wasThere []string
}

// evidence reports whether the injected error itself says that nothing is
// there.
func (tr *trial) evidence() bool {
	return errors.Is(tr.failure, store.ErrNotFound) || errors.Is(tr.failure, store.ErrAbsentByDesign)
}

// loop runs an operation under every fault and returns how many were injected.
func loop(t *testing.T, op func(*trial)) (injected int) {
	for _, preset := range presets {
		for _, s := range starts {
			for which := range 3 {
				for _, failure := range storetest.Failures() {
					for mode := range 4 {
						injected += loopCalls(t, preset, s, which, failure, mode, op)
					}
				}
			}
		}
	}
	return injected
}

func loopCalls(t *testing.T, preset string, s start, which int, failure error, mode int, op func(*trial)) int {
	for n := 1; ; n++ {
		w := newWorld(t, preset, 2)
		s.make(w)
		w.reset()
		tr := &trial{world: w, start: s, preset: preset, failure: failure, applied: mode&1 != 0, wasThere: w.legacyHolds()}
		tr.broken = append([]*storetest.Faults{w.shared}, w.legacy...)[which]
		fault := storetest.FailBefore(failure)
		if tr.applied {
			fault = storetest.FailAfter(failure)
		}
		if mode&2 != 0 {
			fault = fault.Forever()
		}
		tr.label = fmt.Sprintf("%s, %s, store %d, call %d, %v, mode %d", preset, s.name, which, n, failure, mode)
		tr.broken.Inject(storetest.AnyVerb, n, fault)
		op(tr)
		if !tr.met {
			return n - 1
		}
		if n > 60 {
			t.Fatalf("%s: the operation does not end", tr.label)
		}
	}
}

// heal notes whether the fault was met and makes the stores work again.
func (tr *trial) heal() {
	tr.met = tr.broken.Fired() > 0
	tr.reset()
}

func (tr *trial) fail(format string, args ...any) {
	tr.t.Helper()
	tr.t.Errorf(tr.label+": "+format, args...)
}

// classed fails unless an error belongs to the closed set.
func (tr *trial) classed(err error) {
	tr.t.Helper()
	if err != nil && store.ClassOf(err) == nil {
		tr.fail("%v has no class", err)
	}
}

// untouched fails if a legacy source changed.
func (tr *trial) untouched() {
	tr.t.Helper()
	if got := tr.legacyHolds(); !slices.Equal(got, tr.wasThere) {
		tr.fail("legacy holds %q, held %q", got, tr.wasThere)
	}
}

const enough = 5000 // injected faults, all loops together

func TestLoops(t *testing.T) {
	total := 0
	for _, l := range []struct {
		name string
		op   func(*trial)
	}{{"Get", loopGet}, {"Set", loopSet}, {"Delete", loopDelete}, {"List", loopList}, {"Status", loopStatus}} {
		n := loop(t, l.op)
		t.Logf("%s: %d faults", l.name, n)
		total += n
	}
	if total < enough {
		t.Errorf("%d faults in all, want at least %d", total, enough)
	}
}

func loopGet(tr *trial) {
	want := tr.start.want(tr.preset)
	r, err := tr.process().Get(context.Background(), key)
	tr.heal()
	tr.classed(err)
	got := said(r, err)
	switch {
	case got == "[not-found]" && want != got && !tr.evidence():
		tr.fail("not found without evidence (I4)")
	case err == nil && r.Provenance == coexist.FromShared && got != want && !tr.stale(got):
		tr.fail("got %q as the truth, want %q (I10)", got, want)
	}
	tr.untouched()
	if after := tr.get(); after != want && !tr.excused(after) {
		tr.fail("a later get returns %q, want %q (I1)", after, want)
	}
}

// stale reports whether a Get had to answer from a store that lied to it: that
// told it nothing was there while something was.
func (tr *trial) stale(got string) bool { return tr.evidence() && got == "old" }

// excused reports whether a later answer follows from such a lie, by which a
// backfill was attempted and refused, or a sign-in seen as none.
func (tr *trial) excused(after string) bool { return tr.evidence() && after == "old" }

func loopSet(tr *trial) {
	before := tr.start.want(tr.preset)
	_, err := tr.process().Set(context.Background(), key, store.NewValue([]byte("set")))
	tr.heal()
	tr.classed(err)
	tr.untouched()
	after := tr.get()
	lied := tr.applied && !errors.Is(tr.failure, store.ErrOutcomeUnknown)
	switch {
	case err == nil && after != "set":
		tr.fail("acknowledged, yet a get returns %q (I1)", after)
	case err != nil && !errors.Is(err, store.ErrOutcomeUnknown) && after != before && !lied:
		tr.fail("failed with %v, yet a get returns %q, before it %q (I9)", err, after, before)
	case after != "set" && after != before:
		tr.fail("a get returns %q, neither old nor new", after)
	}
}

func loopDelete(tr *trial) {
	_, err := tr.process().Delete(context.Background(), key)
	tr.heal()
	tr.classed(err)
	after := tr.get()
	var e *store.Error
	marked := err == nil
	if errors.As(err, &e) && e.Class == store.ErrPartial {
		marked = slices.Contains(e.Done, "shared")
		for i, name := range []string{"a", "b"} {
			if slices.Contains(e.Done, name) && tr.legacyHolds()[i] != "-" && !tr.evidence() {
				tr.fail("says that %s is done, yet it holds %q", name, tr.legacyHolds()[i])
			}
		}
	}
	if marked && after != "[not-found]" && !tr.evidence() {
		tr.fail("deleted with %v, yet a get returns %q (I2)", err, after)
	}
	tr.delete()
	if again := tr.get(); again != "[not-found]" {
		tr.fail("deleted twice, yet a get returns %q (I2)", again)
	}
}

func loopList(tr *trial) {
	l, err := tr.process().List(context.Background())
	tr.heal()
	tr.classed(err)
	there := tr.start.want(tr.preset) != "[not-found]"
	if err == nil && there && len(l.Keys) == 0 && !tr.evidence() {
		tr.fail("a complete list names nothing (I4)")
	}
	if err != nil && len(l.Incomplete) == 0 {
		tr.fail("%v, yet no store is named as missing", err)
	}
	tr.untouched()
}

func loopStatus(tr *trial) {
	o, err := tr.process().Status(context.Background(), true, key)
	if n := tr.shared.Count(storetest.VerbPut) + tr.shared.Count(storetest.VerbDelete) + tr.legacyWrites(); n != 0 {
		tr.fail("wrote %d times", n)
	}
	tr.heal()
	if err != nil || len(o.Keys) != 1 {
		tr.fail("%v", err)
		return
	}
	if o.Keys[0].Shared == coexist.StateAbsent && o.Keys[0].SharedErr == nil {
		if _, err := tr.inner.Get(context.Background(), key); err == nil && !tr.evidence() {
			tr.fail("shared is absent without evidence (I4)")
		}
	}
	tr.untouched()
}

// TestCancelledOperationsEnd cancels the context at each call in turn.
func TestCancelledOperationsEnd(t *testing.T) {
	ops := map[string]func(context.Context, *world) error{
		"get": func(ctx context.Context, w *world) error { _, err := w.process().Get(ctx, key); return err },
		"set": func(ctx context.Context, w *world) error {
			_, err := w.process().Set(ctx, key, store.NewValue([]byte("set")))
			return err
		},
		"delete": func(ctx context.Context, w *world) error { _, err := w.process().Delete(ctx, key); return err },
	}
	for name, op := range ops {
		for n := 1; cancelAt(t, name, n, op); n++ {
		}
	}
}

func cancelAt(t *testing.T, name string, n int, op func(context.Context, *world) error) bool {
	w := newWorld(t, coexist.PresetDefault, 1)
	w.olderSet(0, "old")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.shared.Inject(storetest.AnyVerb, n, storetest.CancelWith(cancel))
	err := op(ctx, w)
	fired := w.shared.Fired() > 0
	w.reset()
	got := w.get()
	switch c := store.ClassOf(err); {
	case err != nil && c != store.ErrCancelled && c != store.ErrPartial:
		t.Errorf("%s cancelled at call %d: %v", name, n, err)
	case name == "get" && got != "old", name == "set" && err != nil && got != "old", name == "set" && err == nil && got != "set":
		t.Errorf("%s cancelled at call %d: %v, then a get returns %q", name, n, err, got)
	case name == "delete" && err == nil && got != "[not-found]":
		t.Errorf("delete cancelled at call %d: acknowledged, then a get returns %q", n, got)
	}
	return fired
}
