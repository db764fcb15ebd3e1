package kinring

import (
	"context"
	"sync"

	"github.com/kinring/kinring/store"
)

// ownLeases are the leases on the keys of a store that this process has alone. No
// other process can reach it but through this one as a broker, so they are kept here.
type ownLeases struct {
	mu   sync.Mutex
	held map[store.Key]*ownLease
	left map[store.Key]bool // a function has run whose result is not stored
}

type ownLease struct {
	all         *ownLeases
	key         store.Key
	interrupted bool
	begun       bool
	done        chan struct{} // closed when it is given back
}

// hold takes the lease, and waits for it as long as the context lives.
func (o *ownLeases) hold(ctx context.Context, key store.Key) (*ownLease, error) {
	for {
		mine, other := o.try(key)
		if mine != nil {
			return mine, nil
		}
		select {
		case <-other:
		case <-ctx.Done():
			return nil, store.FromContext(ctx)
		}
	}
}

// try takes the lease, or returns what tells of the end of the one that is held.
func (o *ownLeases) try(key store.Key) (mine *ownLease, other chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if l := o.held[key]; l != nil {
		return nil, l.done
	}
	if o.held == nil {
		o.held, o.left = map[store.Key]*ownLease{}, map[store.Key]bool{}
	}
	l := &ownLease{all: o, key: key, interrupted: o.left[key], done: make(chan struct{})}
	o.held[key] = l
	return l, nil
}

func (l *ownLease) Interrupted() bool { return l.interrupted }
func (l *ownLease) Release() error    { return l.giveBack(!l.begun && l.interrupted) }
func (l *ownLease) Leave() error      { return l.giveBack(true) }

func (l *ownLease) Begin() error {
	l.begun = true
	return nil
}

// giveBack ends the lease, with a note for the next holder or without.
func (l *ownLease) giveBack(note bool) error {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	if l.all.held[l.key] != l {
		return nil // it was given back before
	}
	delete(l.all.held, l.key)
	if l.all.left[l.key] = note; !note {
		delete(l.all.left, l.key)
	}
	close(l.done)
	return nil
}
