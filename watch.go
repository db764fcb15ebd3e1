package kinring

import (
	"context"
	"errors"
	"iter"
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
	// Present reports whether the shared store holds a value now.
	Present  bool
	Revision Revision
	// Err says why the key could not be looked at; watching goes on.
	Err error
}

// Watch tells of changes of a key in the shared store: this ring's at once, other
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
		for ctx.Err() == nil {
			if now := r.glance(ctx, key); now.differs(last) && ctx.Err() == nil {
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

// glance reads how a key stands in the shared store, and nothing else.
func (r *Ring) glance(ctx context.Context, key store.Key) Event {
	ctx, cancel := r.budgeted(ctx)
	defer cancel()
	shared := r.shared
	if s, _ := r.standing(ctx); s != nil {
		shared = s.shared
	}
	item, err := shared.Get(ctx, key)
	if errors.Is(err, ErrNotFound) {
		return Event{Key: key}
	}
	if err != nil {
		return Event{Key: key, Err: err}
	}
	return Event{Key: key, Present: coexist.Holds(item), Revision: item.Revision}
}

func (e Event) differs(o Event) bool {
	return e.Revision != o.Revision || e.Present != o.Present || (e.Err == nil) != (o.Err == nil)
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
