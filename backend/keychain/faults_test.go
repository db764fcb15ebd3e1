package keychain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/store"
)

var key = store.Key{Service: "com.example", Account: "person"}

func value(v string) store.Item { return store.Item{Value: store.NewValue([]byte(v))} }

func mustPut(t *testing.T, s store.Store, v string, cond store.Condition) store.Revision {
	t.Helper()
	rev, err := s.Put(t.Context(), key, value(v), cond)
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

func wantValue(t *testing.T, s store.Store, want string) store.Item {
	t.Helper()
	i, err := s.Get(t.Context(), key)
	if err != nil || string(i.Value.Bytes()) != want {
		t.Errorf("get: %q, %v; want %q", i.Value.Bytes(), err, want)
	}
	return i
}

// recorded is a Mac that notes the dictionaries of every call.
type recorded struct {
	secitem.Mac
	mu    sync.Mutex
	calls []string
	dicts []secitem.Dict
	sets  []secitem.Dict
}

func (r *recorded) note(call string, d, set secitem.Dict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls, r.dicts, r.sets = append(r.calls, call), append(r.dicts, d), append(r.sets, set)
}

func (r *recorded) Add(d secitem.Dict) error { r.note("add", d, nil); return r.Mac.Add(d) }
func (r *recorded) Update(d, set secitem.Dict) error {
	r.note("update", d, set)
	return r.Mac.Update(d, set)
}
func (r *recorded) Delete(d secitem.Dict) error { r.note("delete", d, nil); return r.Mac.Delete(d) }
func (r *recorded) CopyMatching(d secitem.Dict) ([]secitem.Item, error) {
	r.note("copy", d, nil)
	return r.Mac.CopyMatching(d)
}

// TestEveryCallNamesItsPlace: keychain, group, service, account and "not of
// iCloud" are in every query; an Update changes value and gena together and
// nothing else; each verb is one call.
func TestEveryCallNamesItsPlace(t *testing.T) {
	r := &recorded{Mac: emulator.New().Run(entitled("app"))}
	s := openOn(t, r)
	if len(r.calls) != 0 {
		t.Errorf("opening makes the calls %q", r.calls)
	}
	rev := mustPut(t, s, "one", store.Absent())
	rev = mustPut(t, s, "two", store.Match(rev))
	wantValue(t, s, "two")
	if _, err := s.List(t.Context(), key.Service); err != nil {
		t.Error(err)
	}
	if err := s.Delete(t.Context(), key, store.Match(rev)); err != nil {
		t.Error(err)
	}
	if want := []string{"add", "update", "copy", "copy", "delete"}; !slices.Equal(r.calls, want) {
		t.Errorf("calls %q, want %q", r.calls, want)
	}
	for i, d := range r.dicts {
		account := any(key.Account)
		if d[secitem.KeyMatchLimit] == secitem.MatchLimitAll {
			account = nil // a list
		}
		if d[secitem.KeyDataProtection] != true || d[secitem.KeySynchronizable] != false || d[secitem.KeyAccessGroup] != group ||
			d[secitem.KeyService] != key.Service || d[secitem.KeyAccount] != account {
			t.Errorf("call %d, %s: %v does not name its place", i, r.calls[i], d)
		}
		if r.calls[i] != "add" && d[secitem.KeyAuthUI] != secitem.AuthUIFail {
			t.Errorf("call %d, %s: %v may ask a person", i, r.calls[i], d)
		}
	}
	if d := r.dicts[0]; d[secitem.KeyAccessible] != secitem.AccessibleAfterFirstUnlockThisDevice {
		t.Errorf("a new item is accessible %v", d[secitem.KeyAccessible])
	}
	if set := r.sets[1]; len(set) != 2 || set[secitem.KeyValueData] == nil || set[secitem.KeyGeneric] == nil {
		t.Errorf("an update sets %v", set)
	}
	if d := r.dicts[3]; d[secitem.KeyReturnData] != nil {
		t.Error("a list reads values")
	}
}

func TestMigratable(t *testing.T) {
	r := &recorded{Mac: emulator.New().Run(entitled("app"))}
	s, err := Driver(Options{Migratable: true, Program: mac.New(r)}).Open(t.Context(), family)
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "v", store.Absent())
	if got := r.dicts[0][secitem.KeyAccessible]; got != secitem.AccessibleAfterFirstUnlock {
		t.Errorf("accessible %v", got)
	}
}

