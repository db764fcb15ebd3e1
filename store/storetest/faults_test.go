package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/store"
)

var aKey = store.Key{Service: "service", Account: "account"}

func item(value string) store.Item { return store.Item{Value: store.NewValue([]byte(value))} }

// held returns the value under aKey, and "absent" if there is none.
func held(t *testing.T, s store.Store) string {
	t.Helper()
	i, err := s.Get(t.Context(), aKey)
	if errors.Is(err, store.ErrNotFound) {
		return "absent"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(i.Value.Bytes())
}

// faulty returns a Faults over a memory store that holds "old" under aKey, and
// that store.
func faulty(t *testing.T) (*Faults, store.Store) {
	t.Helper()
	m := memory.New()
	if _, err := m.Put(t.Context(), aKey, item("old"), store.Any()); err != nil {
		t.Fatal(err)
	}
	return NewFaults(m), m
}

// callsOf makes one call of each verb.
var callsOf = map[Verb]func(context.Context, store.Store) error{
	VerbGet: func(ctx context.Context, s store.Store) error { _, err := s.Get(ctx, aKey); return err },
	VerbPut: func(ctx context.Context, s store.Store) error {
		_, err := s.Put(ctx, aKey, item("new"), store.Any())
		return err
	},
	VerbList: func(ctx context.Context, s store.Store) error { _, err := s.List(ctx, ""); return err },
	VerbDelete: func(ctx context.Context, s store.Store) error {
		return s.Delete(ctx, aKey, store.Any())
	},
}

// after is what the store holds when the call was applied.
var after = map[Verb]string{VerbGet: "old", VerbPut: "new", VerbList: "old", VerbDelete: "absent"}

func TestFaultsFailBefore(t *testing.T) {
	for verb, call := range callsOf {
		for _, failure := range Failures() {
			f, m := faulty(t)
			f.Inject(verb, 1, FailBefore(failure))
			err := call(t.Context(), f)
			if got, want := store.ClassOf(err), store.ClassOf(failure); got != want {
				t.Errorf("%s: got class %v, want %v", verb, got, want)
			}
			if got := held(t, m); got != "old" {
				t.Errorf("%s failing with %v left %q", verb, failure, got)
			}
			if err := call(t.Context(), f); err != nil {
				t.Errorf("%s: the second call met the fault of the first: %v", verb, err)
			}
		}
	}
}

func TestFaultsFailAfter(t *testing.T) {
	for verb, call := range callsOf {
		f, m := faulty(t)
		f.Inject(verb, 1, FailAfter(store.ErrOutcomeUnknown))
		if err := call(t.Context(), f); !errors.Is(err, store.ErrOutcomeUnknown) {
			t.Errorf("%s: got %v, want outcome unknown", verb, err)
		}
		if got := held(t, m); got != after[verb] {
			t.Errorf("%s left %q, want %q", verb, got, after[verb])
		}
	}
}

func TestFaultsNameThePlace(t *testing.T) {
	f, m := faulty(t)
	f.Inject(VerbPut, 1, FailBefore(store.ErrNoService))
	err := callsOf[VerbPut](t.Context(), f)
	var e *store.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %T, want *store.Error", err)
	}
	if e.Op != "put" || e.Store != m.Info().ID || e.Key != aKey.Redacted() {
		t.Errorf("the error names %q %q %q", e.Op, e.Store, e.Key)
	}
	if !errors.Is(err, store.ErrNoService) || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%v is not both no service and unavailable", err)
	}
}

func TestFaultsForeignError(t *testing.T) {
	f, _ := faulty(t)
	odd := errors.New("odd")
	f.Inject(VerbGet, 1, FailBefore(odd))
	if err := callsOf[VerbGet](t.Context(), f); err != odd {
		t.Errorf("got %v, want the error as it was given", err)
	}
}

