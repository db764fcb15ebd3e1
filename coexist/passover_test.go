package coexist_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// shut is a source that fails while it has a reason to.
type shut struct {
	store.Store
	why *error
}

func (s shut) Get(ctx context.Context, k store.Key) (store.Item, error) {
	if *s.why != nil {
		return store.Item{}, *s.why
	}
	return s.Store.Get(ctx, k)
}

func (s shut) Delete(ctx context.Context, k store.Key, c store.Condition) error {
	if *s.why != nil {
		return *s.why
	}
	return s.Store.Delete(ctx, k, c)
}

func (s shut) List(ctx context.Context, service string) ([]store.Entry, error) {
	if *s.why != nil {
		return nil, *s.why
	}
	return s.Store.List(ctx, service)
}

var (
	errLocked    error = &store.Error{Class: store.ErrLocked}
	errNoKeyring error = &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService}
)

// passing makes a world whose older build has a keyring, a, that it passes over
// when it cannot read it, and a file, b. The keyring fails as *why says.
func passing(t *testing.T) (w *world, why *error) {
	w, _ = leased(t, coexist.PresetSharedOnly, 2, true)
	why = new(error)
	w.config.Sources[0].Store = shut{w.legacy[0], why}
	w.config.Sources[0].PassesOver = func(context.Context) (bool, error) { return true, nil }
	return w, why
}

// TestI4PassedOverSource: an older build that cannot read its keyring goes on to
// its file, and so does a Get; but that there is nothing is not known then.
func TestI4PassedOverSource(t *testing.T) {
	for _, c := range []struct {
		name       string
		why        error
		ring, file string
		want       string
	}{
		{"works", nil, "ring", "file", "ring"},
		{"locked, file", errLocked, "ring", "file", "file"},
		{"locked, no file", errLocked, "ring", "", "[locked]"},
		{"none here, file", errNoKeyring, "", "file", "file"},
		{"none here, no file", errNoKeyring, "", "", "[unavailable]"},
		{"slow", &store.Error{Class: store.ErrTimedOut}, "ring", "file", "[timed-out]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, why := passing(t)
			for i, v := range []string{c.ring, c.file} {
				if v != "" {
					w.olderSet(i, v)
				}
			}
			*why = c.why
			w.expect("get", w.get(), c.want)
			*why = nil
			if shared := w.holds(w.inner); c.why != nil && c.want == "file" && shared != "file" {
				t.Errorf("the shared store holds %q", shared)
			}
			if n := w.legacyWrites(); n != 0 {
				t.Errorf("a read wrote %d times to legacy", n)
			}
		})
	}
}

// TestI4PassedOverConfigurationCounts: a configuration that cannot be read
// passes over nothing.
func TestI4PassedOverConfigurationCounts(t *testing.T) {
	w, why := passing(t)
	w.olderSet(1, "file")
	w.config.Sources[0].PassesOver = func(context.Context) (bool, error) { return true, errors.New("unreadable") }
	*why = errLocked
	w.expect("get", w.get(), "[locked]")
}

// TestI2DeletePassesOverWhatIsNotThere: a keyring that is locked may hold the
// secret still, and the Delete says so; one that is not there is none of the
// older build's, unless it held the key before. Neither brings anything back.
func TestI2DeletePassesOverWhatIsNotThere(t *testing.T) {
	for _, c := range []struct {
		name    string
		before  bool // the keyring held the key when both agreed
		why     error
		missing []string
	}{
		{"none here", false, errNoKeyring, nil},
		{"none here, held before", true, errNoKeyring, []string{"a"}},
		{"locked", false, errLocked, []string{"a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, why := passing(t)
			w.olderSet(1, "file")
			if c.before {
				w.olderSet(0, "ring")
			} else {
				*why = c.why
			}
			w.get()
			*why = c.why
			_, err := w.process().Delete(t.Context(), key)
			var e *store.Error
			if errors.As(err, &e); err != nil && !slices.Equal(e.Missing, c.missing) || (err == nil) != (c.missing == nil) {
				t.Errorf("delete: %v; missing should be %q", err, c.missing)
			}
			w.reset()
			*why = nil
			w.expect("get once the keyring is back", w.get(), "[not-found]")
			w.expect("the file", w.holds(w.legacy[1]), "-")
		})
	}
}