// TestStatuses: each status of the keychain is an error of its own (I4).
func TestStatuses(t *testing.T) {
	for status, want := range map[secitem.Status][2]error{
		secitem.ErrMissingEntitlement:    {store.ErrUnavailable, store.ErrOutOfReach},
		secitem.ErrInteractionNotAllowed: {store.ErrLocked, nil},
		secitem.ErrAuthFailed:            {store.ErrDenied, nil},
		secitem.ErrUserCanceled:          {store.ErrCancelled, nil},
		secitem.ErrNotAvailable:          {store.ErrUnavailable, store.ErrNoService},
		secitem.ErrDecode:                {store.ErrCorrupt, nil},
		secitem.ErrParam:                 {store.ErrUnsupported, nil},
		secitem.ErrDiskFull:              {store.ErrUnavailable, store.ErrNoService},
		secitem.Status(-12345):           {store.ErrUnavailable, store.ErrNoService},
	} {
		s := openOn(t, secitem.Faults{Mac: emulator.New().Run(entitled("app")), Before: func(call string) error {
			if !strings.HasPrefix(call, "SecItem") {
				return nil
			}
			return status
		}})
		_, get := s.Get(t.Context(), key)
		_, list := s.List(t.Context(), key.Service)
		for verb, err := range map[string]error{"get": get, "list": list} {
			if !errors.Is(err, want[0]) || want[1] != nil && !errors.Is(err, want[1]) {
				t.Errorf("%s with %v: %v, want %v", verb, status, err, want)
			}
			var e *store.Error
			if !errors.As(err, &e) || !strings.Contains(e.Native, fmt.Sprint(int32(status))) {
				t.Errorf("%s with %v: %+v does not name the status", verb, status, e)
			}
		}
	}
}

// TestWrongAnswers: an answer that cannot be one is never taken for an item, nor
// for its absence.
func TestWrongAnswers(t *testing.T) {
	right := secitem.Dict{secitem.KeyService: key.Service, secitem.KeyAccount: key.Account, secitem.KeyAccessGroup: group}
	other := secitem.Dict{secitem.KeyService: key.Service, secitem.KeyAccount: "other", secitem.KeyAccessGroup: group}
	elsewhere := secitem.Dict{secitem.KeyService: key.Service, secitem.KeyAccount: key.Account, secitem.KeyAccessGroup: "other"}
	for name, items := range map[string][]secitem.Item{
		"none": nil, "two": {{Attributes: right}, {Attributes: right}}, "no attributes": {{}},
		"another account": {{Attributes: other}}, "another group": {{Attributes: elsewhere}},
	} {
		s := openOn(t, answering{emulator.New().Run(entitled("app")), items, nil})
		if _, err := s.Get(t.Context(), key); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %v, want corrupt", name, err)
		}
	}
	s := openOn(t, answering{emulator.New().Run(entitled("app")), nil, &secitem.TypeError{Call: "SecItemCopyMatching", Got: "CFNumber"}})
	if _, err := s.Get(t.Context(), key); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("an answer of another type: %v", err)
	}
	right[secitem.KeyGeneric] = []byte("kr1;v;nonsense " + strings.Repeat("A", 22))
	s = openOn(t, answering{emulator.New().Run(entitled("app")), []secitem.Item{{Attributes: right}}, nil})
	if _, err := s.Get(t.Context(), key); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a damaged record: %v", err)
	}
	delete(right, secitem.KeyGeneric)
	s = openOn(t, answering{emulator.New().Run(entitled("app")), []secitem.Item{{Attributes: right, Data: make([]byte, store.MaxValue+1)}}, nil})
	if _, err := s.Get(t.Context(), key); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("a huge value: %v", err)
	}
}

// answering is a Mac that gives one answer to every search.
type answering struct {
	secitem.Mac
	items []secitem.Item
	err   error
}