func TestFaultsLandLate(t *testing.T) {
	for _, verb := range []Verb{VerbPut, VerbDelete} {
		f, m := faulty(t)
		f.Inject(verb, 1, LandLate())
		if err := callsOf[verb](t.Context(), f); !errors.Is(err, store.ErrOutcomeUnknown) {
			t.Errorf("%s: got %v, want outcome unknown", verb, err)
		}
		if got := held(t, m); got != "old" {
			t.Errorf("%s was applied before it landed: %q", verb, got)
		}
		if w := f.Waiting(); len(w) != 1 || w[0].Verb != verb || w[0].Key != aKey {
			t.Errorf("waiting: %+v, want the one %s", w, verb)
		}
		if err := f.Land(t.Context(), 0); err != nil {
			t.Errorf("%s: landing: %v", verb, err)
		}
		if got := held(t, m); got != after[verb] {
			t.Errorf("%s landed and left %q, want %q", verb, got, after[verb])
		}
		if err := f.Land(t.Context(), 0); err == nil {
			t.Errorf("%s landed twice", verb)
		}
	}
}

func TestFaultsLandLateJudgesConditionOnLanding(t *testing.T) {
	f, m := faulty(t)
	rev, err := m.Put(t.Context(), aKey, item("first"), store.Any())
	if err != nil {
		t.Fatal(err)
	}
	f.Inject(VerbPut, 1, LandLate())
	if _, err := f.Put(t.Context(), aKey, item("late"), store.Match(rev)); !errors.Is(err, store.ErrOutcomeUnknown) {
		t.Fatalf("got %v, want outcome unknown", err)
	}
	if _, err := m.Put(t.Context(), aKey, item("second"), store.Any()); err != nil {
		t.Fatal(err)
	}
	if err := f.Land(t.Context(), 0); !errors.Is(err, store.ErrConflict) {
		t.Errorf("landing over a newer value: %v, want conflict", err)
	}
	if got := held(t, m); got != "second" {
		t.Errorf("the store holds %q, want second", got)
	}
}

func TestFaultsLateWriteKeepsItsOwnCopy(t *testing.T) {
	f, m := faulty(t)
	f.Inject(VerbPut, 1, LandLate())
	i := item("late")
	if _, err := f.Put(t.Context(), aKey, i, store.Any()); !errors.Is(err, store.ErrOutcomeUnknown) {
		t.Fatalf("got %v, want outcome unknown", err)
	}
	i.Value.Wipe()
	if err := f.Land(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if got := held(t, m); got != "late" {
		t.Errorf("the store holds %q, want late", got)
	}
}

func TestFaultsLose(t *testing.T) {
	f, m := faulty(t)
	f.Inject(VerbPut, 1, LandLate())
	if err := callsOf[VerbPut](t.Context(), f); !errors.Is(err, store.ErrOutcomeUnknown) {
		t.Fatalf("got %v, want outcome unknown", err)
	}
	if err := f.Lose(0); err != nil {
		t.Fatal(err)
	}
	if err := f.Lose(0); err == nil {
		t.Error("the same write was lost twice")
	}
	if got := held(t, m); got != "old" || len(f.Waiting()) != 0 {
		t.Errorf("holds %q with %d waiting, want old and none", got, len(f.Waiting()))
	}
}

func TestFaultsHang(t *testing.T) {
	for verb, call := range callsOf {
		f, m := faulty(t)
		arrived := make(chan struct{})
		hang := Hang()
		hang.Before = func() { close(arrived) }
		f.Inject(verb, 1, hang)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error)
		go func() { done <- call(ctx, f) }()
		<-arrived
		select {
		case err := <-done:
			t.Errorf("%s did not wait: %v", verb, err)
			continue
		default:
		}
		cancel()
		if err := <-done; !errors.Is(err, store.ErrCancelled) {
			t.Errorf("%s: got %v, want cancelled", verb, err)
		}
		if got := held(t, m); got != "old" {
			t.Errorf("%s hung and left %q", verb, got)
		}
	}
}

