package history

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

var load = Load{Workers: 6, Ops: 60, Keys: []string{"one", "two", "three"}, Seed: 1}

// on performs requests on a store.
func on(s store.Store) Perform {
	return func(ctx context.Context, r Request) (Result, error) {
		k := store.Key{Service: "history", Account: r.Key}
		switch r.Kind {
		case Set:
			_, err := s.Put(ctx, k, store.Item{Value: store.NewValue([]byte(r.Value))}, store.Any())
			return told(err, "")
		case Delete:
			return told(s.Delete(ctx, k, store.Any()), "")
		}
		i, err := s.Get(ctx, k)
		return told(err, string(i.Value.Bytes()))
	}
}

// told translates what a store said.
func told(err error, value string) (Result, error) {
	switch {
	case err == nil:
		return Result{Outcome: Done, Value: value}, nil
	case errors.Is(err, store.ErrNotFound):
		return Result{Outcome: Absent}, nil
	case errors.Is(err, store.ErrOutcomeUnknown):
		return Result{Outcome: Unknown}, nil
	case errors.Is(err, store.ErrCancelled):
		return Result{Outcome: Failed}, nil
	}
	return Result{}, err
}

func TestDrive(t *testing.T) {
	ops, err := Drive(t.Context(), load, on(memory.New()))
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(ops); err != nil {
		t.Error(err)
	}
	count, clients := map[Kind]int{}, map[string]int{}
	values := map[string]bool{}
	for _, o := range ops {
		count[o.Kind]++
		clients[o.Client]++
		if o.Kind == Set && values[o.Value] {
			t.Errorf("two operations set %q", o.Value)
		}
		values[o.Value] = o.Kind == Set || values[o.Value]
	}
	if len(ops) != load.Workers*load.Ops || len(clients) != load.Workers {
		t.Errorf("%d operations of %d clients, want %d of %d", len(ops), len(clients), load.Workers*load.Ops, load.Workers)
	}
	for _, kind := range []Kind{Get, Set, Delete} {
		if count[kind] < len(ops)/10 {
			t.Errorf("%d of %d operations are %s", count[kind], len(ops), kind)
		}
	}
}

// TestDriveRepeats: the same seed makes the same requests, another one others.
func TestDriveRepeats(t *testing.T) {
	requests := func(seed uint64, worker int) []Request {
		l := load
		l.Seed = seed
		return slices.Collect(l.requests(worker))
	}
	if !slices.Equal(requests(1, 0), requests(1, 0)) {
		t.Error("one seed makes different requests")
	}
	if slices.Equal(requests(1, 0), requests(2, 0)) || slices.Equal(requests(1, 0), requests(1, 1)) {
		t.Error("another seed or worker makes the same requests")
	}
}

