package kinring_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// driver opens one store again and again, counts that, and can be told to fail.
type driver struct {
	shared *storetest.Faults
	id     string
	locks  string // where leases are, so that tests of another checkout have others
	opened int
	err    error
}

func newDriver(t testing.TB) *driver {
	return &driver{shared: storetest.NewFaults(memory.New()), id: "one", locks: t.TempDir()}
}

func (d *driver) Kind() string                     { return "test" }
func (d *driver) Capabilities() store.Capabilities { return d.info().Capabilities }
func (d *driver) info() store.Info {
	info := d.shared.Info()
	info.Kind, info.ID, info.Capabilities.Persistent = "test", d.id, true
	return info
}

func (d *driver) Open(context.Context, store.Family) (store.Store, error) {
	d.opened++
	if d.err != nil {
		return nil, d.err
	}
	return persistent{d.shared, d.info(), d.locks}, nil
}

// persistent is a store that says that it keeps its items, and survives Close.
type persistent struct {
	*storetest.Faults
	info  store.Info
	locks string
}

func (p persistent) Info() store.Info { return p.info }
func (p persistent) LockDir() string  { return p.locks }
func (p persistent) Close() error     { return nil }

// fixture is a family with a legacy file in a folder of its own.
type fixture struct {
	*testing.T
	dir    string
	driver *driver
}

func newFixture(t *testing.T) *fixture { return &fixture{t, t.TempDir(), newDriver(t)} }

func (f *fixture) open(options ...kinring.Option) *kinring.Ring {
	f.Helper()
	options = append([]kinring.Option{kinring.WithStore(f.driver), kinring.WithStateDir(filepath.Join(f.dir, "state"))}, options...)
	ring, err := kinring.Open(f.Context(), notes(f.dir), options...)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := ring.Close(); err != nil {
			f.Error(err)
		}
	})
	return ring
}

func (f *fixture) olderSignsIn(login string) {
	f.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, "auth.json"), []byte(login), 0o600); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) stateFiles() []string {
	files, err := filepath.Glob(filepath.Join(f.dir, "state", "*", "*"))
	if err != nil {
		f.Fatal(err)
	}
	return files
}

// TestOpenTouchesNothing: a ring that is opened and closed costs no store call.
func TestOpenTouchesNothing(t *testing.T) {
	f := newFixture(t)
	f.open()
	if f.driver.opened != 0 || f.driver.shared.Count(storetest.AnyVerb) != 0 {
		t.Errorf("Open opened the store %d times", f.driver.opened)
	}
}

// TestSharedHitIsOneCall: under shared-only a hit asks the shared store once and
// legacy not at all, even where legacy could not be read.
func TestSharedHitIsOneCall(t *testing.T) {
	f := newFixture(t)
	ring := f.open()
	if _, err := ring.Set(t.Context(), "auth", []byte(`"new"`)); err != nil {
		t.Fatal(err)
	}
	f.olderSignsIn("not JSON")
	before := f.driver.shared.Count(storetest.AnyVerb)
	v, err := ring.Get(t.Context(), "auth")
	if err != nil || string(v.Bytes()) != `"new"` || v.Provenance != kinring.FromShared {
		t.Errorf("got %s %v, %v", v.Bytes(), v.Provenance, err)
	}
	if n := f.driver.shared.Count(storetest.AnyVerb) - before; n != 1 {
		t.Errorf("a hit made %d calls", n)
	}
}