func (a answering) CopyMatching(secitem.Dict) ([]secitem.Item, error) { return a.items, a.err }

// TestLostAnswers: where the service goes away while it writes, the item says
// what came of it; where that cannot be told, it is unknown (I9).
func TestLostAnswers(t *testing.T) {
	machine := emulator.New()
	after := func(call string, err error) error {
		if writes := call == "SecItemAdd" || call == "SecItemUpdate" || call == "SecItemDelete"; writes && err == nil {
			return secitem.ErrNotAvailable
		}
		return err
	}
	s := openOn(t, secitem.Faults{Mac: machine.Run(entitled("app")), After: after})
	rev := mustPut(t, s, "one", store.Absent())
	if got := wantValue(t, s, "one").Revision; got != rev {
		t.Errorf("revision %q, want %q", got, rev)
	}
	mustPut(t, s, "two", store.Match(rev))
	if err := s.Delete(t.Context(), key, store.Any()); err != nil {
		t.Errorf("a delete that took effect: %v", err)
	}
	never := openOn(t, secitem.Faults{Mac: machine.Run(entitled("app")), Before: func(call string) error {
		if call == "SecItemAdd" || call == "SecItemUpdate" || call == "SecItemDelete" {
			return secitem.ErrIO
		}
		return nil
	}})
	if _, err := never.Put(t.Context(), key, value("x"), store.Absent()); !errors.Is(err, store.ErrOutcomeUnknown) {
		t.Errorf("a put of which nobody knows: %v", err)
	}
	mustPut(t, openOn(t, machine.Run(entitled("other"))), "there", store.Any())
	if err := never.Delete(t.Context(), key, store.Any()); !errors.Is(err, store.ErrOutcomeUnknown) {
		t.Errorf("a delete of which nobody knows: %v", err)
	}
}

// stuck is a Mac whose calls tell that they have begun and then wait.
type stuck struct {
	secitem.Mac
	begun, release chan struct{}
}

func (s stuck) wait() {
	s.begun <- struct{}{}
	<-s.release
}

func (s stuck) CopyMatching(d secitem.Dict) ([]secitem.Item, error) {
	s.wait()
	return s.Mac.CopyMatching(d)
}

func (s stuck) Update(d, set secitem.Dict) error {
	s.wait()
	return s.Mac.Update(d, set)
}

// TestGivenUp: a read that was given up did nothing; a write that has begun is
// unknown, and lands before the next call about that item begins (I9).
func TestGivenUp(t *testing.T) {
	machine := emulator.New()
	plain := openOn(t, machine.Run(entitled("app")))
	rev := mustPut(t, plain, "before", store.Any())
	m := stuck{machine.Run(entitled("app")), make(chan struct{}), make(chan struct{})}
	s := openOn(t, m)
	giveUp := func(call func(context.Context) error) error {
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-m.begun
			cancel()
		}()
		return call(ctx)
	}
	if err := giveUp(func(ctx context.Context) error { _, err := s.Get(ctx, key); return err }); !errors.Is(err, store.ErrCancelled) {
		t.Errorf("a read that was given up: %v", err)
	}
	// That read still has the item's turn, so a write behind it has not begun.
	soon, end := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer end()
	if _, err := s.Put(soon, key, value("never"), store.Any()); !errors.Is(err, store.ErrTimedOut) {
		t.Errorf("a write that waited: %v", err)
	}
	m.release <- struct{}{}
	late := func(ctx context.Context) error {
		_, err := s.Put(ctx, key, value("late"), store.Match(rev))
		return err
	}
	if err := giveUp(late); !errors.Is(err, store.ErrOutcomeUnknown) {
		t.Errorf("a write that was given up: %v", err)
	}
	wantValue(t, plain, "before")
	go func() {
		m.release <- struct{}{}
		<-m.begun
		m.release <- struct{}{}
	}()
	wantValue(t, s, "late")
}

