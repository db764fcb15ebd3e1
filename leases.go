package kinring

import (
	"context"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/internal/lease"
	"github.com/kinring/kinring/store"
)

// leases hands out leases on the keys of the shared store.
type leases struct{ shared *sharedStore }

// lockDirer is implemented by stores that have a place of their own for locks.
type lockDirer interface{ LockDir() string }

// Hold takes the lease on a key for all programs that share the store.
func (l leases) Hold(ctx context.Context, key store.Key) (coexist.Lease, error) {
	opened, err := l.shared.open(ctx)
	switch {
	case beyond(err):
		return noLease{}, nil // whoever shares the store cannot be met from here
	case err != nil:
		return nil, err
	}
	if held, ok, err := brokered(ctx, opened, key); ok {
		if l.shared.brokerGone(opened, err) {
			return l.Hold(ctx, key)
		}
		return held, err
	}
	info := opened.Info()
	if !info.Capabilities.Persistent {
		held, err := l.shared.own.hold(ctx, key)
		if err != nil {
			return nil, err
		}
		return proxied(ctx, held), nil
	}
	dir := lease.DefaultDir()
	if d, ok := opened.(lockDirer); ok {
		dir = d.LockDir()
	}
	held, err := lease.Leases{Dir: dir, Store: info.Kind + " " + info.ID}.Hold(ctx, key)
	if err != nil {
		return nil, err
	}
	return proxied(ctx, held), nil
}

type noLease struct{}

func (noLease) Interrupted() bool { return false }
func (noLease) Begin() error      { return nil }
func (noLease) Release() error    { return nil }
func (noLease) Leave() error      { return nil }