func TestOpenRefusesAtOnce(t *testing.T) {
	f := newFixture(t)
	change := func(f func(*kinring.Profile)) kinring.Profile { p := notes("x"); f(&p); return p }
	for name, c := range map[string]struct {
		profile kinring.Profile
		want    error
	}{
		"no name":          {change(func(p *kinring.Profile) { p.Name = "" }), kinring.ErrInvalid},
		"unknown preset":   {change(func(p *kinring.Profile) { p.Policy.Preset = "x" }), kinring.ErrInvalid},
		"unknown layout":   {change(func(p *kinring.Profile) { p.Legacy[0].Layout = "papyrus" }), kinring.ErrUnsupported},
		"unknown selector": {change(func(p *kinring.Profile) { p.Legacy[0].Active = "weather:sunny" }), kinring.ErrUnsupported},
	} {
		if _, err := kinring.Open(t.Context(), c.profile, kinring.WithStore(f.driver)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := kinring.Open(t.Context(), notes("x"), kinring.WithStoreKind("granite")); !errors.Is(err, kinring.ErrUnsupported) {
		t.Errorf("a store that is not linked: %v", err)
	}
	dead, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := kinring.Open(dead, notes("x"), kinring.WithStore(f.driver)); !errors.Is(err, kinring.ErrCancelled) {
		t.Errorf("a dead context: %v", err)
	}
}

// TestFailureToOpenIsNotRemembered: what was locked may be unlocked by the next
// call.
func TestFailureToOpenIsNotRemembered(t *testing.T) {
	f := newFixture(t)
	ring := f.open()
	f.driver.err = &kinring.Error{Class: kinring.ErrLocked}
	if _, err := ring.Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrLocked) {
		t.Errorf("got %v, want locked", err)
	}
	f.driver.err = nil
	if _, err := ring.Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrNotFound) {
		t.Errorf("got %v, want not found", err)
	}
}

// TestDeleteNeedsTheSharedStore: a ring that cannot open its shared store must
// not sign the older build out and then be unable to say so.
func TestDeleteNeedsTheSharedStore(t *testing.T) {
	f := newFixture(t)
	f.olderSignsIn(`{"old":1}`)
	ring := f.open()
	f.driver.err = &kinring.Error{Class: kinring.ErrDenied}
	if _, err := ring.Delete(t.Context(), "auth"); !errors.Is(err, kinring.ErrDenied) {
		t.Errorf("got %v, want denied", err)
	}
	if _, err := os.Stat(filepath.Join(f.dir, "auth.json")); err != nil {
		t.Errorf("the older build was signed out: %v", err)
	}
}

// TestDeleteOutOfReach: a program that cannot get at the shared store signs the
// older build out and says what is left.
func TestDeleteOutOfReach(t *testing.T) {
	f := newFixture(t)
	f.olderSignsIn(`{"old":1}`)
	ring := f.open()
	f.driver.err = &kinring.Error{Class: kinring.ErrUnavailable, Reason: kinring.ErrOutOfReach}
	v, err := ring.Get(t.Context(), "auth")
	if err != nil || v.Provenance != kinring.Unverified {
		t.Errorf("get: %v, %v; want unverified", v.Provenance, err)
	}
	existed, err := ring.Delete(t.Context(), "auth")
	var partial *kinring.Error
	if !existed || !errors.As(err, &partial) || partial.Class != kinring.ErrPartial || strings.Join(partial.Missing, ",") != "shared" {
		t.Errorf("delete: %v, %v; want partial without the shared store", existed, err)
	}
	if _, err := ring.Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrUnavailable) {
		t.Errorf("get with nothing in legacy: %v; want unavailable, not absence (I4)", err)
	}
}

// TestChoiceIsRecordedAndKept (I7).
func TestChoiceIsRecordedAndKept(t *testing.T) {
	f := newFixture(t)
	ring := f.open()
	if _, err := ring.Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := ring.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	if files := f.stateFiles(); len(files) > 0 {
		t.Errorf("reading recorded a choice: %v", files)
	}
	if _, err := ring.Set(t.Context(), "auth", []byte(`"x"`)); err != nil {
		t.Fatal(err)
	}
	if files := f.stateFiles(); len(files) != 1 {
		t.Errorf("writing recorded %v", files)
	}
	f.driver.id = "two"
	other := f.open()
	calls := f.driver.shared.Count(storetest.AnyVerb)
	for name, op := range map[string]func() error{
		"get": func() error { _, err := other.Get(t.Context(), "auth"); return err },
		"set": func() error { _, err := other.Set(t.Context(), "auth", []byte(`"y"`)); return err },
		"del": func() error { _, err := other.Delete(t.Context(), "auth"); return err },
	} {
		if err := op(); !errors.Is(err, kinring.ErrConflict) {
			t.Errorf("%s with another store: %v", name, err)
		}
	}
	if n := f.driver.shared.Count(storetest.AnyVerb); n != calls {
		t.Errorf("the refused store was called %d times", n-calls)
	}
	if _, err := f.open(kinring.WithSwitchedStore()).Set(t.Context(), "auth", []byte(`"z"`)); err != nil {
		t.Errorf("switching on purpose: %v", err)
	}
	if _, err := f.open().Get(t.Context(), "auth"); err != nil {
		t.Errorf("after switching: %v", err)
	}
}

