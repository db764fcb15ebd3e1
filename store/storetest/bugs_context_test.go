package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/store"
)

// within wraps every call of a store: f makes it, in a context of its choice.
func within(f func(ctx context.Context, do func(context.Context) error) error) func(store.Store) bent {
	return func(s store.Store) bent {
		return bent{Store: s,
			get: func(ctx context.Context, k store.Key) (i store.Item, err error) {
				err = f(ctx, func(ctx context.Context) (err error) { i, err = s.Get(ctx, k); return err })
				return i, store.At(err, "get", "bent", k)
			},
			put: func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (rev store.Revision, err error) {
				err = f(ctx, func(ctx context.Context) (err error) { rev, err = s.Put(ctx, k, i, cond); return err })
				return rev, store.At(err, "put", "bent", k)
			},
			del: func(ctx context.Context, k store.Key, cond store.Condition) error {
				err := f(ctx, func(ctx context.Context) error { return s.Delete(ctx, k, cond) })
				return store.At(err, "delete", "bent", k)
			},
			list: func(ctx context.Context, service string) (e []store.Entry, err error) {
				err = f(ctx, func(ctx context.Context) (err error) { e, err = s.List(ctx, service); return err })
				return e, store.At(err, "list", "bent", store.Key{})
			},
		}
	}
}

// gate is a store that can be made to wait.
type gate struct {
	mu   sync.Mutex
	shut chan struct{} // closed when the gate opens; nil while it is open
}

func (g *gate) hold() (release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	shut := make(chan struct{})
	g.shut = shut
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		close(shut)
		g.shut = nil
	}
}

// pass waits until the gate is open, or the context ends.
func (g *gate) pass(ctx context.Context) error {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut == nil {
		return store.FromContext(ctx)
	}
	select {
	case <-shut:
		return store.FromContext(ctx)
	case <-ctx.Done():
		return store.FromContext(ctx)
	}
}

// patience is short, because a store here waits for nothing but its gate.
const patience = 200 * time.Millisecond

// gated is a target whose stores can be held. The bend decides how they wait.
func gated(wait func(g *gate, ctx context.Context) error) func(func(store.Store) store.Store) Target {
	return func(wrap func(store.Store) store.Store) Target {
		var g gate
		bend := within(func(ctx context.Context, do func(context.Context) error) error {
			if err := wait(&g, ctx); err != nil {
				return err
			}
			return do(ctx)
		})
		return Target{
			Open:     func(testing.TB) store.Store { return wrap(bend(memory.New())) },
			Hold:     func(testing.TB, store.Store) func() { return g.hold() },
			Patience: patience,
		}
	}
}

func plain(s store.Store) bent { return bent{Store: s} }

func TestHeldStore(t *testing.T) {
	Run(t, gated((*gate).pass)(sound))
}

var contextBugs = []bug{
	{name: "ignores the context", meant: []string{"I9/cancelled", "I9/expired"},
		bend: within(func(ctx context.Context, do func(context.Context) error) error { return do(context.WithoutCancel(ctx)) })},
	{name: "takes every end for a cancellation", meant: []string{"I9/expired"},
		bend: within(func(ctx context.Context, do func(context.Context) error) error {
			if ctx.Err() != nil {
				return &store.Error{Class: store.ErrCancelled}
			}
			return do(ctx)
		})},
	{name: "takes a cancellation for absence", meant: []string{"I9/cancelled"},
		bend: within(func(ctx context.Context, do func(context.Context) error) error {
			if ctx.Err() != nil {
				return &store.Error{Class: store.ErrNotFound}
			}
			return do(ctx)
		})},
	{name: "returns the bare context error", meant: []string{"I9/cancelled", "I9/expired"},
		bend: within(func(ctx context.Context, do func(context.Context) error) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return do(ctx)
		})},
	{name: "applies what was cancelled", meant: []string{"I9/cancelled", "I9/expired"},
		bend: within(func(ctx context.Context, do func(context.Context) error) error {
			if err := do(context.WithoutCancel(ctx)); err != nil {
				return err
			}
			return store.FromContext(ctx)
		})},
	{name: "applies what is cancelled on the way", meant: []string{"I9/cancelled-in-contention"},
		bend: within(func(ctx context.Context, do func(context.Context) error) error {
			if err := store.FromContext(ctx); err != nil {
				return err
			}
			if err := do(context.WithoutCancel(ctx)); err != nil {
				return err
			}
			interleave()
			return store.FromContext(ctx)
		})},
	{name: "waits for ever", meant: []string{"I9/expired-while-held"}, bend: plain,
		on: gated(func(g *gate, ctx context.Context) error { return g.pass(context.WithoutCancel(ctx)) })},
	{name: "calls a wait that was too long not found", meant: []string{"I9/expired-while-held"}, bend: plain,
		on: gated(func(g *gate, ctx context.Context) error {
			if err := g.pass(ctx); err != nil {
				return &store.Error{Class: store.ErrNotFound, Err: err}
			}
			return nil
		})},
}
