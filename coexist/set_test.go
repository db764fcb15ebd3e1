package coexist_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

func TestI1SetIsReadBack(t *testing.T) {
	for _, value := range []string{"new", "", "\x00\xff", strings.Repeat("x", store.MaxValue)} {
		w := newWorld(t, coexist.PresetSharedOnly, 1)
		w.olderSet(0, "old")
		w.set(value)
		if got := w.get(); got != value {
			t.Errorf("a value of %d bytes came back with %d", len(value), len(got))
		}
		w.expect("legacy", w.legacyHolds()[0], "old")
	}
}

func TestSetIsOneEffectiveWrite(t *testing.T) {
	for _, before := range []func(*world){func(*world) {}, func(w *world) { w.set("one") }, (*world).delete} {
		w := newWorld(t, coexist.PresetSharedOnly, 1)
		w.set("key is made") // the fingerprint key's own write is not counted
		before(w)
		_, err := w.process().Set(t.Context(), key, store.NewValue([]byte("two")))
		if err != nil {
			t.Fatal(err)
		}
		if n := w.shared.Count(storetest.VerbPut); n != 1 {
			t.Errorf("%d puts, want 1", n)
		}
		if n := w.legacyWrites(); n != 0 {
			t.Errorf("%d legacy writes under shared-only", n)
		}
	}
}

func TestI3SetStartsAgainOnConflict(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.set("one")
	other := newWorld(t, coexist.PresetSharedOnly, 0)
	other.config.Shared = w.inner
	w.shared.Inject(storetest.VerbPut, 1, storetest.Fault{Before: func() { other.set("two") }, Apply: storetest.ApplyNow})
	got, err := w.process().Set(t.Context(), key, store.NewValue([]byte("three")))
	if err != nil {
		t.Fatal(err)
	}
	w.expect("shared", w.holds(w.inner), "three")
	if got.Generation != 3 {
		t.Errorf("generation %d, want 3: one above the other program's", got.Generation)
	}
}

func TestGenerationsRise(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	steps := []func(){func() { w.set("a") }, func() { w.set("b") }, w.delete, func() { w.set("c") }, w.delete, w.delete}
	var last uint64
	for i, step := range steps {
		step()
		item, err := w.inner.Get(t.Context(), key)
		if err != nil || item.Record.Generation <= last {
			t.Errorf("step %d: generation %d after %d, %v", i, item.Record.Generation, last, err)
		}
		last = item.Record.Generation
	}
}

// TestLimitsBeforeAnyStore refuses what no store would take without a call.
func TestLimitsBeforeAnyStore(t *testing.T) {
	small := store.NewValue([]byte("x"))
	cases := []struct {
		name  string
		key   store.Key
		value store.Value
		want  string
	}{
		{"no service", store.Key{Account: "x"}, small, "[invalid]"},
		{"no account", store.Key{Service: "x"}, small, "[invalid]"},
		{"long account", store.Key{Service: "x", Account: strings.Repeat("a", store.MaxAccount+1)}, small, "[too-large]"},
		{"own service", store.Key{Service: "kinring.reserved", Account: "x"}, small, "[invalid]"},
		{"large value", key, store.NewValue(make([]byte, store.MaxValue+1)), "[too-large]"},
	}
	for _, c := range cases {
		w := newWorld(t, coexist.PresetSharedOnly, 1)
		_, err := w.process().Set(t.Context(), c.key, c.value)
		w.expect(c.name+": set", class(err), c.want)
		if c.name != "large value" {
			_, err = w.process().Get(t.Context(), c.key)
			w.expect(c.name+": get", class(err), c.want)
			_, err = w.process().Delete(t.Context(), c.key)
			w.expect(c.name+": delete", class(err), c.want)
			_, err = w.process().Status(t.Context(), false, c.key)
			w.expect(c.name+": status", class(err), c.want)
		}
		if n := w.shared.Count(storetest.AnyVerb) + w.legacy[0].Count(storetest.AnyVerb); n != 0 {
			t.Errorf("%s: %d store calls, want none", c.name, n)
		}
	}
}

