package coexist_test

import (
	"context"
	"errors"
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// TestFastForward pins when an older build's value replaces a shared one, by
// who wrote since both agreed on "old".
func TestFastForward(t *testing.T) {
	cases := []struct {
		name   string
		policy coexist.Taking
		newer  string // a new build sets this; "" is nothing
		older  string // then an older build writes this
		want   string
		told   coexist.NoticeKind
	}{
		{"older wrote", coexist.Auto, "", "theirs", "theirs", coexist.NoticeFastForwarded},
		{"older wrote the same", coexist.Auto, "", "old", "old", ""},
		{"new wrote", coexist.Auto, "ours", "", "ours", ""},
		{"both wrote", coexist.Auto, "ours", "theirs", "ours", coexist.NoticeDiverged},
		{"both wrote the same", coexist.Auto, "ours", "ours", "ours", ""},
		{"report", coexist.Report, "", "theirs", "old", coexist.NoticeOlderWrote},
		{"report, both wrote", coexist.Report, "ours", "theirs", "ours", coexist.NoticeDiverged},
		{"on rejection", coexist.OnRejection, "", "theirs", "old", ""},
		{"never", coexist.Never, "", "theirs", "old", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := agreedOn(t, "old")
			w.config.Policy.FastForward = c.policy
			if c.newer != "" {
				w.set(c.newer)
			}
			if c.older != "" {
				w.olderSet(0, c.older)
			}
			w.expect("get", w.get(), c.want)
			if c.told != "" && !w.told(c.told) || c.told == "" && len(w.notices) > 0 {
				t.Errorf("notices %v, want %q", w.notices, c.told)
			}
			w.expect("a second get", w.get(), c.want)
			w.expect("shared", w.holds(w.inner), c.want)
		})
	}
}

// agreedOn makes a world in which legacy and shared agreed on a value.
func agreedOn(t *testing.T, value string) *world {
	w := newWorld(t, coexist.PresetDefault, 1)
	w.olderSet(0, value)
	w.expect("first get", w.get(), value)
	w.reset()
	return w
}

// TestI10SetOfTheAgreedValueIsAWrite: an older build wrote, then a new build set
// the very value that both had agreed on. The new build's write is the last.
func TestI10SetOfTheAgreedValueIsAWrite(t *testing.T) {
	w := agreedOn(t, "old")
	w.olderSet(0, "theirs")
	w.set("old")
	w.expect("get", w.get(), "old")
}

func TestFastForwardYieldsToANewBuildsWrite(t *testing.T) {
	w := agreedOn(t, "old")
	w.olderSet(0, "theirs")
	other := newWorld(t, coexist.PresetSharedOnly, 0)
	other.config.Shared = w.inner
	w.legacy[0].Inject(storetest.VerbGet, 1, storetest.Fault{Before: func() { other.set("ours") }, Apply: storetest.ApplyNow})
	w.expect("get", w.get(), "ours")
	w.expect("shared", w.holds(w.inner), "ours")
}

func TestFastForwardThatFailsStillReturnsTheNewerValue(t *testing.T) {
	w := agreedOn(t, "old")
	w.olderSet(0, "theirs")
	w.shared.Inject(storetest.VerbPut, 1, storetest.FailBefore(store.ErrLocked).Forever())
	r, err := w.process().Get(t.Context(), key)
	if said(r, err) != "theirs" || r.Provenance != coexist.FromLegacy || !w.told(coexist.NoticeBackfillFailed) {
		t.Errorf("got %s from %q, notices %v", said(r, err), r.Provenance, w.notices)
	}
}

func TestI10WhatCannotBeComparedIsUnverified(t *testing.T) {
	w := agreedOn(t, "old")
	w.legacy[0].Inject(storetest.VerbGet, 1, storetest.FailBefore(store.ErrLocked))
	r, err := w.process().Get(t.Context(), key)
	if said(r, err) != "old" || r.Provenance != coexist.Unverified || !w.told(coexist.NoticeLookFailed) {
		t.Errorf("got %s from %q, notices %v", said(r, err), r.Provenance, w.notices)
	}
}