// TestI4SignInUnderMarkerBehindPassedOverSource: what may have been signed in
// anew is not absent; what is in the file is taken over.
func TestI4SignInUnderMarkerBehindPassedOverSource(t *testing.T) {
	w, why := passing(t)
	w.olderSet(0, "ring")
	w.get()
	w.delete()
	w.expect("get", w.get(), "[not-found]")
	*why = errLocked
	w.expect("get behind a lock", w.get(), "[locked]")
	w.olderSet(1, "file")
	w.expect("get what is in the file", w.get(), "file")
}

// TestI11UpdateStopsWhereAPassedOverSourceHeldTheKey: a login that rotates must
// not be used up behind the back of an older build that will come back to its
// keyring.
func TestI11UpdateStopsWhereAPassedOverSourceHeldTheKey(t *testing.T) {
	for _, held := range []bool{true, false} {
		w, why := passing(t)
		source := 1
		if held {
			source = 0
		} else {
			*why = errLocked
		}
		w.olderSet(source, "old")
		w.get()
		*why = errLocked
		var given []string
		_, err := w.process().Update(t.Context(), key, to("next", &given))
		if ran := len(given) > 0; ran == held {
			t.Errorf("held %v: the function ran %v, %v", held, ran, err)
		}
		if !held {
			w.expect("the file", w.holds(w.legacy[1]), "next")
		}
	}
}

func TestListPassesOverWhatIsNotThere(t *testing.T) {
	w, why := passing(t)
	w.olderSet(1, "file")
	*why = errNoKeyring
	if l, err := w.process().List(t.Context()); err != nil || len(l.Keys) != 1 || len(l.Incomplete) != 0 {
		t.Errorf("no keyring here: %v, %v", l, err)
	}
	*why = errLocked
	if l, err := w.process().List(t.Context()); !errors.Is(err, store.ErrPartial) || len(l.Keys) != 1 || len(l.Incomplete) != 1 {
		t.Errorf("a locked keyring: %v, %v", l, err)
	}
}

func TestStatusOfPassedOverSource(t *testing.T) {
	for _, c := range []struct {
		name string
		why  error
		file string
		then func(*world)
		want coexist.Verdict
	}{
		{"locked, file read", errLocked, "file", func(w *world) { w.get() }, coexist.InStep},
		{"none here, file read", errNoKeyring, "file", func(w *world) { w.get() }, coexist.InStep},
		{"locked, nothing anywhere", errLocked, "", func(*world) {}, coexist.UnknownVerdict},
		{"none here, nothing anywhere", errNoKeyring, "", func(*world) {}, coexist.UnknownVerdict},
		{"locked, only set", errLocked, "", func(w *world) { w.set("ours") }, coexist.UnknownVerdict},
		{"none here, only set", errNoKeyring, "", func(w *world) { w.set("ours") }, coexist.SharedOnlyHere},
		{"none here, deleted", errNoKeyring, "file", func(w *world) { w.get(); w.delete() }, coexist.Deleted},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, why := passing(t)
			if c.file != "" {
				w.olderSet(1, c.file)
			}
			*why = c.why
			c.then(w)
			st, err := w.process().Status(t.Context(), false, key)
			if err != nil || st.Keys[0].Verdict != c.want {
				t.Errorf("status: %v, %v; want %s", st.Keys, err, c.want)
			}
			if first := st.Keys[0].Legacy[0]; first.Err == nil || first.State == coexist.StateUnread || !first.Inactive {
				t.Errorf("the keyring's status hides why it was passed over: %+v", first)
			}
		})
	}
}

// TestRollbackPassesOverWhatIsNotThere: the value goes where the older build
// would write it; not past a keyring that is only locked.
func TestRollbackPassesOverWhatIsNotThere(t *testing.T) {
	for why, want := range map[error]string{errNoKeyring: "ours", errLocked: "-"} {
		w, reason := passing(t)
		*reason = why
		w.set("ours")
		_, err := w.process().Rollback(t.Context(), key, false)
		if (err == nil) != (want == "ours") {
			t.Errorf("%v: rollback: %v", why, err)
		}
		w.expect("the file", w.holds(w.legacy[1]), want)
	}
}