func TestDamagedChoice(t *testing.T) {
	f := newFixture(t)
	if _, err := f.open().Set(t.Context(), "auth", []byte(`"x"`)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.stateFiles()[0], []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.open().Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrCorrupt) || !strings.Contains(err.Error(), f.stateFiles()[0]) {
		t.Errorf("got %v, want corrupt with the file's name", err)
	}
}

func TestEnvironmentWins(t *testing.T) {
	f := newFixture(t)
	t.Setenv("NOTES_TOKEN", "from-outside")
	ring := f.open()
	v, err := ring.Get(t.Context(), "auth")
	if err != nil || string(v.Bytes()) != "from-outside" || v.Provenance != kinring.FromEnv {
		t.Errorf("got %s, %v, %v", v.Bytes(), v.Provenance, err)
	}
	if f.driver.opened != 0 {
		t.Error("a store was asked")
	}
}

// TestNothingHangs: a store that does not answer costs no more than the budget.
func TestNothingHangs(t *testing.T) {
	for _, verb := range []storetest.Verb{storetest.VerbGet, storetest.VerbPut, storetest.VerbList} {
		f := newFixture(t)
		ring := f.open(kinring.WithBudget(30 * time.Millisecond))
		f.driver.shared.Inject(verb, 1, storetest.Fault{Hang: true, Sticky: true})
		_, err := ring.Set(t.Context(), "auth", []byte(`"x"`))
		if verb == storetest.VerbList {
			_, err = ring.List(t.Context())
		}
		if !errors.Is(err, kinring.ErrTimedOut) && !errors.Is(err, kinring.ErrOutcomeUnknown) && !errors.Is(err, kinring.ErrPartial) {
			t.Errorf("a hanging %s: %v", verb, err)
		}
	}
}

// TestNoValueIsLogged (I8).
func TestNoValueIsLogged(t *testing.T) {
	const secret = "made-up-sentinel"
	f := newFixture(t)
	f.olderSignsIn(`{"token":"` + secret + `"}`)
	var log bytes.Buffer
	var told []kinring.Notice
	ring := f.open(kinring.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
		kinring.WithNotices(func(n kinring.Notice) { told = append(told, n) }))
	f.driver.shared.InjectNext(storetest.VerbPut, storetest.FailBefore(store.ErrDenied))
	for range 2 {
		if _, err := ring.Get(t.Context(), "auth"); err != nil {
			t.Fatal(err)
		}
	}
	if len(told) < 2 || !strings.Contains(log.String(), "backfill") {
		t.Errorf("a failed and a done backfill were noticed as %v", told)
	}
	if strings.Contains(log.String(), secret) {
		t.Error("the log holds the value")
	}
}

func TestBadNames(t *testing.T) {
	f := newFixture(t)
	ring := f.open()
	for _, name := range []string{"", "a/%zz", strings.Repeat("x", 2000), "kinring.reserved/x"} {
		_, getErr := ring.Get(t.Context(), name)
		_, setErr := ring.Set(t.Context(), name, []byte("x"))
		_, deleteErr := ring.Delete(t.Context(), name)
		_, statusErr := ring.Status(t.Context(), name)
		for _, err := range []error{getErr, setErr, deleteErr, statusErr} {
			if !errors.Is(err, kinring.ErrInvalid) && !errors.Is(err, kinring.ErrTooLarge) {
				t.Errorf("%.10q: %v", name, err)
			}
		}
	}
	if n := f.driver.shared.Count(storetest.AnyVerb); n != 0 {
		t.Errorf("bad names reached the store %d times", n)
	}
}

