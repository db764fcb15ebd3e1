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

// kernelLeases hands out leases as kernel locks do: a dead holder's lease is
// free again, and its note stays.
type kernelLeases struct{ noted bool }

type kernelLease struct {
	of                 *kernelLeases
	interrupted, began bool
}

func (l *kernelLeases) Hold(_ context.Context, k store.Key) (coexist.Lease, error) {
	return &kernelLease{of: l, interrupted: l.noted && k == key}, nil
}

func (l *kernelLease) Interrupted() bool { return l.interrupted }
func (l *kernelLease) Begin() error      { l.of.noted, l.began = true, true; return nil }
func (l *kernelLease) Leave() error      { return nil }

func (l *kernelLease) Release() error {
	l.of.noted = l.of.noted && !l.began
	return nil
}

// leased makes a world whose programs can update, with a key that rotates or
// not.
func leased(t *testing.T, preset string, sources int, rotates bool) (*world, *kernelLeases) {
	w, l := newWorld(t, preset, sources), &kernelLeases{}
	w.config.Leases, w.config.Grace = l, context.WithCancel
	w.config.Traits = func(store.Key) coexist.Traits { return coexist.Traits{Rotates: rotates} }
	return w, l
}

// to is a change that notes what it was given.
func to(next string, given *[]string) coexist.Change {
	return func(_ context.Context, now coexist.Current) (store.Value, bool, error) {
		was := "-"
		if now.Found {
			was = string(now.Value.Bytes())
		}
		if now.Interrupted {
			was += " interrupted"
		}
		*given = append(*given, was)
		return store.NewValue([]byte(next)), false, nil
	}
}

// TestI11UpdateBeginsWithTheNewest walks what an Update's function is given.
func TestI11UpdateBeginsWithTheNewest(t *testing.T) {
	cases := []struct {
		name   string
		before func(*world)
		given  string
	}{
		{"nothing", func(*world) {}, "-"},
		{"legacy", func(w *world) { w.olderSet(0, "old") }, "old"},
		{"shared", func(w *world) { w.set("new") }, "new"},
		{"older wrote", func(w *world) { w.olderSet(0, "old"); w.get(); w.olderSet(0, "theirs") }, "theirs"},
		{"both wrote", func(w *world) { w.olderSet(0, "old"); w.set("new"); w.olderSet(0, "theirs") }, "new"},
		{"deleted", func(w *world) { w.olderSet(0, "old"); w.delete() }, "-"},
		{"signed in anew", func(w *world) { w.delete(); w.olderSet(0, "again") }, "again"},
	}
	for _, c := range cases {
		w, _ := leased(t, coexist.PresetSharedOnly, 1, false)
		c.before(w)
		var given []string
		r, err := w.process().Update(t.Context(), key, to("next", &given))
		if said(r, err) != "next" || !slices.Equal(given, []string{c.given}) {
			t.Errorf("%s: %s, given %q, want %q once", c.name, said(r, err), given, c.given)
		}
		w.expect(c.name+": get", w.get(), "next")
	}
}

func TestI11FailedLookStopsAnUpdateThatRotates(t *testing.T) {
	for _, rotates := range []bool{true, false} {
		w, _ := leased(t, coexist.PresetSharedOnly, 1, rotates)
		w.olderSet(0, "old")
		w.get()
		w.legacy[0].Reset()
		w.legacy[0].Inject(storetest.VerbGet, 1, storetest.FailBefore(store.ErrLocked))
		var given []string
		_, err := w.process().Update(t.Context(), key, to("next", &given))
		if ran := len(given) > 0; ran == rotates {
			t.Errorf("rotates %v: function ran %v, %v", rotates, ran, err)
		}
	}
}

