// Package memory is a store that lives and dies with its process. Tests use it,
// and so does whoever asks for a ring that leaves no trace. It honours the whole
// contract, so that it can stand in for any other store.
//
// Importing the package registers the kind "memory".
package memory

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/kinring/kinring/store"
)

// Kind is the name under which the package registers its driver.
const Kind = "memory"

func init() { store.Register(driver{}) }

// Capabilities says what every memory store promises.
func Capabilities() store.Capabilities {
	return store.Capabilities{AtomicAbsent: true, AtomicMatch: true, Records: true}
}

type driver struct{}

func (driver) Kind() string                     { return Kind }
func (driver) Capabilities() store.Capabilities { return Capabilities() }

func (driver) Open(ctx context.Context, _ store.Family) (store.Store, error) {
	if err := store.FromContext(ctx); err != nil {
		return nil, store.At(err, "open", Kind, store.Key{})
	}
	return New(), nil
}

// opened counts the stores of this process, to tell them apart.
var opened atomic.Uint64

// Store is a store in memory.
type Store struct {
	id string
	// turn admits one call at a time. It is a channel and not a mutex because
	// whoever waits for it must be able to give up.
	turn   chan struct{}
	items  map[store.Key]store.Item
	writes uint64 // counts writes and never goes back: the next revision
	closed bool
}

// New returns an empty store.
func New() *Store {
	return &Store{
		id:    Kind + "-" + strconv.FormatUint(opened.Add(1), 10),
		turn:  make(chan struct{}, 1),
		items: map[store.Key]store.Item{},
	}
}

// Info describes the store.
func (s *Store) Info() store.Info {
	return store.Info{Kind: Kind, ID: s.id, Capabilities: Capabilities()}
}

// enter waits for the caller's turn. Every call that returns nil is followed by
// leave.
func (s *Store) enter(ctx context.Context) error {
	if err := store.FromContext(ctx); err != nil {
		return err
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return store.FromContext(ctx)
	}
	if s.closed {
		s.leave()
		return &store.Error{Class: store.ErrUnavailable, Detail: "the store is closed", Remedy: "open it again"}
	}
	return nil
}

func (s *Store) leave() { <-s.turn }

// Get returns the item that the key names.
func (s *Store) Get(ctx context.Context, key store.Key) (store.Item, error) {
	item, err := s.get(ctx, key)
	return item, store.At(err, "get", s.id, key)
}

func (s *Store) get(ctx context.Context, key store.Key) (store.Item, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Item{}, err
	}
	if err := s.enter(ctx); err != nil {
		return store.Item{}, err
	}
	defer s.leave()
	item, ok := s.items[key]
	if !ok {
		return store.Item{}, &store.Error{Class: store.ErrNotFound}
	}
	return clone(item), nil
}

// Put writes the item if the condition holds.
func (s *Store) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	rev, err := s.put(ctx, key, item, cond)
	return rev, store.At(err, "put", s.id, key)
}

func (s *Store) put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	if err := check(key, item); err != nil {
		return "", err
	}
	item = clone(item)
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	defer s.leave()
	old, present := s.items[key]
	if !cond.Holds(present, old.Revision) {
		return "", conflict(cond)
	}
	s.writes++
	item.Revision = store.Revision(strconv.FormatUint(s.writes, 10))
	s.items[key] = item
	old.Value.Wipe()
	return item.Revision, nil
}

// Delete removes the item if the condition holds.
func (s *Store) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	return store.At(s.delete(ctx, key, cond), "delete", s.id, key)
}

func (s *Store) delete(ctx context.Context, key store.Key, cond store.Condition) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	if cond.IsAbsent() {
		return &store.Error{Class: store.ErrInvalid, Detail: "a delete cannot require absence", Remedy: "use any or match"}
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	old, present := s.items[key]
	switch {
	case !cond.Holds(present, old.Revision):
		return conflict(cond)
	case !present:
		return &store.Error{Class: store.ErrNotFound}
	}
	delete(s.items, key)
	old.Value.Wipe()
	return nil
}

// List names the items of a service, or all of them.
func (s *Store) List(ctx context.Context, service string) ([]store.Entry, error) {
	if err := s.enter(ctx); err != nil {
		return nil, store.At(err, "list", s.id, store.Key{})
	}
	defer s.leave()
	var entries []store.Entry
	for key, item := range s.items {
		if service == "" || service == key.Service {
			entries = append(entries, store.Entry{Key: key, Record: cloneRecord(item.Record), Revision: item.Revision})
		}
	}
	return entries, nil
}

// Close wipes and forgets everything. Closing twice is no error.
func (s *Store) Close() error {
	s.turn <- struct{}{}
	defer s.leave()
	for _, item := range s.items {
		item.Value.Wipe()
	}
	s.items, s.closed = nil, true
	return nil
}

// check refuses what no store could hold. A record that cannot be written as
// text is refused here too, although memory could keep it, because the stores
// that this one stands in for cannot.
func check(key store.Key, item store.Item) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	if err := store.CheckItem(item, Capabilities()); err != nil {
		return err
	}
	_, err := item.Record.Encode()
	return err
}

func conflict(cond store.Condition) error {
	return &store.Error{Class: store.ErrConflict, Detail: fmt.Sprintf("the condition %s does not hold", cond),
		Remedy: "read the key again"}
}

// clone makes a copy that shares nothing with its origin: a value that its
// owner wipes must stay whole in the store.
func clone(i store.Item) store.Item {
	c := store.Item{Record: cloneRecord(i.Record), Revision: i.Revision}
	i.Value.View(func(b []byte) { c.Value = store.NewValue(b) })
	return c
}

func cloneRecord(r store.Record) store.Record {
	r.Sources = slices.Clone(r.Sources)
	return r
}
