package kinring_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// beyond makes a fixture's shared store unreachable, as an access group is for a
// program that is not signed into it.
func beyond(f *fixture) {
	f.driver.err = &kinring.Error{Class: kinring.ErrUnavailable, Reason: kinring.ErrOutOfReach, Remedy: "sign it"}
}

// developer opens a ring whose profile allows a development store, which is kept
// in memory between rings.
func developer(f *fixture, development *driver, notices *[]kinring.Notice) *kinring.Ring {
	f.Helper()
	p := notes(f.dir)
	p.Development = "vault"
	ring, err := kinring.Open(f.Context(), p, kinring.WithStore(f.driver), kinring.WithStateDir(filepath.Join(f.dir, "state")),
		kinring.WithDevelopmentStore(vaultLike{development}), kinring.WithNotices(func(n kinring.Notice) { *notices = append(*notices, n) }))
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

// vaultLike is a driver that passes for the vault's.
type vaultLike struct{ *driver }

func (vaultLike) Kind() string { return "vault" }

// TestDevelopmentStore: a build that cannot get at the shared store works with
// one of its own. What a proper build or an older one left is read, marked as
// unverified, and otherwise left alone (I5, I7).
func TestDevelopmentStore(t *testing.T) {
	f := newFixture(t)
	f.olderSignsIn(`{"old":1}`)
	beyond(f)
	var notices []kinring.Notice
	own := newDriver(t)
	ring := developer(f, own, &notices)
	read := func(want string, provenance kinring.Provenance) {
		t.Helper()
		v, err := ring.Get(t.Context(), "auth")
		if err != nil || string(v.Bytes()) != want || v.Provenance != provenance {
			t.Errorf("got %s, %v, %v; want %s, %v", v.Bytes(), v.Provenance, err, want, provenance)
		}
	}
	read(`{"old":1}`, kinring.Unverified)
	if n := own.shared.Count(storetest.VerbPut); n != 0 {
		t.Errorf("reading an older build's value wrote %d times", n)
	}
	if _, err := ring.Set(t.Context(), "auth", []byte(`{"new":1}`)); err != nil {
		t.Fatal(err)
	}
	read(`{"new":1}`, kinring.FromShared)
	existed, err := ring.Delete(t.Context(), "auth")
	if err != nil || !existed {
		t.Errorf("delete: %v, %v", existed, err)
	}
	if _, err := ring.Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrNotFound) {
		t.Errorf("a deleted value: %v (I2)", err)
	}
	if login, err := os.ReadFile(filepath.Join(f.dir, "auth.json")); err != nil || string(login) != `{"old":1}` {
		t.Errorf("the older build's file is %s, %v", login, err)
	}
	said := 0
	for _, n := range notices {
		if n.Kind == kinring.NoticeStandIn {
			said++
		}
	}
	if said != 1 {
		t.Errorf("the choice was said %d times: %v", said, notices)
	}
}