// TestInterruptedUpdateIsTold: a program dies in its function; the next one is
// told, and the one after that is not.
func TestInterruptedUpdateIsTold(t *testing.T) {
	w, l := leased(t, coexist.PresetSharedOnly, 1, false)
	w.set("token")
	l.noted = true
	var given []string
	for range 2 {
		if _, err := w.process().Update(t.Context(), key, to("next", &given)); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(given, []string{"token interrupted", "next"}) {
		t.Errorf("given %q", given)
	}
}

// TestI11DiscardedResultIsTold: a function has used the value up, and what it made
// is given up, written for good or not. Whoever comes next must not take the value
// for a fresh one, also if somebody who never got to run a function came between.
func TestI11DiscardedResultIsTold(t *testing.T) {
	for _, fault := range []storetest.Fault{storetest.FailBefore(store.ErrLocked), storetest.LandLate()} {
		w, _ := leased(t, coexist.PresetSharedOnly, 1, false)
		w.set("token")
		w.shared.Inject(storetest.VerbPut, 1, fault)
		var given []string
		_, err := w.process().Update(t.Context(), key, to("next", &given))
		var unsaved *coexist.Unsaved
		if !errors.As(err, &unsaved) {
			t.Fatalf("%v holds no result", err)
		}
		if err := unsaved.Discard(); err != nil {
			t.Fatal(err)
		}
		w.shared.Reset()
		w.shared.Inject(storetest.VerbGet, 1, storetest.FailBefore(store.ErrLocked))
		if _, err := w.process().Update(t.Context(), key, to("never", &given)); !errors.Is(err, store.ErrLocked) {
			t.Errorf("an Update that cannot read: %v", err)
		}
		for range 2 {
			if _, err := w.process().Update(t.Context(), key, to("after", &given)); err != nil {
				t.Fatal(err)
			}
		}
		if want := []string{"token", "token interrupted", "after"}; !slices.Equal(given, want) {
			t.Errorf("given %q, want %q", given, want)
		}
	}
}

// TestUnsavedResultIsKept: the result of a function that ran must not be lost.
func TestUnsavedResultIsKept(t *testing.T) {
	for _, failure := range storetest.Failures() {
		w, l := leased(t, coexist.PresetSharedOnly, 1, false)
		w.set("token")
		w.shared.Inject(storetest.VerbPut, 1, storetest.FailBefore(failure))
		var given []string
		_, err := w.process().Update(t.Context(), key, to("next", &given))
		var unsaved *coexist.Unsaved
		if !errors.As(err, &unsaved) {
			t.Errorf("%v: %v holds no result", failure, err)
			continue
		}
		class := store.ClassOf(failure)
		if class == store.ErrPartial {
			class = store.ErrOutcomeUnknown // no item is written in part: nobody knows what is there
		}
		if string(unsaved.Value().Bytes()) != "next" || store.ClassOf(err) != class || !l.noted {
			t.Errorf("%v: value %q, class %v, lease noted %v", failure, unsaved.Value().Bytes(), store.ClassOf(err), l.noted)
		}
		if r, err := unsaved.Retry(t.Context()); said(r, err) != "next" || l.noted {
			t.Errorf("%v: retry %s, lease noted %v", failure, said(r, err), l.noted)
		}
		w.expect("get", w.get(), "next")
		if len(given) != 1 {
			t.Errorf("the function ran %d times", len(given))
		}
	}
}

func TestRotatingKeyIsMirroredWhileLegacyHoldsIt(t *testing.T) {
	for _, held := range []bool{true, false} {
		w, _ := leased(t, coexist.PresetSharedOnly, 1, true)
		if held {
			w.olderSet(0, "token")
		} else {
			w.set("token")
		}
		var given []string
		if _, err := w.process().Update(t.Context(), key, to("next", &given)); err != nil {
			t.Fatal(err)
		}
		w.expect("legacy", w.legacyHolds()[0], map[bool]string{true: "next", false: "-"}[held])
	}
}

// TestNextUpdateFinishesAMirror: an older build that holds a token which was
// used up is signed out. A mirror that could not be written is written by the
// next Update.
func TestNextUpdateFinishesAMirror(t *testing.T) {
	w, _ := leased(t, coexist.PresetSharedOnly, 1, true)
	w.olderSet(0, "token")
	w.legacy[0].Inject(storetest.VerbPut, 1, storetest.FailBefore(store.ErrLocked))
	var given []string
	_, err := w.process().Update(t.Context(), key, to("next", &given))
	w.expect("update", class(err), "[partial]")
	w.expect("legacy", w.legacyHolds()[0], "token")
	keep := func(context.Context, coexist.Current) (store.Value, bool, error) { return store.Value{}, true, nil }
	if _, err := w.process().Update(t.Context(), key, keep); err != nil {
		t.Fatal(err)
	}
	w.expect("legacy after the next", w.legacyHolds()[0], "next")
}

func TestGenerationsRiseWithWhatIsTakenOver(t *testing.T) {
	w := agreedOn(t, "old")
	w.set("old")
	before := w.record().Generation
	w.olderSet(0, "theirs")
	w.expect("get", w.get(), "theirs")
	if got := w.record().Generation; got <= before {
		t.Errorf("generation %d after %d", got, before)
	}
}
