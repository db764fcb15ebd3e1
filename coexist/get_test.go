package coexist_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

func TestOpenAndStatusCallNoWrites(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 2)
	e := w.process()
	if n := w.shared.Count(storetest.AnyVerb); n != 0 {
		t.Errorf("New made %d store calls, want none", n)
	}
	w.olderSet(0, "old")
	if _, err := e.Status(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if n := w.shared.Count(storetest.VerbPut) + w.shared.Count(storetest.VerbDelete) + w.legacyWrites(); n != 0 {
		t.Errorf("Status wrote %d times", n)
	}
}

func TestGetSharedHitIsOneCall(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 2)
	w.olderSet(0, "old")
	w.set("new")
	w.expect("get", w.get(), "new")
	if got := w.shared.Count(storetest.AnyVerb); got != 1 {
		t.Errorf("a hit made %d shared calls, want 1", got)
	}
	for i, f := range w.legacy {
		if got := f.Count(storetest.AnyVerb); got != 0 {
			t.Errorf("a hit made %d calls on source %d, want none", got, i)
		}
	}
}

// TestI1GetReadsInTheOlderBuildsOrder walks the first read over two sources.
func TestI1GetReadsInTheOlderBuildsOrder(t *testing.T) {
	locked, denied := storetest.FailBefore(store.ErrLocked), storetest.FailBefore(store.ErrDenied)
	cases := []struct {
		name     string
		a, b     string // "" is absent
		failA    *storetest.Fault
		want     string
		backfill string
	}{
		{"first source", "one", "two", nil, "one", "one"},
		{"second source", "", "two", nil, "two", "two"},
		{"neither", "", "", nil, "[not-found]", "-"},
		{"first locked", "one", "two", &locked, "[locked]", "-"},
		{"first denied", "", "two", &denied, "[denied]", "-"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, coexist.PresetSharedOnly, 2)
			for i, v := range []string{c.a, c.b} {
				if v != "" {
					w.olderSet(i, v)
				}
			}
			if c.failA != nil {
				w.legacy[0].Inject(storetest.VerbGet, 1, *c.failA)
			}
			w.expect("get", w.get(), c.want)
			w.expect("shared", w.holds(w.inner), c.backfill)
			if n := w.legacyWrites(); n != 0 {
				t.Errorf("a read wrote %d times to legacy", n)
			}
		})
	}
}

func TestGetProvenance(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.olderSet(0, "old")
	for i, want := range []coexist.Provenance{coexist.FromLegacy, coexist.FromShared} {
		r, err := w.process().Get(t.Context(), key)
		if err != nil || r.Provenance != want {
			t.Errorf("read %d: %q %v, want %q", i, r.Provenance, err, want)
		}
		if named := r.Source == "a"; named != (want == coexist.FromLegacy) {
			t.Errorf("read %d names the source %q", i, r.Source)
		}
		if r.Revision == "" {
			t.Errorf("read %d names no revision", i)
		}
	}
}

// TestI3BackfillYieldsToWhatIsThere lets another program write between the read
// of legacy and the backfill.
func TestI3BackfillYieldsToWhatIsThere(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.olderSet(0, "old")
	other := newWorld(t, coexist.PresetSharedOnly, 0)
	other.config.Shared = w.inner
	w.legacy[0].Inject(storetest.VerbGet, 1, storetest.Fault{Before: func() { other.set("newer") }, Apply: storetest.ApplyNow})
	w.expect("get", w.get(), "newer")
	w.expect("shared", w.holds(w.inner), "newer")
}

func TestI3BackfillYieldsToMarker(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.olderSet(0, "old")
	// The other program knows no legacy source, so "old" stays in legacy with an
	// unknown state at deletion: it must not come back.
	other := newWorld(t, coexist.PresetSharedOnly, 0)
	other.config.Shared = w.inner
	w.legacy[0].Inject(storetest.VerbGet, 1, storetest.Fault{Before: other.delete, Apply: storetest.ApplyNow})
	w.expect("get", w.get(), "[not-found]")
	w.expect("shared", w.holds(w.inner), "marker")
}