// TestForeignItem: an item that another program made without gena can be read,
// replaced and deleted, each only as it was read.
func TestForeignItem(t *testing.T) {
	machine := emulator.New()
	foreign := machine.Run(entitled("foreign"))
	q := secitem.Query{AccessGroup: group, Service: key.Service, Account: key.Account}
	write := func(v string) {
		t.Helper()
		add := q
		add.Value = []byte(v)
		err := foreign.Add(add.Dict())
		if errors.Is(err, secitem.ErrDuplicateItem) {
			err = foreign.Update(q.Dict(), secitem.Change{Value: []byte(v)}.Dict())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s := openOn(t, machine.Run(entitled("app")))
	write("theirs")
	first := wantValue(t, s, "theirs")
	if first.Record.Present() || first.Revision == "" {
		t.Errorf("record %q, revision %q", first.Record, first.Revision)
	}
	write("theirs anew")
	if _, err := s.Put(t.Context(), key, value("x"), store.Match(first.Revision)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("over a newer foreign value: %v", err)
	}
	if err := s.Delete(t.Context(), key, store.Match(first.Revision)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("delete of a newer foreign value: %v", err)
	}
	second := wantValue(t, s, "theirs anew")
	mustPut(t, s, "ours", store.Match(second.Revision))
	if _, err := s.Put(t.Context(), key, value("x"), store.Match(second.Revision)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the date of an item that is marked by now: %v", err)
	}
	wantValue(t, s, "ours")
}

// TestNothingIsAsked: an item that would need a person's finger is locked, not
// asked for.
func TestNothingIsAsked(t *testing.T) {
	machine := emulator.New()
	p := entitled("app")
	p.Attended = true
	s := openOn(t, machine.Run(p))
	mustPut(t, s, "v", store.Any())
	machine.Protect(key.Service, key.Account)
	_, err := s.Get(store.WithInteraction(t.Context(), store.Always), key)
	if !errors.Is(err, store.ErrLocked) || len(machine.Prompts()) != 0 {
		t.Errorf("%v, %d questions", err, len(machine.Prompts()))
	}
}

// TestMarkIsTheRecord: a record survives being written, and nothing else passes
// for one.
func TestMarkIsTheRecord(t *testing.T) {
	full := store.Record{Version: 1, Kind: store.KindMarker, Generation: 7, KeyID: "01234567", Digest: "abc",
		Sources: []store.Agreement{{Source: "keychain", Kind: store.Held, Fingerprint: "x", Pending: "y"}}}
	for _, r := range []store.Record{{}, full} {
		gena, err := newMark(r)
		if err != nil {
			t.Fatal(err)
		}
		back, err := parseMark(gena)
		if err != nil || !back.Equal(r) {
			t.Errorf("%q reads back as %v, %v", gena, back, err)
		}
		if got, ok := markOf(revisionOf(gena)); !ok || string(got) != string(gena) {
			t.Errorf("%q has the revision %q", gena, revisionOf(gena))
		}
	}
	for _, other := range []string{"", " ", "-", "kr1;v;1;;", "someone else's", "kr1;v;1;; short", "x " + strings.Repeat("A", 22)} {
		if r, err := parseMark([]byte(other)); err != nil || r.Present() {
			t.Errorf("%q is %v, %v; want no record", other, r, err)
		}
	}
}

func FuzzMark(f *testing.F) {
	full, _ := newMark(store.Record{Version: 1, Generation: 3, KeyID: "k", Digest: "d"})
	none, _ := newMark(store.Record{})
	for _, seed := range [][]byte{full, none, nil, []byte("kr2;v;9;future " + strings.Repeat("A", 22)), []byte("kr1;x " + strings.Repeat("A", 22))} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, gena []byte) {
		r, err := parseMark(gena)
		if err != nil && store.ClassOf(err) != store.ErrCorrupt {
			t.Errorf("%q: %v", gena, err)
		}
		if r.Present() && !strings.HasPrefix(string(gena), r.String()+" ") {
			t.Errorf("%q is read as %q", gena, r)
		}
		if len(gena) > 0 {
			if back, ok := markOf(revisionOf(gena)); !ok || string(back) != string(gena) {
				t.Errorf("%q does not come back from its revision", gena)
			}
		}
	})
}
