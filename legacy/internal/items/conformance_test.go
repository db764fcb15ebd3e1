package items

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// shelves numbers layouts whose items keep apart from each other in one keyring.
var shelves atomic.Int64

// shelf is a layout of its own, which keeps any key and any bytes.
func shelf() Layout {
	attributes := Attributes{"shelf": fmt.Sprint(shelves.Add(1)), "of": Service, "name": "a " + Account + " z"}
	return Layout{Kind: "shelf", Attributes: attributes, Label: Account, ContentType: "application/octet-stream",
		Searches: []Search{{Attributes: attributes}}, Home: Default}
}

// assigned is a source to which a profile assigns each service that the suite
// puts a key of: a source names the keys of those services only.
type assigned struct {
	*items
	mu       *sync.Mutex
	services map[string]bool
}

func openShelf(l Layout, services map[string]bool) store.Store {
	return assigned{newSource(l, store.SourceConfig{Name: "older"}), &sync.Mutex{}, services}
}

func (a assigned) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	if store.CheckKey(key) == nil {
		a.mu.Lock()
		a.services[key.Service] = true
		a.mu.Unlock()
	}
	return a.items.Put(ctx, key, item, cond)
}

func (a assigned) List(ctx context.Context, service string) ([]store.Entry, error) {
	a.mu.Lock()
	of := newSource(a.layout, store.SourceConfig{Name: "older", Services: slices.Collect(maps.Keys(a.services))})
	a.mu.Unlock()
	defer of.Close()
	if err := a.Usable(ctx); err != nil {
		return nil, err
	}
	return of.List(ctx, service)
}

func TestConformance(t *testing.T) {
	keyring := keyringtest.NewGNOME(t)
	keyring.Bus.Setenv(t)
	// What is started for a case has to outlive it: it serves the next ones.
	storetest.Run(t, storetest.Target{
		Open: func(testing.TB) store.Store { return openShelf(shelf(), map[string]bool{}) },
		Reopen: func(_ testing.TB, closed store.Store) store.Store {
			return openShelf(closed.(assigned).layout, closed.(assigned).services)
		},
		Hold: func(_ testing.TB, _ store.Store) (release func()) {
			return keyring.Freeze(t)
		},
		Troubles: []storetest.Trouble{
			{Name: "locked", Class: store.ErrLocked,
				Begin: func(_ testing.TB, s store.Store) store.Store { keyring.Lock(t); return s },
				End:   func(_ testing.TB, s store.Store) store.Store { keyring.Unlock(t); return s }},
			{Name: "locked after a restart", Class: store.ErrLocked,
				Begin: func(_ testing.TB, s store.Store) store.Store { keyring.RestartLocked(t); return s },
				End:   func(_ testing.TB, s store.Store) store.Store { keyring.Unlock(t); return s }},
			{Name: "not running", Class: store.ErrUnavailable,
				Begin: func(_ testing.TB, s store.Store) store.Store { keyring.Stop(t); return s },
				End:   func(_ testing.TB, s store.Store) store.Store { keyring.Restart(t); return s }},
		},
		Deviations: map[string]string{
			"I3/revisions": "the keyring keeps nothing that changes with each write, so that writing the same value again is the same revision again",
		},
	})
}

// vanishing removes the item that is there whenever a write of it is prepared.
type vanishing struct{ remove func() }

func (vanishing) Decode(secret []byte) ([]byte, error) { return secret, nil }

func (v vanishing) Encode(_ store.Key, value, before []byte) ([]byte, error) {
	if before != nil {
		v.remove()
	}
	return bytes.Clone(value), nil
}

// TestItemVanishes: an older build that removes the item while it is written to.
// A write under no condition makes another one; under a match it is a conflict.
func TestItemVanishes(t *testing.T) {
	keyringtest.NewGNOME(t).Bus.Setenv(t)
	l := shelf()
	older := newSource(l, store.SourceConfig{Name: "older"})
	defer older.Close()
	key := store.Key{Service: "s", Account: "a"}
	l.Codec = vanishing{func() {
		if err := older.Delete(t.Context(), key, store.Any()); err != nil {
			t.Error(err)
		}
	}}
	s := newSource(l, store.SourceConfig{Name: "older"})
	defer s.Close()
	put := func(value string, cond store.Condition) (store.Revision, error) {
		return s.Put(t.Context(), key, store.Item{Value: store.NewValue([]byte(value))}, cond)
	}
	if _, err := put("first", store.Absent()); err != nil {
		t.Fatal(err)
	}
	rev, err := put("second", store.Any())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := older.Get(t.Context(), key); err != nil || string(got.Value.Bytes()) != "second" {
		t.Errorf("get: %q, %v", got.Value.Bytes(), err)
	}
	if _, err := put("third", store.Match(rev)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("put under a match: %v", err)
	}
}
