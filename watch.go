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

// Watch tells of changes of a key in the shared store: this ring's at once, other
// programs' as soon as a store tells that is a store.Watcher, and within
// WatchInterval where none does. An older build's change is told within
// WatchInterval too, where its store tells of one without the value being read.
// The first event says how the key stands. The sequence ends with the context.
//
//	for event := range ring.Watch(ctx, "auth") { ... }
func (r *Ring) Watch(ctx context.Context, name string) iter.Seq[Event] {
	key, err := r.family.Key(name)
	if err != nil {
		return func(yield func(Event) bool) { yield(Event{Err: err}) }
	}
	return r.WatchKey(ctx, key)
}

// WatchKey is Watch for a key that is given by service and account.
func (r *Ring) WatchKey(ctx context.Context, key store.Key) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // ends the store's watch too
		own, stop := r.changes.listen(key)
		defer stop()
		var theirs <-chan struct{}
		older, stopOlder := r.watchOlder(key)
		defer stopOlder()
		last := Event{Revision: "none yet"}
		for ctx.Err() == nil {
			if now := older.glance(ctx, last); now.differs(last) && ctx.Err() == nil {
				if !yield(now) {
					return
				}
				last = now
			}
			if theirs == nil { // the first look has opened the store
				theirs = r.watchShared(ctx, key)
			}
			select {
			case <-ctx.Done():
			case <-own:
			case <-theirs:
			case <-older.tick:
			}
		}
	}
}

// watchShared returns a channel that receives whenever the key may have changed
// in the shared store: when the store says so, or every WatchInterval while it
// does not. A watch that ends is tried again after that time.
func (r *Ring) watchShared(ctx context.Context, key store.Key) <-chan struct{} {
	ch := make(chan struct{}, 1)
	wake := func() {
		select {
		case ch <- struct{}{}:
		default: // awake already, it will look
		}
	}
	go func() {
		for ctx.Err() == nil {
			// What ends it, the next look tells, and it is put in place with a call.
			_ = r.shared.Watch(ctx, func(changed store.Key) {
				if changed == key || changed == (store.Key{}) {
					wake()
				}
			})
			pause(ctx, WatchInterval)
			wake()
		}
	}()
	return ch
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// glance reads how a key stands in the shared store, and nothing else.
func (r *Ring) glance(ctx context.Context, key store.Key) Event {
	ctx, cancel := r.glancing(ctx)
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
