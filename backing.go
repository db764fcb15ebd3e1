package kinring

import (
	"context"
	"errors"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// Backing is a ring's shared store itself, past the engine's rules. It is for
// brokers, which lend it to programs that run an engine of their own; whoever
// writes through it has to keep records and markers as the engine does.
type Backing struct{ r *Ring }

// Backing returns the ring's shared store itself.
func (r *Ring) Backing() Backing { return Backing{r} }

// Open opens the shared store unless it is open, and returns what it is.
func (b Backing) Open(ctx context.Context) (store.Info, error) {
	opened, err := b.r.shared.open(ctx)
	if err != nil {
		return b.r.shared.Info(), err
	}
	return opened.Info(), nil
}

// Info describes the shared store. It does no I/O.
func (b Backing) Info() store.Info { return b.r.shared.Info() }

// Get is the store's Get.
func (b Backing) Get(ctx context.Context, key store.Key) (store.Item, error) {
	return b.r.shared.Get(ctx, key)
}

// Put is the store's Put. The ring's watchers are told.
func (b Backing) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	defer b.r.changes.tell(key)
	return b.r.shared.Put(ctx, key, item, cond)
}

// Delete is the store's Delete. The ring's watchers are told.
func (b Backing) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	defer b.r.changes.tell(key)
	return b.r.shared.Delete(ctx, key, cond)
}

// List is the store's List.
func (b Backing) List(ctx context.Context, service string) ([]store.Entry, error) {
	return b.r.shared.List(ctx, service)
}

// FingerprintKey is the store's FingerprintKey.
func (b Backing) FingerprintKey(ctx context.Context) ([]byte, error) {
	return b.r.shared.FingerprintKey(ctx)
}

// Hold takes the lease that an Update of the key takes, in this process or in
// another one.
func (b Backing) Hold(ctx context.Context, key store.Key) (coexist.Lease, error) {
	return leases{b.r.shared}.Hold(ctx, key)
}

// Lock closes the shared store, and forgets with it the key that opens it. The
// next operation opens it again, if it can.
func (b Backing) Lock() error { return b.r.shared.lock() }

// Locked reports whether the shared store is not open.
func (b Backing) Locked() bool { return !b.r.shared.isOpen() }

// ErrVanished is what the function of Backing.Update returns if the program for
// which it is done has gone without an answer.
var ErrVanished = errors.New("kinring: the program that holds the update has ended")

// Update is UpdateKey for a function that another program runs. If that program
// vanishes, the value may have been used up: the next Update is told that this
// one was interrupted.
func (b Backing) Update(ctx context.Context, key store.Key, f func(ctx context.Context, current Current) ([]byte, error)) (Value, error) {
	p := &proxy{}
	return b.r.UpdateKey(context.WithValue(ctx, proxyKey{}, p), key, func(ctx context.Context, c Current) ([]byte, error) {
		next, err := f(ctx, c)
		p.vanished = errors.Is(err, ErrVanished)
		return next, err
	})
}

// proxy is an Update that is done for another program.
type proxy struct{ vanished bool }

type proxyKey struct{}

// proxied returns the lease as a proxy's Update releases it.
func proxied(ctx context.Context, held coexist.Lease) coexist.Lease {
	if p, ok := ctx.Value(proxyKey{}).(*proxy); ok {
		return proxyLease{held, p}
	}
	return held
}

type proxyLease struct {
	coexist.Lease
	proxy *proxy
}

func (l proxyLease) Release() error {
	if l.proxy.vanished {
		return l.Leave()
	}
	return l.Lease.Release()
}
