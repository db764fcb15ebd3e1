package coexist_test

import (
	"context"
	"strings"
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// TestUnsharedKeysAreNotManaged: a key that the profile shares with nobody has
// nothing to bring in step, and is never copied into the shared store.
func TestUnsharedKeysAreNotManaged(t *testing.T) {
	for name, act := range map[string]func(*coexist.Engine) error{
		"reconcile": func(e *coexist.Engine) error { _, err := e.Reconcile(t.Context(), coexist.ByPolicy, key); return err },
		"reconcile, legacy": func(e *coexist.Engine) error {
			_, err := e.Reconcile(t.Context(), coexist.TakeLegacy, key)
			return err
		},
		"reconcile, shared": func(e *coexist.Engine) error {
			_, err := e.Reconcile(t.Context(), coexist.TakeShared, key)
			return err
		},
		"rollback": func(e *coexist.Engine) error { _, err := e.Rollback(t.Context(), key, true); return err },
		"prune":    func(e *coexist.Engine) error { _, err := e.Prune(t.Context(), false, key); return err },
	} {
		w, _ := leased(t, coexist.PresetDefault, 1, false)
		w.config.Traits = func(store.Key) coexist.Traits { return coexist.Traits{LegacyOnly: true} }
		w.olderSet(0, "old")
		w.expect(name, failed(act(w.process())), "[unsupported]")
		w.stands(name, "-", "old")
	}
}

// TestI9ReconcileCopiesOrSaysWhyNot: taking the older build's value means that the
// shared store has it afterwards, whether or not a Get would copy it.
func TestI9ReconcileCopiesOrSaysWhyNot(t *testing.T) {
	for name, c := range map[string]struct {
		preset string
		side   coexist.Side
		fails  bool
		err    string
		after  string
	}{
		"legacy":                        {coexist.PresetSharedOnly, coexist.TakeLegacy, false, "", "old"},
		"legacy, a Get copies nothing":  {coexist.PresetDualWrite, coexist.TakeLegacy, false, "", "old"},
		"policy, a Get copies nothing":  {coexist.PresetDualWrite, coexist.ByPolicy, false, "", "-"},
		"legacy, the store is locked":   {coexist.PresetSharedOnly, coexist.TakeLegacy, true, "[locked]", "-"},
		"by policy, the same":           {coexist.PresetSharedOnly, coexist.ByPolicy, true, "[locked]", "-"},
		"legacy, both at the same time": {coexist.PresetDualWrite, coexist.TakeLegacy, true, "[locked]", "-"},
	} {
		w, _ := leased(t, c.preset, 1, false)
		w.config.Policy.BulkMigrate = coexist.BulkNever
		w.olderSet(0, "old")
		e := w.process()
		if _, err := e.Prune(t.Context(), false, key); err == nil { // makes the fingerprint key
			t.Fatal("pruned what the shared store does not hold")
		}
		w.reset()
		if c.fails {
			w.shared.Inject(storetest.VerbPut, 1, storetest.FailBefore(store.ErrLocked))
		}
		_, err := e.Reconcile(t.Context(), c.side, key)
		w.expect(name, failed(err), c.err)
		w.stands(name, c.after, "old")
	}
}

// TestPruneNamesOnlyWhatItDealtWith: of keys that legacy does not hold there is
// nothing to say, however many they are.
func TestPruneNamesOnlyWhatItDealtWith(t *testing.T) {
	w, _ := leased(t, coexist.PresetDefault, 1, false)
	diverged(w)
	other := store.Key{Service: service, Account: "other"}
	e := w.process()
	if _, err := e.Set(t.Context(), other, store.NewValue([]byte("v"))); err != nil {
		t.Fatal(err)
	}
	out, err := e.Prune(t.Context(), false, key, other)
	if len(out) != 1 || class(err) != "[conflict]" {
		t.Errorf("got %+v, %v; want the conflict alone", out, err)
	}
}

// TestI11UpdateRunsNothingOnANewerMarker: what could not be written afterwards must
// not use a token up.
func TestI11UpdateRunsNothingOnANewerMarker(t *testing.T) {
	for _, older := range []string{"", "again"} {
		w, _ := leased(t, coexist.PresetDefault, 1, true)
		if older != "" {
			w.olderSet(0, older)
		}
		if _, err := w.inner.Put(t.Context(), key, store.Item{Record: newer(t, "m")}, store.Any()); err != nil {
			t.Fatal(err)
		}
		var given []string
		_, err := w.process().Update(t.Context(), key, to("next", &given))
		w.expect("update", class(err), "[unsupported]")
		w.expect("the function was given", strings.Join(given, " "), "")
		w.expect("shared", w.holds(w.inner), "marker")
	}
}

// TestI1TakingLegacyDeletesOnlyWhatWasSignedOut: where no older build has the value
// because none ever had it, or because kinring removed its copy, the shared one is
// the only one there is.
func TestI1TakingLegacyDeletesOnlyWhatWasSignedOut(t *testing.T) {
	for name, c := range map[string]struct {
		sources int
		before  func(*world)
		err     string
		shared  string
	}{
		"no older build":   {0, func(w *world) { w.set("new") }, "[not-found]", "new"},
		"never held":       {1, func(w *world) { w.set("new") }, "[not-found]", "new"},
		"not in use":       {1, func(w *world) { ahead(w); w.unused() }, "[not-found]", "new"},
		"pruned":           {1, func(w *world) { w.olderSet(0, "old"); w.get(); w.prune() }, "[not-found]", "old"},
		"signed out":       {1, func(w *world) { w.olderSet(0, "old"); w.get(); w.olderDelete(0) }, "", "marker"},
		"one signed out":   {2, func(w *world) { w.olderSet(0, "old"); w.get(); w.olderDelete(0) }, "", "marker"},
		"deleted, no copy": {1, func(w *world) { ahead(w); w.delete() }, "", "marker"},
	} {
		w, _ := leased(t, coexist.PresetDefault, c.sources, false)
		c.before(w)
		_, err := w.process().Reconcile(t.Context(), coexist.TakeLegacy, key)
		w.expect(name, failed(err), c.err)
		w.expect(name+": shared", w.holds(w.inner), c.shared)
	}
}

func (w *world) unused() {
	w.config.Sources[0].Active = func(context.Context) (bool, error) { return false, nil }
}

func (w *world) prune() {
	w.t.Helper()
	if _, err := w.process().Prune(w.t.Context(), false, key); err != nil {
		w.t.Fatal(err)
	}
}