func TestGetReturnsLegacyWhenBackfillFails(t *testing.T) {
	for _, failure := range storetest.Failures() {
		if errors.Is(failure, store.ErrConflict) {
			continue // that says that something is there: TestI3Backfill…
		}
		w := newWorld(t, coexist.PresetSharedOnly, 1)
		w.olderSet(0, "old")
		w.shared.Inject(storetest.VerbPut, 1, storetest.FailBefore(failure).Forever())
		r, err := w.process().Get(t.Context(), key)
		if said(r, err) != "old" || r.Provenance != coexist.FromLegacy {
			t.Errorf("%v: got %s from %q, want old from legacy", failure, said(r, err), r.Provenance)
		}
		if !w.told(coexist.NoticeBackfillFailed) {
			t.Errorf("%v: nobody was told", failure)
		}
	}
}

func TestBackfillOff(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.config.Policy.Backfill = coexist.BackfillOff
	w.olderSet(0, "old")
	w.expect("get", w.get(), "old")
	if n := w.shared.Count(storetest.VerbPut); n != 0 {
		t.Errorf("backfill is off, yet %d puts", n)
	}
}

func TestI3BackfillCarriesGenerationZero(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.olderSet(0, "old")
	w.expect("get", w.get(), "old")
	item, err := w.inner.Get(t.Context(), key)
	if err != nil || item.Record.Generation != 0 || item.Record.Kind != store.KindValue {
		t.Errorf("backfilled record %q, %v; want generation 0", item.Record, err)
	}
}

func TestGetRefusesWhatTheProfileSaysIsNoValue(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.config.Traits = func(store.Key) coexist.Traits {
		return coexist.Traits{Check: func(b []byte) error {
			if string(b) == "garbage" {
				return errors.New("not JSON")
			}
			return nil
		}}
	}
	w.olderSet(0, "garbage")
	w.expect("get", w.get(), "[corrupt]")
	w.expect("shared", w.holds(w.inner), "-")
	_, err := w.process().Set(t.Context(), key, store.NewValue([]byte("garbage")))
	w.expect("set", class(err), "[invalid]")
	w.expect("shared", w.holds(w.inner), "-")
}

// TestI4StrictReadNeverFallsBack gives each failure of the shared store as the
// answer of a strict Get, beside a legacy value that would be wrong to return.
func TestI4StrictReadNeverFallsBack(t *testing.T) {
	special := []error{store.ErrNotFound, store.ErrConflict, store.ErrOutOfReach, store.ErrAbsentByDesign}
	for _, failure := range storetest.Failures() {
		if slices.ContainsFunc(special, func(s error) bool { return errors.Is(failure, s) }) {
			continue
		}
		w := newWorld(t, coexist.PresetSharedOnly, 1)
		w.olderSet(0, "old")
		w.shared.Inject(storetest.VerbGet, 1, storetest.FailBefore(failure).Forever())
		w.expect("get", w.get(), class(failure))
		if n := w.legacy[0].Count(storetest.AnyVerb); n != 0 {
			t.Errorf("%v: %d calls on legacy, want none", failure, n)
		}
	}
}

func TestTolerantReadFallsBackToPresentOnly(t *testing.T) {
	for _, present := range []bool{true, false} {
		w := newWorld(t, coexist.PresetSharedOnly, 1)
		w.config.Policy.Reads = coexist.Tolerant
		if present {
			w.olderSet(0, "old")
		}
		w.shared.Inject(storetest.VerbGet, 1, storetest.FailBefore(store.ErrLocked).Forever())
		r, err := w.process().Get(t.Context(), key)
		want := map[bool]string{true: "old", false: "[locked]"}[present]
		w.expect("get", said(r, err), want)
		if present && r.Provenance != coexist.FromFallback {
			t.Errorf("provenance %q, want fallback", r.Provenance)
		}
		if n := w.shared.Count(storetest.VerbPut); n != 0 {
			t.Errorf("%d puts into a store that cannot be read", n)
		}
	}
}

func TestTolerantReadKeepsTheSharedErrorWhenLegacyFailsToo(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.config.Policy.Reads = coexist.Tolerant
	w.shared.Inject(storetest.VerbGet, 1, storetest.FailBefore(store.ErrLocked).Forever())
	w.legacy[0].Inject(storetest.VerbGet, 1, storetest.FailBefore(store.ErrDenied).Forever())
	w.expect("get", w.get(), "[locked]")
}

