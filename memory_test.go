package kinring_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

func inMemory(t testing.TB) store.Driver {
	t.Helper()
	d, err := store.DriverFor(memory.Kind)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// app is a family of an app with one database of its older builds, and what a
// ring of it told.
type app struct {
	*fixture
	policy  kinring.Policy
	alone   bool // there are no older builds
	notices []kinring.Notice
}

func newApp(t *testing.T) *app {
	return &app{fixture: newFixture(t), policy: kinring.Policy{Preset: "dual-write"}}
}

func (a *app) ring(options ...kinring.Option) *kinring.Ring {
	a.Helper()
	p := notes(a.dir)
	p.Policy = a.policy
	if a.alone {
		p.Legacy = nil
	}
	options = append([]kinring.Option{kinring.WithStore(a.driver), kinring.WithStateDir(filepath.Join(a.dir, "state")),
		kinring.WithNotices(func(n kinring.Notice) { a.notices = append(a.notices, n) })}, options...)
	ring, err := kinring.Open(a.Context(), p, options...)
	if err != nil {
		a.Fatal(err)
	}
	a.Cleanup(func() {
		if err := ring.Close(); err != nil {
			a.Error(err)
		}
	})
	return ring
}

// told counts the notices of a kind.
func (a *app) told(kind coexist.NoticeKind) (n int) {
	for _, notice := range a.notices {
		if notice.Kind == kind {
			n++
		}
	}
	return n
}

func (a *app) legacyFile() string {
	data, err := os.ReadFile(filepath.Join(a.dir, "auth.json"))
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	if err != nil {
		a.Fatal(err)
	}
	return string(data)
}

func wantValue(t *testing.T, ring *kinring.Ring, want string) {
	t.Helper()
	v, err := ring.Get(t.Context(), "auth")
	switch {
	case want == "" && errors.Is(err, kinring.ErrNotFound):
	case err != nil || string(v.Bytes()) != want:
		t.Errorf("get: %s, %v; want %q", v.Bytes(), err, want)
	}
}

func set(t *testing.T, ring *kinring.Ring, value string) {
	t.Helper()
	if _, err := ring.Set(t.Context(), "auth", []byte(value)); err != nil {
		t.Errorf("set: %v", err)
	}
}

// TestT1InMemoryByChoice: what the user wants kept in memory alone never touches
// the shared store, legacy, or what is recorded of a migration; nobody is told.
func TestT1InMemoryByChoice(t *testing.T) {
	a := newApp(t)
	a.olderSignsIn(`{"old":1}`)
	ring := a.ring(kinring.WithInMemory(inMemory(t)))
	wantValue(t, ring, "")
	set(t, ring, `{"new":1}`)
	wantValue(t, ring, `{"new":1}`)
	if l, err := ring.List(t.Context()); err != nil || len(l.Keys) != 1 || l.Keys[0].Where != "shared" {
		t.Errorf("list: %+v, %v", l, err)
	}
	if existed, err := ring.Delete(t.Context(), "auth"); err != nil || !existed {
		t.Errorf("delete: %v, %v", existed, err)
	}
	if !ring.InMemory(t.Context()) || a.driver.opened != 0 || a.legacyFile() != `{"old":1}` || len(a.stateFiles()) != 0 || len(a.notices) != 0 {
		t.Errorf("in memory %v, opened %d, legacy %q, state %v, told %v", ring.InMemory(t.Context()), a.driver.opened, a.legacyFile(), a.stateFiles(), a.notices)
	}
	a.notices = nil
	wantValue(t, a.ring(), `{"old":1}`)
}

// TestT1InMemoryKeepsUnsharedKeys: in memory there are no older builds to which
// keys that are not shared could be left: those are kept in memory, too, from the
// first operation on, and the app's own stay as they are.
func TestT1InMemoryKeepsUnsharedKeys(t *testing.T) {
	for name, option := range map[string]func(store.Driver) kinring.Option{
		"by choice": kinring.WithInMemory, "fallback": kinring.WithInMemoryFallback,
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t)
			a.driver.err = noService()
			p := notes(a.dir)
			p.Policy = a.policy
			p.Keys["shared"] = kinring.Key{Account: "shared"}
			p.Share = []string{"shared"}
			p.Legacy[0].Keys = []string{"auth"}
			if name == "by choice" {
				a.olderSignsIn(`{"old":1}`)
			} else {
				p.Legacy = nil
			}
			before := a.legacyFile()
			ring, err := kinring.Open(t.Context(), p, kinring.WithStore(a.driver), kinring.WithStateDir(a.dir), option(inMemory(t)))
			if err != nil {
				t.Fatal(err)
			}
			defer ring.Close()
			set(t, ring, `{"new":1}`)
			wantValue(t, ring, `{"new":1}`)
			for e := range ring.Watch(t.Context(), "auth") {
				if e.Err != nil || !e.Present {
					t.Errorf("watch: %+v", e)
				}
				break
			}
			if l, err := ring.List(t.Context()); err != nil || len(l.Keys) != 1 {
				t.Errorf("list: %+v, %v", l, err)
			}
			if existed, err := ring.Delete(t.Context(), "auth"); err != nil || !existed {
				t.Errorf("delete: %v, %v", existed, err)
			}
			wantValue(t, ring, "")
			if a.legacyFile() != before {
				t.Errorf("the app holds %q", a.legacyFile())
			}
		})
	}
}

