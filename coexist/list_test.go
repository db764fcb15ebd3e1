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

func listed(l coexist.Listing) (all []string) {
	for _, k := range l.Keys {
		all = append(all, fmt.Sprintf("%s %s %v", k.Key.Account, k.Where, k.Sources))
	}
	return all
}

// scattered puts keys into the stores so that each place is reached once.
func scattered(t *testing.T) *world {
	w := newWorld(t, coexist.PresetSharedOnly, 2)
	put := func(s store.Store, account string) {
		k := store.Key{Service: service, Account: account}
		if _, err := s.Put(t.Context(), k, store.Item{Value: store.NewValue([]byte("v"))}, store.Any()); err != nil {
			t.Fatal(err)
		}
	}
	put(w.inner, "5 shared")
	put(w.inner, "4 both")
	put(w.legacy[0], "4 both")
	put(w.legacy[1], "3 legacy")
	put(w.legacy[0], "2 twice")
	put(w.legacy[1], "2 twice")
	e := w.process()
	for _, account := range []string{"1 deleted", "0 back"} {
		if _, err := e.Delete(t.Context(), store.Key{Service: service, Account: account}); err != nil {
			t.Fatal(err)
		}
	}
	put(w.legacy[0], "0 back")
	w.reset()
	return w
}

func TestListIsTheUnionWithoutMarkers(t *testing.T) {
	w := scattered(t)
	l, err := w.process().List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"0 back unknown [a]", "2 twice legacy [a b]", "3 legacy legacy [b]", "4 both both [a]", "5 shared shared []"}
	if got := listed(l); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, f := range append(w.legacy, w.shared) {
		if n := f.Count(storetest.AnyVerb) - f.Count(storetest.VerbList); n != 0 {
			t.Errorf("%d calls other than List", n)
		}
	}
}

// TestI4ListIncomplete breaks each store in turn: what the others name stays,
// and the error says what is missing.
func TestI4ListIncomplete(t *testing.T) {
	names := []string{"shared", "a", "b"}
	for broken, name := range names {
		for _, failure := range storetest.Failures() {
			w := scattered(t)
			all := append([]*storetest.Faults{w.shared}, w.legacy...)
			all[broken].Inject(storetest.VerbList, 1, storetest.FailBefore(failure).Forever())
			l, err := w.process().List(t.Context())
			if name == "shared" && errors.Is(failure, store.ErrAbsentByDesign) {
				if err != nil {
					t.Errorf("no shared store by design: %v", err)
				}
				continue
			}
			var e *store.Error
			if !errors.As(err, &e) || e.Class != store.ErrPartial || !slices.Equal(e.Missing, []string{name}) {
				t.Fatalf("%s, %v: got %v, want partial without it", name, failure, err)
			}
			if len(l.Incomplete) != 1 || l.Incomplete[0].Source != name || store.ClassOf(l.Incomplete[0].Err) != store.ClassOf(failure) {
				t.Errorf("%s, %v: incomplete %v", name, failure, l.Incomplete)
			}
			if len(l.Keys) < 3 {
				t.Errorf("%s: only %q are left", name, listed(l))
			}
		}
	}
}

func TestListNothingReadableIsTheError(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 0)
	w.shared.Inject(storetest.VerbList, 1, storetest.FailBefore(store.ErrLocked))
	_, err := w.process().List(t.Context())
	w.expect("list", class(err), "[locked]")
}

func TestListLeavesOutWhatTheOlderBuildDoesNotUse(t *testing.T) {
	w := scattered(t)
	w.config.Sources[0].Active = func(context.Context) (bool, error) { return false, nil }
	w.config.Sources[1].Serves = func(k store.Key) bool { return k.Account != "3 legacy" }
	l, err := w.process().List(t.Context())
	want := []string{"2 twice legacy [b]", "4 both shared []", "5 shared shared []"}
	if got := listed(l); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	w.config.Sources[0].Active = func(context.Context) (bool, error) { return false, store.ErrLocked }
	if _, err := w.process().List(t.Context()); !errors.Is(err, store.ErrPartial) {
		t.Errorf("nobody knows whether a source is in use: %v, want partial", err)
	}
}

func TestListDoesNotNameKinringsOwnItems(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.set("v")
	l, err := w.process().List(t.Context())
	if got := listed(l); err != nil || len(got) != 1 {
		t.Errorf("got %q, %v; want the one key", got, err)
	}
}