// newer is a record of a version that this build does not know.
func newer(t *testing.T, kind string) store.Record {
	t.Helper()
	r, err := store.ParseRecord("kr2;" + kind + ";7;whatever")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNewerRecordIsReadableAndNotReplaced(t *testing.T) {
	for _, preset := range []string{coexist.PresetSharedOnly, coexist.PresetDefault} {
		w := newWorld(t, preset, 1)
		w.set("before")
		w.olderSet(0, "old")
		_, err := w.inner.Put(t.Context(), key, store.Item{Value: store.NewValue([]byte("future")), Record: newer(t, "v")}, store.Any())
		if err != nil {
			t.Fatal(err)
		}
		w.expect("get", w.get(), "future")
		_, err = w.process().Set(t.Context(), key, store.NewValue([]byte("new")))
		w.expect("set", class(err), "[unsupported]")
		w.expect("shared after set", w.holds(w.inner), "future")
		_, err = w.process().Delete(t.Context(), key)
		w.expect("delete", class(err), "[partial]")
		w.expect("shared after delete", w.holds(w.inner), "future")
	}
}

func TestNewerMarkerIsRespected(t *testing.T) {
	w := newWorld(t, coexist.PresetDefault, 1)
	w.olderSet(0, "old")
	if _, err := w.inner.Put(t.Context(), key, store.Item{Record: newer(t, "m")}, store.Any()); err != nil {
		t.Fatal(err)
	}
	w.expect("get", w.get(), "[not-found]")
	_, err := w.process().Set(t.Context(), key, store.NewValue([]byte("new")))
	w.expect("set", class(err), "[unsupported]")
}

// TestForeignWriteOverMarkerWins: a program that knows no records wrote a value
// where a marker was, and left the record as it was.
func TestForeignWriteOverMarkerWins(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.olderSet(0, "old")
	w.delete()
	marker, err := w.inner.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	foreign := store.Item{Value: store.NewValue([]byte("foreign")), Record: marker.Record}
	if _, err := w.inner.Put(t.Context(), key, foreign, store.Any()); err != nil {
		t.Fatal(err)
	}
	w.expect("get", w.get(), "foreign")
	w.set("new")
	w.expect("get", w.get(), "new")
}

func TestPoliciesThatCannotBeHonouredAreRefused(t *testing.T) {
	full := store.Capabilities{AtomicAbsent: true, AtomicMatch: true, Records: true}
	without := func(f func(*store.Capabilities)) store.Capabilities { c := full; f(&c); return c }
	cases := []struct {
		name    string
		caps    store.Capabilities
		sources int
		ok      bool
	}{
		{"all there", full, 1, true},
		{"no add-if-absent", without(func(c *store.Capabilities) { c.AtomicAbsent = false }), 1, false},
		{"no compare-and-set", without(func(c *store.Capabilities) { c.AtomicMatch = false }), 1, false},
		{"read-only", without(func(c *store.Capabilities) { c.ReadOnly = true }), 1, false},
		{"no records beside legacy", without(func(c *store.Capabilities) { c.Records = false }), 1, false},
	}
	for _, c := range cases {
		w := newWorld(t, coexist.PresetSharedOnly, c.sources)
		w.config.Shared = capable{w.shared, c.caps}
		_, err := coexist.New(w.config)
		if (err == nil) != c.ok || !c.ok && !errors.Is(err, store.ErrUnsupported) {
			t.Errorf("%s: %v", c.name, err)
		}
		if n := w.shared.Count(storetest.AnyVerb); n != 0 {
			t.Errorf("%s: New made %d calls", c.name, n)
		}
	}
}

func TestPolicyFieldsAreChecked(t *testing.T) {
	breaks := map[string]func(*coexist.Policy){
		"reads":         func(p *coexist.Policy) { p.Reads = "?" },
		"writes":        func(p *coexist.Policy) { p.Writes = "" },
		"backfill":      func(p *coexist.Policy) { p.Backfill = "?" },
		"adopt":         func(p *coexist.Policy) { p.Adopt = "?" },
		"fast_forward":  func(p *coexist.Policy) { p.FastForward = "?" },
		"older_signout": func(p *coexist.Policy) { p.OlderSignout = "?" },
		"bulk_migrate":  func(p *coexist.Policy) { p.BulkMigrate = "?" },
	}
	for field, broken := range breaks {
		for _, name := range []string{coexist.PresetSharedOnly, coexist.PresetDualWrite, coexist.PresetDefault, ""} {
			p, err := coexist.Preset(name, false)
			if err != nil || p.Check() != nil {
				t.Fatalf("preset %q: %v, %v", name, err, p.Check())
			}
			broken(&p)
			err = p.Check()
			if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), field) {
				t.Errorf("%s: got %v, want invalid and the field's name", field, err)
			}
		}
	}
	if _, err := coexist.Preset("nonsense", true); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("an unknown preset: %v", err)
	}
}

// TestDefaultTrustsOnlyGuardedLegacy: where anybody may write legacy unasked, a
// newer value there is not taken by itself.
func TestDefaultTrustsOnlyGuardedLegacy(t *testing.T) {
	for guarded, want := range map[bool]coexist.Taking{true: coexist.Auto, false: coexist.OnRejection} {
		p, err := coexist.Preset(coexist.PresetDefault, guarded)
		if err != nil || p.FastForward != want {
			t.Errorf("guarded %v: fast-forward %q, %v; want %q", guarded, p.FastForward, err, want)
		}
	}
}