func noService() error {
	return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Detail: "no keyring runs"}
}

// TestN1ToldOnce: where no store can be had, values are kept in memory, and that
// is told with the first one, before Set returns, and never again.
func TestN1ToldOnce(t *testing.T) {
	a := newApp(t)
	a.alone = true
	a.driver.err = noService()
	a.policy = kinring.Policy{}
	ring := a.ring(kinring.WithInMemoryFallback(inMemory(t)))
	wantValue(t, ring, "")
	if n := a.told(coexist.NoticeInMemory); n != 0 {
		t.Errorf("reading told it %d times", n)
	}
	for i := range 3 {
		set(t, ring, `"new"`)
		if n := a.told(coexist.NoticeInMemory); n != 1 {
			t.Errorf("told %d times after %d Sets", n, i+1)
		}
	}
	wantValue(t, ring, `"new"`)
	if len(a.stateFiles()) != 0 {
		t.Errorf("recorded: %v", a.stateFiles())
	}
}

// TestI7NoMemoryInstead: a store that is only locked or refused, one that the
// family's secrets are known to be in, and an older build's secrets are no reason
// to begin anew in memory.
func TestI7NoMemoryInstead(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		class error
		begin func(*app)
	}{
		"locked": {&store.Error{Class: store.ErrLocked}, kinring.ErrLocked, func(a *app) { a.alone = true }},
		"denied": {&store.Error{Class: store.ErrDenied}, kinring.ErrDenied, func(a *app) { a.alone = true }},
		"on record": {noService(), kinring.ErrUnavailable, func(a *app) {
			a.driver.err = nil
			set(a.T, a.ring(), `"kept"`)
			a.alone = true
		}},
		"an older build's": {noService(), kinring.ErrUnavailable, func(*app) {}},
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t)
			a.policy = kinring.Policy{}
			c.begin(a)
			a.driver.err = c.err
			ring := a.ring(kinring.WithInMemoryFallback(inMemory(t)))
			if _, err := ring.Set(t.Context(), "auth", []byte(`"x"`)); !errors.Is(err, c.class) {
				t.Errorf("set: %v", err)
			}
			if ring.InMemory(t.Context()) || a.told(coexist.NoticeInMemory) != 0 {
				t.Error("it is kept in memory")
			}
		})
	}
}

// TestReinitializeCopiesNothing: after the user agreed to another store the ring
// uses that, empty as it is; what was kept in memory has ended, and what comes
// now is kept.
func TestReinitializeCopiesNothing(t *testing.T) {
	a := newApp(t)
	a.alone = true
	a.policy = kinring.Policy{}
	a.driver.err = noService()
	ring := a.ring(kinring.WithInMemoryFallback(inMemory(t)))
	set(t, ring, `"in memory"`)
	weaker := newDriver(t)
	if err := ring.Reinitialize(weaker); err != nil {
		t.Fatal(err)
	}
	wantValue(t, ring, "")
	if n := weaker.shared.Count(storetest.VerbPut); n != 0 || ring.InMemory(t.Context()) {
		t.Errorf("%d puts, in memory %v", n, ring.InMemory(t.Context()))
	}
	set(t, ring, `"kept"`)
	wantValue(t, ring, `"kept"`)
	if item, err := weaker.shared.Get(t.Context(), keyOf(t, ring)); err != nil || item.Record.KeyID == "" {
		t.Errorf("the record has the key %q, %v", item.Record.KeyID, err)
	}
	if _, err := weaker.shared.Get(t.Context(), keyOf(t, ring)); err != nil {
		t.Error(err)
	}
	if err := ring.Reinitialize(readOnly{weaker}); !errors.Is(err, kinring.ErrUnsupported) {
		t.Errorf("a store that no policy can be kept with: %v", err)
	}
	wantValue(t, ring, `"kept"`)
}

// TestReinitializeEndsTheChoice: a store that is given later takes the place of the
// memory that was chosen before, also when it cannot be had.
func TestReinitializeEndsTheChoice(t *testing.T) {
	a := newApp(t)
	a.alone = true
	ring := a.ring(kinring.WithInMemory(inMemory(t)))
	set(t, ring, `"in memory"`)
	later := newDriver(t)
	later.err = noService()
	if err := ring.Reinitialize(later); err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Set(t.Context(), "auth", []byte(`"kept"`)); !errors.Is(err, kinring.ErrUnavailable) || ring.InMemory(t.Context()) {
		t.Errorf("set: %v, in memory %v", err, ring.InMemory(t.Context()))
	}
	later.err = nil
	wantValue(t, ring, "")
	set(t, ring, `"kept"`)
	if _, err := later.shared.Get(t.Context(), keyOf(t, ring)); err != nil {
		t.Error(err)
	}
}

