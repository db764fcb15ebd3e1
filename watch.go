package kinring

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// WatchInterval is how long another program's write may take to be seen where
// the store does not tell of changes.
const WatchInterval = 500 * time.Millisecond

// Event tells that a key changed. Several changes in quick succession may be
// told as one.
type Event struct {
	Key store.Key
	// Present reports whether the shared store holds a value now; of a key that the
	// profile does not share, whether an older build's store does.
	Present  bool
	Revision Revision
	// Sources are the legacy sources in which the key may have changed since the
	// event before.
	Sources []string
	// Err says why the key could not be looked at; watching goes on.
	Err error
}

// Watch tells of changes of a key in the shared store, and in those older builds'
// stores that tell without the value being read: this ring's at once, other
// programs' within WatchInterval. The first event says how the key stands. The
// sequence ends with the context.
//
//	for event := range ring.Watch(ctx, "auth") { ... }
func (r *Ring) Watch(ctx context.Context, name string) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		key, err := r.family.Key(name)
		if err != nil {
			yield(Event{Err: err})
			return
		}
		own, stop := r.changes.listen(key)
		defer stop()
		tick := time.NewTicker(WatchInterval)
		defer tick.Stop()
		last := Event{Revision: "none yet"}
		legacy := map[string]string{}
		for first := true; ctx.Err() == nil; first = false {
			moved := r.movedSources(ctx, key, legacy)
			if now := r.glance(ctx, key, last, moved); now.differs(last) && ctx.Err() == nil {
				if first {
					now.Sources = nil
				}
				if !yield(now) {
					return
				}
				last = now
			}
			select {
			case <-ctx.Done():
			case <-own:
			case <-tick.C:
			}
		}
	}
}

// glance reads how a key stands in the shared store. A key that is not shared is
// looked for in the legacy sources, when one of them moved.
func (r *Ring) glance(ctx context.Context, key store.Key, last Event, moved []string) Event {
	ctx, cancel := r.budgeted(silently(ctx))
	defer cancel()
	now := Event{Key: key, Sources: moved}
	if !r.family.Shared(key) {
		now.Present = last.Present
		if len(moved) > 0 {
			now.Present, now.Err = r.legacyNames(ctx, key)
		}
		return now
	}
	item, err := r.shared.Get(ctx, key)
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrAbsentByDesign):
	case err != nil:
		now.Err = err
	default:
		now.Present, now.Revision = coexist.Holds(item), item.Revision
	}
	return now
}

// movedSources returns the sources whose stamps are other ones than those that
// are noted, and notes them. One that cannot tell now is asked again.
func (r *Ring) movedSources(ctx context.Context, key store.Key, noted map[string]string) (moved []string) {
	ctx, cancel := r.budgeted(silently(ctx))
	defer cancel()
	for _, s := range r.sources {
		if s.Stamp == nil || !s.Serves(key) || r.InMemory(ctx) {
			continue
		}
		if stamp, err := s.Stamp(ctx, key); err == nil && stamp != noted[s.Name] {
			noted[s.Name] = stamp
			moved = append(moved, s.Name)
		}
	}
	return moved
}

// legacyNames reports whether a legacy source holds a key, without reading it.
func (r *Ring) legacyNames(ctx context.Context, key store.Key) (bool, error) {
	for _, s := range r.sources {
		if !s.Serves(key) {
			continue
		}
		entries, err := s.Store.List(ctx, key.Service)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(entries, func(e store.Entry) bool { return e.Key == key }) {
			return true, nil
		}
	}
	return false, nil
}

func (e Event) differs(o Event) bool {
	return e.Revision != o.Revision || e.Present != o.Present || (e.Err == nil) != (o.Err == nil) || len(e.Sources) > 0
}

// changes passes on which keys this ring wrote.
type changes struct {
	mu        sync.Mutex
	listeners map[chan struct{}]store.Key
}

func (c *changes) listen(key store.Key) (<-chan struct{}, func()) {
	ch := make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listeners == nil {
		c.listeners = map[chan struct{}]store.Key{}
	}
	c.listeners[ch] = key
	return ch, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.listeners, ch)
	}
}

// tell wakes the listeners of a key. One that is awake already is not waited
// for: it will look again.
func (c *changes) tell(key store.Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ch, k := range c.listeners {
		if k != key {
			continue
		}
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}