func TestFaultsHangLate(t *testing.T) {
	for verb, call := range callsOf {
		f, _ := faulty(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		late := HangLate()
		late.Before = cancel
		f.Inject(verb, 1, late)
		want, waiting := store.ErrCancelled, 0
		if verb.writes() {
			want, waiting = store.ErrOutcomeUnknown, 1
		}
		if err := call(ctx, f); store.ClassOf(err) != want {
			t.Errorf("%s: got %v, want %v", verb, err, want)
		}
		if got := len(f.Waiting()); got != waiting {
			t.Errorf("%s: %d wait to land, want %d", verb, got, waiting)
		}
	}
}

// answering calls then after each Put and List of the store it wraps.
type answering struct {
	store.Store
	then func()
}

func (a answering) Put(ctx context.Context, key store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
	defer a.then()
	return a.Store.Put(ctx, key, i, cond)
}

func (a answering) List(ctx context.Context, service string) ([]store.Entry, error) {
	defer a.then()
	return a.Store.List(ctx, service)
}

// TestFaultsHangApplied ends the context when the store has answered and the
// caller has not heard it.
func TestFaultsHangApplied(t *testing.T) {
	cases := []struct {
		verb Verb
		cond store.Condition
		want *store.Class
	}{
		{VerbPut, store.Any(), store.ErrOutcomeUnknown},
		{VerbPut, store.Match("stale"), store.ErrCancelled},
		{VerbList, store.Any(), store.ErrCancelled},
	}
	for _, c := range cases {
		_, m := faulty(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		f := NewFaults(answering{m, cancel})
		f.Inject(c.verb, 1, Fault{Apply: ApplyNow, Hang: true})
		var err error
		if c.verb == VerbPut {
			_, err = f.Put(ctx, aKey, item("new"), c.cond)
		} else {
			_, err = f.List(ctx, "")
		}
		if store.ClassOf(err) != c.want {
			t.Errorf("%s %s: got %v, want %v", c.verb, c.cond, err, c.want)
		}
	}
}

func TestFaultsHangInEndlessContextPanics(t *testing.T) {
	f, _ := faulty(t)
	f.Inject(VerbGet, 1, Hang())
	defer func() {
		if recover() == nil {
			t.Error("hanging for ever did not panic")
		}
	}()
	_, _ = f.Get(context.Background(), aKey)
}

func TestFaultsCancelWith(t *testing.T) {
	for verb, call := range callsOf {
		f, m := faulty(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		f.Inject(verb, 1, CancelWith(cancel))
		if err := call(ctx, f); !errors.Is(err, store.ErrCancelled) {
			t.Errorf("%s: got %v, want cancelled", verb, err)
		}
		if got := held(t, m); got != "old" {
			t.Errorf("%s was cancelled and left %q", verb, got)
		}
	}
}

func TestFaultsOrder(t *testing.T) {
	locked, denied, conflict := FailBefore(store.ErrLocked), FailBefore(store.ErrDenied), FailBefore(store.ErrConflict)
	cases := []struct {
		name string
		plan func(*Faults)
		want []*store.Class // of five Gets
	}{
		{"none", func(*Faults) {}, []*store.Class{nil, nil, nil, nil, nil}},
		{"second", func(f *Faults) { f.Inject(VerbGet, 2, locked) }, []*store.Class{nil, store.ErrLocked, nil, nil, nil}},
		{"sticky", func(f *Faults) { f.Inject(VerbGet, 3, locked.Forever()) },
			[]*store.Class{nil, nil, store.ErrLocked, store.ErrLocked, store.ErrLocked}},
		{"one-shot over sticky", func(f *Faults) {
			f.Inject(VerbGet, 3, denied)
			f.Inject(VerbGet, 2, locked.Forever())
		}, []*store.Class{nil, store.ErrLocked, store.ErrDenied, store.ErrLocked, store.ErrLocked}},
		{"last sticky wins", func(f *Faults) {
			f.Inject(VerbGet, 1, locked.Forever())
			f.Inject(VerbGet, 4, conflict.Forever())
		}, []*store.Class{store.ErrLocked, store.ErrLocked, store.ErrLocked, store.ErrConflict, store.ErrConflict}},
		{"any verb", func(f *Faults) { f.Inject(AnyVerb, 4, denied) }, []*store.Class{nil, nil, nil, store.ErrDenied, nil}},
		{"other verb", func(f *Faults) { f.Inject(VerbPut, 1, denied.Forever()) }, []*store.Class{nil, nil, nil, nil, nil}},
		{"next", func(f *Faults) { f.InjectNext(VerbGet, denied) }, []*store.Class{store.ErrDenied, nil, nil, nil, nil}},
	}
	for _, c := range cases {
		f, _ := faulty(t)
		c.plan(f)
		var got []*store.Class
		fired := 0
		for range c.want {
			got = append(got, store.ClassOf(callsOf[VerbGet](t.Context(), f)))
			if got[len(got)-1] != nil {
				fired++
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
		if f.Fired() != fired {
			t.Errorf("%s: fired %d, want %d", c.name, f.Fired(), fired)
		}
	}
}

func TestFaultsCount(t *testing.T) {
	f, m := faulty(t)
	f.Inject(VerbPut, 1, FailBefore(store.ErrLocked))
	for _, verb := range []Verb{VerbGet, VerbPut, VerbGet, VerbList, VerbDelete} {
		_ = callsOf[verb](t.Context(), f)
	}
	for verb, want := range map[Verb]int{AnyVerb: 5, VerbGet: 2, VerbPut: 1, VerbDelete: 1, VerbList: 1} {
		if got := f.Count(verb); got != want {
			t.Errorf("%d calls of %q, want %d", got, verb, want)
		}
	}
	want := []Call{
		{Verb: VerbGet, Key: aKey},
		{Verb: VerbPut, Key: aKey, Faulty: true},
		{Verb: VerbGet, Key: aKey},
		{Verb: VerbList},
		{Verb: VerbDelete, Key: aKey},
	}
	if got := f.Calls(); !slices.Equal(got, want) {
		t.Errorf("calls %+v, want %+v", got, want)
	}
	f.Reset()
	if f.Count(AnyVerb) != 0 || len(f.Calls()) != 0 || f.Fired() != 0 {
		t.Error("reset left something behind")
	}
	if f.Info() != m.Info() {
		t.Error("the wrapper describes itself otherwise than the store")
	}
}

func TestFaultsRefusesWhatCannotAnswer(t *testing.T) {
	for name, inject := range map[string]func(*Faults){
		"empty":     func(f *Faults) { f.Inject(VerbGet, 1, Fault{}) },
		"late only": func(f *Faults) { f.Inject(VerbPut, 1, Fault{Apply: ApplyLate}) },
		"call 0":    func(f *Faults) { f.Inject(VerbGet, 0, Hang()) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: was taken", name)
				}
			}()
			inject(NewFaults(memory.New()))
		}()
	}
}

// keying is a store that derives fingerprint keys.
type keying struct{ store.Store }

func (keying) FingerprintKey(context.Context) ([]byte, error) { return []byte("derived"), nil }

func TestFaultsFingerprintKey(t *testing.T) {
	if _, ok := NewFaults(memory.New()).Store().(store.FingerprintKeyer); ok {
		t.Error("the wrapper of a store without fingerprint keys claims to have them")
	}
	f := NewFaults(keying{memory.New()})
	k, ok := f.Store().(store.FingerprintKeyer)
	if !ok {
		t.Fatal("the wrapper hides the store's fingerprint keys")
	}
	f.Inject(VerbFingerprintKey, 2, FailBefore(store.ErrLocked))
	if secret, err := k.FingerprintKey(t.Context()); err != nil || string(secret) != "derived" {
		t.Errorf("got %q, %v", secret, err)
	}
	if secret, err := k.FingerprintKey(t.Context()); !errors.Is(err, store.ErrLocked) || secret != nil {
		t.Errorf("got %q, %v, want locked and nothing", secret, err)
	}
}

func TestFaultsConcurrently(t *testing.T) {
	f, _ := faulty(t)
	f.Inject(VerbPut, 10, LandLate().Forever())
	const workers, each = 8, 20
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range each {
				_ = callsOf[VerbPut](t.Context(), f)
				f.Waiting()
			}
		})
	}
	all.Wait()
	if got, want := len(f.Waiting()), workers*each-9; got != want || f.Fired() != want {
		t.Errorf("%d wait and %d fired, want %d", got, f.Fired(), want)
	}
}