// TestOlderSignout pins what an older build's own sign-out does to a value that
// both held.
func TestOlderSignout(t *testing.T) {
	cases := []struct {
		policy coexist.Signout
		newer  string
		want   string
		told   bool
	}{
		{coexist.SignoutIgnore, "", "old", false},
		{coexist.SignoutReport, "", "old", true},
		{coexist.SignoutPropagate, "", "[not-found]", true},
		{coexist.SignoutPropagate, "ours", "ours", true},
	}
	for _, c := range cases {
		w := agreedOn(t, "old")
		w.config.Policy.OlderSignout = c.policy
		if c.newer != "" {
			w.set(c.newer)
		}
		w.olderDelete(0)
		for range 2 {
			w.expect(string(c.policy)+": get", w.get(), c.want)
		}
		if got := w.told(coexist.NoticeOlderSignedOut); got != c.told {
			t.Errorf("%s: told %v, want %v", c.policy, got, c.told)
		}
	}
}

// TestI1SignoutThenSignInIsNotLost: an older build signs out, and in again while
// a new build propagates the sign-out. The new sign-in must survive.
func TestI1SignoutThenSignInIsNotLost(t *testing.T) {
	w := agreedOn(t, "old")
	w.config.Policy.OlderSignout = coexist.SignoutPropagate
	w.olderDelete(0)
	inner := w.config.Sources[0].Store
	signIn := func() {
		item := store.Item{Value: store.NewValue([]byte("again"))}
		if _, err := inner.Put(context.Background(), key, item, store.Any()); err != nil {
			t.Fatal(err)
		}
	}
	w.config.Sources[0].Store = afterGet{inner, signIn}
	w.get()
	w.config.Sources[0].Store = inner
	w.expect("get", w.get(), "again")
}

// afterGet runs something after each Get has been answered.
type afterGet struct {
	store.Store
	then func()
}

func (a afterGet) Get(ctx context.Context, k store.Key) (store.Item, error) {
	defer a.then()
	return a.Store.Get(ctx, k)
}

// TestStampsSparePassiveSources counts looks at a source whose stamp stands
// still, moves, or cannot be told.
func TestStampsSparePassiveSources(t *testing.T) {
	w := agreedOn(t, "old")
	stamp, fails := "1", false
	w.config.Memory = notes{}
	w.config.Sources[0].Stamp = func(context.Context, store.Key) (string, error) {
		if fails {
			return "", errors.New("no stamp")
		}
		return stamp, nil
	}
	steps := []struct {
		name  string
		do    func()
		looks int
		want  string
	}{
		{"first", func() {}, 1, "old"},
		{"unchanged", func() {}, 0, "old"},
		{"moved", func() { w.olderSet(0, "theirs"); stamp = "2" }, 1, "theirs"},
		{"taken over, not yet noted", func() {}, 1, "theirs"},
		{"unchanged again", func() {}, 0, "theirs"},
		{"unreadable", func() { fails = true }, 1, "theirs"},
	}
	e := w.process()
	for _, s := range steps {
		s.do()
		w.reset()
		r, err := e.Get(t.Context(), key)
		w.expect(s.name, said(r, err), s.want)
		if got := w.legacy[0].Count(storetest.VerbGet); got != s.looks {
			t.Errorf("%s: %d looks, want %d", s.name, got, s.looks)
		}
	}
}

func TestSeveralSourcesAreComparedEach(t *testing.T) {
	w := newWorld(t, coexist.PresetDefault, 2)
	w.olderSet(0, "old")
	w.olderSet(1, "old")
	w.set("old") // notes both
	w.olderSet(1, "theirs")
	w.expect("get", w.get(), "theirs")
	w.expect("second get", w.get(), "theirs")
}

// TestAnnouncedValueIsNoSignOut: legacy is empty because what a Rollback
// announced has yet to arrive there.
func TestAnnouncedValueIsNoSignOut(t *testing.T) {
	for _, announced := range []bool{true, false} {
		w := agreedOn(t, "old")
		w.config.Policy.OlderSignout = coexist.SignoutPropagate
		item, err := w.inner.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if announced {
			item.Record.Sources[0].Pending = item.Record.Digest
		}
		if _, err := w.inner.Put(t.Context(), key, item, store.Any()); err != nil {
			t.Fatal(err)
		}
		w.olderDelete(0)
		w.expect("get", w.get(), map[bool]string{true: "old", false: "[not-found]"}[announced])
	}
}
