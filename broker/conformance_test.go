//go:build unix

package broker_test

import (
	"context"
	"os/exec"
	"sync"
	"testing"

	"github.com/kinring/kinring/broker"
	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// TestConformance (I1–I4, I8–I10): the vault behind a broker is a store like any
// other, for several processes too.
func TestConformance(t *testing.T) {
	brokers := map[store.Store]*running{}
	gates := map[store.Store]*gate{}
	var mu sync.Mutex
	start := func(t testing.TB, d store.Driver, socket string) store.Store {
		g := &gate{Driver: d}
		b := serveAt(t, socket, family, g, broker.Options{})
		s := b.open()
		mu.Lock()
		defer mu.Unlock()
		brokers[s], gates[s] = b, g
		return s
	}
	storetest.Run(t, storetest.Target{
		Open: func(t testing.TB) store.Store { return start(t, newVault(t), socketIn(t)) },
		Reopen: func(t testing.TB, closed store.Store) store.Store {
			b := brokers[closed]
			b.end() // what is kept is in the vault, not in the broker
			return start(t, gates[closed].Driver, b.socket)
		},
		Spawn: func(t testing.TB, s store.Store, env ...string) *exec.Cmd {
			return storetest.Reexec(t, append(env, workerSocket+"="+brokers[s].socket)...)
		},
		Hold: func(t testing.TB, s store.Store) func() { return gates[s].hold() },
		Troubles: []storetest.Trouble{{
			Name: "the broker is gone", Class: store.ErrUnavailable,
			Begin: func(t testing.TB, s store.Store) store.Store {
				brokers[s].end()
				return s
			},
			End: func(t testing.TB, s store.Store) store.Store {
				b := brokers[s]
				again := serveAt(t, b.socket, family, gates[s].Driver, broker.Options{})
				brokers[s] = again
				return s
			},
		}},
	})
}

// TestConformanceInMemory: a store of another kind is served as well.
func TestConformanceInMemory(t *testing.T) {
	storetest.Run(t, storetest.Target{
		Open: func(t testing.TB) store.Store { return serve(t, inMemory(), broker.Options{}).open() },
	})
}

// gate is a driver whose store can be made to wait.
type gate struct {
	store.Driver
	mu sync.RWMutex
	// shut, if it is not nil, lets nobody in until it is closed.
	shut chan struct{}
}

func (g *gate) hold() (release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = make(chan struct{})
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		close(g.shut)
		g.shut = nil
	}
}

func (g *gate) pass(ctx context.Context) error {
	g.mu.RLock()
	shut := g.shut
	g.mu.RUnlock()
	if shut == nil {
		return nil
	}
	select {
	case <-shut:
		return nil
	case <-ctx.Done():
		return store.FromContext(ctx)
	}
}

func (g *gate) Open(ctx context.Context, f store.Family) (store.Store, error) {
	s, err := g.Driver.Open(ctx, f)
	if err != nil {
		return nil, err
	}
	return gated{s, g}, nil
}

type gated struct {
	store.Store
	gate *gate
}

func (s gated) Get(ctx context.Context, key store.Key) (store.Item, error) {
	if err := s.gate.pass(ctx); err != nil {
		return store.Item{}, err
	}
	return s.Store.Get(ctx, key)
}

func (s gated) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	if err := s.gate.pass(ctx); err != nil {
		return "", err
	}
	return s.Store.Put(ctx, key, item, cond)
}

func (s gated) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	if err := s.gate.pass(ctx); err != nil {
		return err
	}
	return s.Store.Delete(ctx, key, cond)
}

func (s gated) List(ctx context.Context, service string) ([]store.Entry, error) {
	if err := s.gate.pass(ctx); err != nil {
		return nil, err
	}
	return s.Store.List(ctx, service)
}

func (s gated) LockDir() string { return s.Store.(interface{ LockDir() string }).LockDir() }

func (s gated) FingerprintKey(ctx context.Context) ([]byte, error) {
	return s.Store.(store.FingerprintKeyer).FingerprintKey(ctx)
}

var _ store.Store = (*client.Store)(nil)