// TestDriveUnknown lets writes land late or never, and some calls fail: the
// history says so and is still linearisable.
func TestDriveUnknown(t *testing.T) {
	f := storetest.NewFaults(memory.New())
	for n := 3; n < 120; n += 7 {
		f.Inject(storetest.VerbPut, n, storetest.LandLate())
		f.Inject(storetest.VerbDelete, n, storetest.FailAfter(store.ErrOutcomeUnknown))
		f.Inject(storetest.VerbGet, n, storetest.FailBefore(store.ErrCancelled))
	}
	var late sync.Mutex
	perform := on(f)
	ops, err := Drive(t.Context(), load, func(ctx context.Context, r Request) (Result, error) {
		late.Lock()
		if len(f.Waiting()) > 2 {
			_, _ = f.Land(ctx, 1), f.Lose(0)
		}
		late.Unlock()
		return perform(ctx, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(ops); err != nil {
		t.Error(err)
	}
	count := map[Outcome]int{}
	for _, o := range ops {
		count[o.Outcome]++
	}
	if count[Unknown] < 10 || count[Failed] < 10 {
		t.Errorf("outcomes %v, want some of each", count)
	}
}

func TestDriveStops(t *testing.T) {
	odd := errors.New("odd")
	_, err := Drive(t.Context(), load, func(context.Context, Request) (Result, error) { return Result{}, odd })
	if !errors.Is(err, odd) {
		t.Errorf("got %v, want the error of the worker", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Drive(ctx, load, on(memory.New())); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want cancelled", err)
	}
	_, err = Drive(t.Context(), load, func(context.Context, Request) (Result, error) { return Result{Outcome: "odd"}, nil })
	if err == nil {
		t.Error("an outcome that is none was taken")
	}
}

// bent is a store with one defect in one verb.
type bent struct {
	store.Store
	get func(context.Context, store.Key) (store.Item, error)
	put func(context.Context, store.Key, store.Item) (store.Revision, error)
	del func(context.Context, store.Key) error
}

func (b bent) Get(ctx context.Context, k store.Key) (store.Item, error) {
	if b.get == nil {
		return b.Store.Get(ctx, k)
	}
	return b.get(ctx, k)
}

func (b bent) Put(ctx context.Context, k store.Key, i store.Item, c store.Condition) (store.Revision, error) {
	if b.put == nil {
		return b.Store.Put(ctx, k, i, c)
	}
	return b.put(ctx, k, i)
}

func (b bent) Delete(ctx context.Context, k store.Key, c store.Condition) error {
	if b.del == nil {
		return b.Store.Delete(ctx, k, c)
	}
	return b.del(ctx, k)
}

// every returns a function that is true each n-th time.
func every(n int) func() bool {
	var mu sync.Mutex
	count := 0
	return func() bool {
		mu.Lock()
		defer mu.Unlock()
		count++
		return count%n == 0
	}
}

// staleReads answers every fifth Get from a cache that writes do not reach.
func staleReads(s store.Store) store.Store {
	var cache sync.Map
	stale := every(5)
	return bent{Store: s, get: func(ctx context.Context, k store.Key) (store.Item, error) {
		if old, ok := cache.Load(k); ok && stale() {
			return old.(store.Item), nil
		}
		i, err := s.Get(ctx, k)
		if err == nil {
			cache.Store(k, i)
		}
		return i, err
	}}
}

// lostUpdates acknowledges every fifth write of what is there and drops it.
func lostUpdates(s store.Store) store.Store {
	lose := every(5)
	return bent{Store: s, put: func(ctx context.Context, k store.Key, i store.Item) (store.Revision, error) {
		if old, err := s.Get(ctx, k); err == nil && lose() {
			return old.Revision, nil
		}
		return s.Put(ctx, k, i, store.Any())
	}}
}

// resurrections brings back what was deleted when nothing is found, as a
// backfill from an older place would.
func resurrections(s store.Store) store.Store {
	var older sync.Map
	return bent{Store: s,
		get: func(ctx context.Context, k store.Key) (store.Item, error) {
			i, err := s.Get(ctx, k)
			if old, ok := older.Load(k); ok && errors.Is(err, store.ErrNotFound) {
				_, err := s.Put(ctx, k, old.(store.Item), store.Any())
				return old.(store.Item), err
			}
			return i, err
		},
		del: func(ctx context.Context, k store.Key) error {
			if i, err := s.Get(ctx, k); err == nil {
				older.Store(k, i)
			}
			return s.Delete(ctx, k, store.Any())
		},
	}
}

// mixedKeys files every tenth write under another key.
func mixedKeys(s store.Store) store.Store {
	mix := every(10)
	return bent{Store: s, put: func(ctx context.Context, k store.Key, i store.Item) (store.Revision, error) {
		if mix() {
			k.Account = load.Keys[0]
		}
		return s.Put(ctx, k, i, store.Any())
	}}
}

// deniedDeletes says that nothing is there every third time something is.
func deniedDeletes(s store.Store) store.Store {
	deny := every(3)
	return bent{Store: s, del: func(ctx context.Context, k store.Key) error {
		if deny() {
			_ = s.Delete(ctx, k, store.Any())
			return &store.Error{Class: store.ErrNotFound}
		}
		return s.Delete(ctx, k, store.Any())
	}}
}

// TestSeededBugs: the history of a store with a defect is rejected. Whether one
// history shows the defect depends on how the machine runs the workers, so each
// store is driven until one does; a store without a defect is never rejected.
func TestSeededBugs(t *testing.T) {
	bugs := map[string]func(store.Store) store.Store{
		"stale reads": staleReads, "lost updates": lostUpdates, "resurrections": resurrections,
		"mixed keys": mixedKeys, "denied deletes": deniedDeletes,
	}
	const drives = 50
	for _, name := range slices.Sorted(maps.Keys(bugs)) {
		v, seed := firstViolation(t, drives, bugs[name])
		if v == nil {
			t.Errorf("%s: %d drives and no violation", name, drives)
			continue
		}
		t.Logf("%s, drive %d: %v", name, seed, v)
	}
	sound := func(s store.Store) store.Store { return s }
	if v, seed := firstViolation(t, drives, sound); v != nil {
		t.Errorf("a store without a defect, drive %d: %v", seed, v)
	}
}

// firstViolation drives a store with a defect until a history shows it.
func firstViolation(t *testing.T, drives uint64, defect func(store.Store) store.Store) (*Violation, uint64) {
	t.Helper()
	for seed := range drives {
		l := load
		l.Seed = seed
		ops, err := Drive(t.Context(), l, on(defect(memory.New())))
		if err != nil {
			t.Fatal(err)
		}
		var v *Violation
		if err := Check(ops); errors.As(err, &v) {
			return v, seed
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return nil, 0
}