func TestOutOfReach(t *testing.T) {
	for _, present := range []bool{true, false} {
		w := newWorld(t, coexist.PresetSharedOnly, 1)
		if present {
			w.olderSet(0, "old")
		}
		w.shared.Inject(storetest.AnyVerb, 1, storetest.FailBefore(store.ErrOutOfReach).Forever())
		r, err := w.process().Get(t.Context(), key)
		if present && (said(r, err) != "old" || r.Provenance != coexist.Unverified) {
			t.Errorf("got %s, %q; want old, unverified", said(r, err), r.Provenance)
		}
		if !present && !errors.Is(err, store.ErrOutOfReach) {
			t.Errorf("empty legacy: got %v, want out of reach", err)
		}
		if n := w.shared.Count(storetest.VerbPut); n != 0 {
			t.Errorf("%d puts into a store out of reach", n)
		}
		_, err = w.process().Set(t.Context(), key, store.NewValue([]byte("new")))
		if !errors.Is(err, store.ErrOutOfReach) || w.legacyWrites() != 0 {
			t.Errorf("set: %v with %d legacy writes, want out of reach and none", err, w.legacyWrites())
		}
	}
}

func TestAbsentByDesignLegacyIsTheStore(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.shared.Inject(storetest.AnyVerb, 1, storetest.FailBefore(store.ErrAbsentByDesign).Forever())
	w.expect("get", w.get(), "[not-found]")
	_, err := w.legacy[0].Put(t.Context(), key, store.Item{Value: store.NewValue([]byte("old"))}, store.Any())
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.process().Get(t.Context(), key)
	if said(r, err) != "old" || r.Provenance != coexist.FromLegacy {
		t.Errorf("got %s, %q; want old, legacy", said(r, err), r.Provenance)
	}
}

func TestLegacyOnlyKeysNeverTouchTheSharedStore(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.config.Traits = func(store.Key) coexist.Traits { return coexist.Traits{LegacyOnly: true} }
	w.olderSet(0, "old")
	w.expect("get", w.get(), "old")
	w.delete()
	w.expect("get", w.get(), "[not-found]")
	if n := w.shared.Count(storetest.AnyVerb); n != 0 {
		t.Errorf("%d shared calls for a key that is not shared", n)
	}
}

// TestI1KeyWithoutAPlace: a key that is not shared and that no source serves is
// refused: it would end up in the shared store, where no Get looks for it.
func TestI1KeyWithoutAPlace(t *testing.T) {
	w := newWorld(t, coexist.PresetDualWrite, 0)
	w.config.Traits = func(store.Key) coexist.Traits { return coexist.Traits{LegacyOnly: true} }
	w.config.Leases = &freeLeases{}
	_, err := w.process().Set(t.Context(), key, store.NewValue([]byte("new")))
	if !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("set: %v", err)
	}
	w.expect("shared", w.holds(w.inner), "-")
	w.expect("get", w.get(), "[not-found]")
}

func TestInactiveSourcesAreNotRead(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 2)
	w.olderSet(0, "unused")
	w.olderSet(1, "used")
	w.config.Sources[0].Active = func(context.Context) (bool, error) { return false, nil }
	w.expect("get", w.get(), "used")
	if n := w.legacy[0].Count(storetest.AnyVerb); n != 0 {
		t.Errorf("%d calls on a source that the older build does not use", n)
	}
	w.config.Sources[0].Active = func(context.Context) (bool, error) {
		return false, &store.Error{Class: store.ErrCorrupt, Detail: "the configuration cannot be read"}
	}
	w = w.fresh(t)
	w.expect("get with an unreadable configuration", w.get(), "[corrupt]")
}

// fresh empties the shared store of a world.
func (w *world) fresh(t *testing.T) *world {
	n := newWorld(t, coexist.PresetSharedOnly, 0)
	n.config.Sources, n.legacy = w.config.Sources, w.legacy
	n.reset()
	return n
}

func TestSourcesServeOnlyTheirKeys(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.olderSet(0, "old")
	w.config.Sources[0].Serves = func(k store.Key) bool { return k != key }
	w.expect("get", w.get(), "[not-found]")
	w.delete()
	if n := w.legacy[0].Count(storetest.AnyVerb); n != 0 {
		t.Errorf("%d calls on a source that cannot hold the key", n)
	}
}