// TestDevelopmentStoreUsesNothingUp: an Update never begins with a value that a
// proper build may have replaced (I11).
func TestDevelopmentStoreUsesNothingUp(t *testing.T) {
	f := newFixture(t)
	f.olderSignsIn(`{"refresh":"once"}`)
	beyond(f)
	var notices []kinring.Notice
	ring := developer(f, newDriver(t), &notices)
	_, err := ring.Update(t.Context(), "auth", func(_ context.Context, c kinring.Current) ([]byte, error) {
		if c.Found {
			t.Errorf("it begins with %s", c.Bytes())
		}
		return []byte(`{"refresh":"own"}`), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"migrate":   second(ring.Migrate(t.Context(), nil)),
		"reconcile": second(ring.Reconcile(t.Context(), kinring.ByPolicy)),
		"prune":     second(ring.Prune(t.Context(), true)),
		"forget":    second(ring.Forget(t.Context())),
		"rollback":  second(ring.Rollback(t.Context(), store.Key{Service: "com.example.notes", Account: "login"}, true)),
	} {
		if !errors.Is(err, kinring.ErrOutOfReach) {
			t.Errorf("%s: %v; want out of reach", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestDevelopmentStoreIsRecorded: the next build does not silently use another
// one, and the family's own choice is not touched.
func TestDevelopmentStoreIsRecorded(t *testing.T) {
	f := newFixture(t)
	beyond(f)
	var notices []kinring.Notice
	own := newDriver(t)
	if _, err := developer(f, own, &notices).Set(t.Context(), "auth", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	if files := f.stateFiles(); len(files) != 1 || filepath.Base(files[0]) != "notes.development.json" {
		t.Errorf("recorded in %q", files)
	}
	if v, err := developer(f, own, &notices).Get(t.Context(), "auth"); err != nil || string(v.Bytes()) != `{}` {
		t.Errorf("the next build: %s, %v", v.Bytes(), err)
	}
	other := newDriver(t)
	other.id = "another"
	if _, err := developer(f, other, &notices).Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrConflict) {
		t.Errorf("another development store: %v, want conflict", err)
	}
}

// TestDevelopmentStoreStandsAside: where the shared store can be reached, or
// fails in another way, the development store is not asked.
func TestDevelopmentStoreStandsAside(t *testing.T) {
	f := newFixture(t)
	var notices []kinring.Notice
	own := newDriver(t)
	ring := developer(f, own, &notices)
	if _, err := ring.Set(t.Context(), "auth", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	f.driver.err = &kinring.Error{Class: kinring.ErrLocked}
	if _, err := developer(f, own, &notices).Get(t.Context(), "auth"); !errors.Is(err, kinring.ErrLocked) {
		t.Errorf("a locked store: %v", err)
	}
	if own.opened != 0 || len(notices) != 0 {
		t.Errorf("the development store was opened %d times: %v", own.opened, notices)
	}
}

// TestDevelopmentStoreMissing: where the development store is not there either
// the answer names what makes it.
func TestDevelopmentStoreMissing(t *testing.T) {
	f := newFixture(t)
	beyond(f)
	var notices []kinring.Notice
	own := newDriver(t)
	own.err = &kinring.Error{Class: kinring.ErrUnavailable, Reason: kinring.ErrNoService, Remedy: "make one with: kinring init"}
	_, err := developer(f, own, &notices).Get(t.Context(), "auth")
	var e *kinring.Error
	if !errors.Is(err, kinring.ErrUnavailable) || !errors.As(err, &e) || e.Advice() != "make one with: kinring init" {
		t.Errorf("got %v", err)
	}
}

// TestDevelopmentStoreListsBoth: what Get would find, List names.
func TestDevelopmentStoreListsBoth(t *testing.T) {
	f := newFixture(t)
	f.olderSignsIn(`{"old":1}`)
	beyond(f)
	var notices []kinring.Notice
	ring := developer(f, newDriver(t), &notices)
	if _, err := ring.SetKey(t.Context(), store.Key{Service: "com.example.notes", Account: "other"}, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	l, err := ring.List(t.Context())
	if err != nil || len(l.Keys) != 2 || l.Keys[0].Name != "auth" || l.Keys[1].Name != "other" || len(l.Incomplete) != 0 {
		t.Errorf("list: %+v, %v", l, err)
	}
	st, err := ring.Status(t.Context())
	if err != nil || st.Store.StandIn != "vault" || len(st.Keys) != 2 || !errors.Is(st.Store.Err, kinring.ErrOutOfReach) {
		t.Errorf("status: %+v, %v", st, err)
	}
}

// TestOutOfReachIsSaidOnce: each value says that it is unverified; that the store
// is out of reach is one notice a ring.
func TestOutOfReachIsSaidOnce(t *testing.T) {
	f := newFixture(t)
	f.olderSignsIn(`{"old":1}`)
	beyond(f)
	said := 0
	ring := f.open(kinring.WithNotices(func(kinring.Notice) { said++ }))
	for range 3 {
		if v, err := ring.Get(t.Context(), "auth"); err != nil || v.Provenance != kinring.Unverified {
			t.Errorf("get: %v, %v", v.Provenance, err)
		}
	}
	if said != 1 {
		t.Errorf("said %d times", said)
	}
	if _, err := ring.Set(t.Context(), "auth", []byte(`{}`)); !errors.Is(err, kinring.ErrOutOfReach) {
		t.Errorf("a shared-only Set: %v", err)
	}
}