// TestWatch: this ring's writes and another ring's are told, and the sequence
// ends with its context.
func TestWatch(t *testing.T) {
	f := newFixture(t)
	ring, other := f.open(), f.open()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	steps := []func() error{
		func() error { _, err := ring.Set(t.Context(), "auth", []byte(`"1"`)); return err },
		func() error { _, err := other.Set(t.Context(), "auth", []byte(`"2"`)); return err },
		func() error { _, err := other.Delete(t.Context(), "auth"); return err },
	}
	var present []bool
	for event := range ring.Watch(ctx, "auth") {
		if event.Err != nil {
			t.Fatal(event.Err)
		}
		present = append(present, event.Present)
		if len(present) > len(steps) {
			break
		}
		if err := steps[len(present)-1](); err != nil {
			t.Fatal(err)
		}
	}
	if want := []bool{false, true, true, false}; !slices.Equal(present, want) {
		t.Errorf("told of %v, want %v", present, want)
	}
	cancel()
	for event := range ring.Watch(ctx, "auth") {
		t.Errorf("an ended context tells of %v", event)
	}
}

// TestUpdate (I11): the function begins with the newest value, an older build's
// too, and its result reaches the older build.
func TestUpdate(t *testing.T) {
	f := newFixture(t)
	f.olderSignsIn(`{"n":1}`)
	p := notes(f.dir)
	key := p.Keys["auth"]
	key.Rotates = true
	p.Keys["auth"] = key
	ring, err := kinring.Open(t.Context(), p, kinring.WithStore(f.driver), kinring.WithStateDir(""))
	if err != nil {
		t.Fatal(err)
	}
	type login struct{ N int }
	bump := func(_ context.Context, l login, found bool) (login, error) {
		if !found {
			t.Error("no value")
		}
		return login{l.N + 1}, nil
	}
	for want := 2; want < 5; want++ {
		if err := kinring.UpdateJSON(t.Context(), ring, "auth", bump); err != nil {
			t.Fatal(err)
		}
		got, err := kinring.GetJSON[login](t.Context(), ring, "auth")
		if err != nil || got.N != want {
			t.Errorf("got %v, %v; want %d", got, err, want)
		}
		if data, _ := os.ReadFile(filepath.Join(f.dir, "auth.json")); !strings.Contains(string(data), strconv.Itoa(want)) {
			t.Errorf("the older build has %s, want %d", data, want)
		}
	}
	f.olderSignsIn(`{"n":41}`)
	if err := kinring.UpdateJSON(t.Context(), ring, "auth", bump); err != nil {
		t.Fatal(err)
	}
	if got, _ := kinring.GetJSON[login](t.Context(), ring, "auth"); got.N != 42 {
		t.Errorf("the older build's newer value was not the beginning: %v", got)
	}
}

// TestUpdateKeepsItsResult (I11): a result that cannot be written is in the
// error, with the lease, and can be written later.
func TestUpdateKeepsItsResult(t *testing.T) {
	f := newFixture(t)
	ring := f.open()
	if _, err := ring.Set(t.Context(), "auth", []byte(`"1"`)); err != nil {
		t.Fatal(err)
	}
	f.driver.shared.InjectNext(storetest.VerbPut, storetest.FailBefore(store.ErrLocked))
	_, err := ring.Update(t.Context(), "auth", func(context.Context, kinring.Current) ([]byte, error) { return []byte(`"2"`), nil })
	var unsaved *kinring.Unsaved
	if !errors.As(err, &unsaved) || !errors.Is(err, kinring.ErrLocked) || strings.Contains(err.Error(), `"2"`) {
		t.Fatalf("got %v", err)
	}
	if _, err := unsaved.Retry(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v, err := ring.Get(t.Context(), "auth"); err != nil || string(v.Bytes()) != `"2"` {
		t.Errorf("after Retry: %s, %v", v.Bytes(), err)
	}
}

// TestUpdateFailsWithoutHarm: a function that fails or keeps changes nothing.
func TestUpdateFailsWithoutHarm(t *testing.T) {
	f := newFixture(t)
	ring := f.open()
	first, err := ring.Set(t.Context(), "auth", []byte(`"1"`))
	if err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	for _, want := range []error{boom, nil} {
		_, err := ring.Update(t.Context(), "auth", func(context.Context, kinring.Current) ([]byte, error) {
			if want == nil {
				return nil, kinring.Keep
			}
			return nil, want
		})
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		if v, err := ring.Get(t.Context(), "auth"); err != nil || v.Revision != first {
			t.Errorf("the value was replaced: %v, %v", v.Revision, err)
		}
	}
}
