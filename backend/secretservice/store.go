package secretservice

import (
	"context"
	"errors"
	"fmt"

	"github.com/kinring/kinring/internal/fence"
	"github.com/kinring/kinring/internal/lease"
	"github.com/kinring/kinring/store"
)

// Kind is the name under which the package registers its driver.
const Kind = "secret-service"

func init() { store.Register(Driver(Options{})) }

// Driver opens the keyring of the options, whichever family asks.
func Driver(options Options) store.Driver { return driver{options} }

type driver struct{ options Options }

func (driver) Kind() string                     { return Kind }
func (driver) Capabilities() store.Capabilities { return capabilities() }

func (d driver) Open(ctx context.Context, _ store.Family) (store.Store, error) {
	return Open(ctx, d.options)
}

func capabilities() store.Capabilities {
	return store.Capabilities{Fenced: true, Records: true, Persistent: true, Events: true, Unlocks: true}
}

// keyring is the shared store.
type keyring struct {
	conn     *Conn
	provider string
	fences   fence.Fences
	warm     warm
}

// Open opens the shared store in the keyring. It makes nothing, not even a
// collection.
func Open(ctx context.Context, options Options) (store.Store, error) {
	s, err := open(ctx, options)
	if err != nil {
		return nil, store.At(err, "open", Kind, store.Key{})
	}
	return s, nil
}

func open(ctx context.Context, options Options) (*keyring, error) {
	conn, err := Connect(ctx, options)
	if err != nil {
		return nil, err
	}
	provider, err := conn.Provider(ctx)
	if err != nil {
		_ = conn.Close() // never fails
		return nil, err
	}
	dir := options.locks
	if dir == "" {
		dir = lease.DefaultDir()
	}
	return &keyring{conn: conn, provider: provider, fences: fence.Fences{Dir: dir, Store: Kind + " " + provider}}, nil
}

// Info names the keyring by its provider: another provider's keyring is another
// store, also if it answers to the same name on the bus.
func (s *keyring) Info() store.Info {
	return store.Info{Kind: Kind, ID: s.provider, Capabilities: capabilities()}
}

// LockDir is where programs that share the keyring keep the locks under which
// they replace a key.
func (s *keyring) LockDir() string { return s.fences.Dir }

// Close gives the connection back.
func (s *keyring) Close() error { return s.conn.Close() }

// mostMoves is how often a key may be written between its item being found and
// being read, far more than writers can write in that time.
const mostMoves = 100

// settled calls f until nothing moves while it looks.
func settled(f func() error) error {
	for range mostMoves {
		if err := f(); !errors.Is(err, errMoved) {
			return err
		}
	}
	return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrOutOfReach,
		Detail: "the keyring finds an item again and again and does not show it", Remedy: "restart the keyring"}
}

// Get returns one item.
func (s *keyring) Get(ctx context.Context, key store.Key) (store.Item, error) {
	item, err := s.get(ctx, key)
	return item, store.At(err, "get", Kind, key)
}

func (s *keyring) get(ctx context.Context, key store.Key) (store.Item, error) {
	if err := s.checkKey(key); err != nil {
		return store.Item{}, err
	}
	var out store.Item
	err := s.conn.with(ctx, func(p *peer) error {
		return settled(func() (err error) {
			out, err = view{s, p}.read(ctx, key)
			return err
		})
	})
	return out, err
}

// Put writes the item if the condition holds.
func (s *keyring) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	rev, err := s.put(ctx, key, item, cond)
	return rev, store.At(err, "put", Kind, key)
}

func (s *keyring) put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	if err := s.check(key, item); err != nil {
		return "", err
	}
	var out store.Revision
	err := s.fenced(ctx, key, func(v view, f *fence.Fence) (err error) {
		out, err = v.write(ctx, f, key, item, cond)
		return err
	})
	return out, err
}

// check refuses what could not be written, before the keyring is touched.
func (s *keyring) check(key store.Key, item store.Item) error {
	if err := s.checkKey(key); err != nil {
		return err
	}
	if err := store.CheckItem(item, capabilities()); err != nil {
		return err
	}
	if err := s.checkValue(item.Value); err != nil {
		return err
	}
	_, err := item.Record.Encode()
	return err
}

// Delete removes the item if the condition holds.
func (s *keyring) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	return store.At(s.delete(ctx, key, cond), "delete", Kind, key)
}

func (s *keyring) delete(ctx context.Context, key store.Key, cond store.Condition) error {
	if err := s.checkKey(key); err != nil {
		return err
	}
	if cond.IsAbsent() {
		return &store.Error{Class: store.ErrInvalid, Detail: "a delete cannot require absence", Remedy: "use any or match"}
	}
	return s.fenced(ctx, key, func(v view, f *fence.Fence) error {
		return settled(func() error { return v.delete(ctx, f, key, cond) })
	})
}

// fenced calls f with the key's fence held.
func (s *keyring) fenced(ctx context.Context, key store.Key, f func(view, *fence.Fence) error) error {
	if s.conn.closed.Load() {
		return closed()
	}
	if err := store.FromContext(ctx); err != nil {
		return err
	}
	s.warm.forget(key)
	held, err := s.fences.Hold(ctx, key)
	if err != nil {
		return err
	}
	err = s.conn.with(ctx, func(p *peer) error { return f(view{s, p}, held) })
	if e := held.Release(); e != nil && err == nil {
		err = &store.Error{Class: store.ErrOutcomeUnknown, Err: e, Detail: "the key's lock cannot be given back", Remedy: "read the key again"}
	}
	return err
}

func conflict(cond store.Condition) error {
	return &store.Error{Class: store.ErrConflict, Detail: fmt.Sprintf("the condition %s does not hold", cond),
		Remedy: "read the key again"}
}

// List names the items of a service, or all of them. A revision is that of the write,
// also where another program has changed the value in its place: a match on it is a
// conflict then.
func (s *keyring) List(ctx context.Context, service string) ([]store.Entry, error) {
	var out []store.Entry
	err := s.conn.with(ctx, func(p *peer) (err error) {
		v := view{s, p}
		out, err = v.list(ctx, service)
		return err
	})
	return out, store.At(err, "list", Kind, store.Key{})
}