func keyOf(t *testing.T, ring *kinring.Ring) store.Key {
	t.Helper()
	key, err := ring.Family().Key("auth")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

type readOnly struct{ *driver }

func (r readOnly) Capabilities() store.Capabilities {
	caps := r.driver.Capabilities()
	caps.ReadOnly = true
	return caps
}

// TestT2ResolvedBeforeEveryDecision: a store that comes up after the ring was
// opened is used from the first operation on that can reach it.
func TestT2ResolvedBeforeEveryDecision(t *testing.T) {
	a := newApp(t)
	a.alone = true
	a.policy = kinring.Policy{}
	a.driver.err = &store.Error{Class: store.ErrLocked}
	ring := a.ring(kinring.WithInMemoryFallback(inMemory(t)))
	if _, err := ring.Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrLocked) {
		t.Errorf("get: %v", err)
	}
	a.driver.err = nil
	set(t, ring, `"new"`)
	if ring.InMemory(t.Context()) || a.driver.shared.Count(storetest.VerbPut) == 0 {
		t.Error("the first Set did not go to the store")
	}
}

// TestE2OptionalStore: a program without the native part is inert, says so once,
// and answers from legacy; where the family's secrets are in such a store that is
// out of reach, and nothing is taken for absent.
func TestE2OptionalStore(t *testing.T) {
	a := newApp(t)
	a.olderSignsIn(`{"old":1}`)
	without := []kinring.Option{kinring.WithStore(nil), kinring.WithStoreKind("not linked")}
	if _, err := kinring.Open(t.Context(), notes(a.dir), without...); !errors.Is(err, kinring.ErrUnsupported) {
		t.Errorf("without the option: %v", err)
	}
	ring := a.ring(append(without, kinring.WithOptionalStore())...)
	for range 3 {
		v, err := ring.Get(t.Context(), "auth")
		if err != nil || string(v.Bytes()) != `{"old":1}` || v.Provenance != kinring.FromLegacy {
			t.Errorf("get: %s, %s, %v", v.Bytes(), v.Provenance, err)
		}
	}
	set(t, ring, `{"new":1}`)
	if a.legacyFile() != `{"new":1}` {
		t.Errorf("legacy holds %s", a.legacyFile())
	}
	if n := a.told(coexist.NoticeUnshared); n != 1 || len(a.notices) != 1 {
		t.Errorf("told %+v", a.notices)
	}

	set(t, a.ring(), `{"newer":1}`) // a build that has it
	a.notices = nil
	ring = a.ring(append(without, kinring.WithOptionalStore())...)
	v, err := ring.Get(t.Context(), "auth")
	if err != nil || v.Provenance != kinring.Unverified {
		t.Errorf("where a store is on record: %s, %v", v.Provenance, err)
	}
	if _, err := ring.Delete(t.Context(), "auth"); !errors.Is(err, kinring.ErrPartial) {
		t.Errorf("delete: %v", err)
	}
	if _, err := ring.Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrUnavailable) {
		t.Errorf("with nothing in legacy: %v", err)
	}
}

// TestF1UnsharedFlavour: a flavour whose product names no service shares nothing:
// its app's store is the store, and the driver is not asked.
func TestF1UnsharedFlavour(t *testing.T) {
	a := newApp(t)
	a.olderSignsIn(`{"old":1}`)
	product := filepath.Join(a.dir, "product.json")
	if err := os.WriteFile(product, []byte(`{"nameShort":"Code - OSS"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	p := notes(a.dir)
	p.ServiceFrom = product
	ring, err := kinring.Open(t.Context(), p, kinring.WithStore(a.driver), kinring.WithStateDir(a.dir))
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	wantValue(t, ring, `{"old":1}`)
	if a.driver.opened != 0 || ring.StoreKind() != "none" {
		t.Errorf("opened %d times, %s", a.driver.opened, ring.StoreKind())
	}
}

// TestN2WatchSeesOlderBuilds: what an older build writes is told, with its source,
// for a key that is shared and for one that is not.
func TestN2WatchSeesOlderBuilds(t *testing.T) {
	for _, share := range [][]string{{"*"}, {"other"}} {
		a := newApp(t)
		p := notes(a.dir)
		p.Keys["other"] = kinring.Key{Account: "other"}
		p.Share, p.Legacy[0].Keys = share, []string{"auth"}
		ring, err := kinring.Open(t.Context(), p, kinring.WithStore(a.driver), kinring.WithStateDir(a.dir))
		if err != nil {
			t.Fatal(err)
		}
		defer ring.Close()
		var events []kinring.Event
		for e := range ring.Watch(t.Context(), "auth") {
			events = append(events, e)
			if len(events) == 2 {
				break
			}
			a.olderSignsIn(`{"theirs":1}`)
		}
		first, second := events[0], events[1]
		if first.Err != nil || first.Present || len(first.Sources) != 0 {
			t.Errorf("first: %+v", first)
		}
		if second.Err != nil || second.Present != (share[0] == "other") || !slices.Equal(second.Sources, []string{"authjson"}) {
			t.Errorf("second: %+v", second)
		}
	}
}
