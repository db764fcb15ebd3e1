package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/store"
)

// lockable is a target whose stores can be locked: then calls that need the
// value fail with err.
func lockable(err error) func(func(store.Store) store.Store) Target {
	return func(wrap func(store.Store) store.Store) Target {
		var locked atomic.Bool
		bend := within(func(ctx context.Context, do func(context.Context) error) error {
			if locked.Load() {
				return store.At(err, "use", "lockable", store.Key{})
			}
			return do(ctx)
		})
		turn := func(to bool) func(testing.TB, store.Store) store.Store {
			return func(_ testing.TB, s store.Store) store.Store {
				locked.Store(to)
				return s
			}
		}
		return Target{
			Open:     func(testing.TB) store.Store { return wrap(bend(memory.New())) },
			Troubles: []Trouble{{Name: "a locked store", Class: store.ErrLocked, Begin: turn(true), End: turn(false)}},
		}
	}
}

var errLocked = &store.Error{Class: store.ErrLocked}

func TestLockableStore(t *testing.T) {
	Run(t, lockable(errLocked)(sound))
}

// reborn is a target whose stores are opened again by handing the items to the
// next; back may spoil them on the way.
func reborn(back func(from, to *memory.Store)) func(func(store.Store) store.Store) Target {
	return func(wrap func(store.Store) store.Store) Target {
		under := map[store.Store]*memory.Store{}
		open := func() store.Store {
			m := memory.New()
			s := wrap(&keeper{m})
			under[s] = m
			return s
		}
		return Target{
			Open: func(testing.TB) store.Store { return open() },
			Reopen: func(t testing.TB, closed store.Store) store.Store {
				s := open()
				back(under[closed], under[s])
				return s
			},
		}
	}
}

// keeper keeps its items when it is closed, as a file would.
type keeper struct{ store.Store }

func (k *keeper) Info() store.Info {
	i := k.Store.Info()
	i.ID = "keeper"
	return i
}

func (k *keeper) Close() error { return nil }

var lifeBugs = []bug{
	{name: "calls a locked store empty", meant: []string{"I4/trouble"}, bend: plain,
		on: lockable(&store.Error{Class: store.ErrNotFound})},
	{name: "calls a locked store denied", meant: []string{"I4/trouble"}, bend: plain,
		on: lockable(&store.Error{Class: store.ErrDenied})},
	{name: "lists less while it is locked", meant: []string{"I4/trouble"}, on: lockable(errLocked), bend: func(s store.Store) bent {
		return bent{Store: s, list: func(ctx context.Context, service string) ([]store.Entry, error) {
			e, err := s.List(ctx, service)
			return e, except(err, store.ErrLocked)
		}}
	}},
	{name: "loses values when it is closed", meant: []string{"I1/reopen"}, bend: plain,
		on: reborn(func(*memory.Store, *memory.Store) {})},
	{name: "issues revisions again when it is reopened", meant: []string{"I1/reopen"}, bend: plain,
		on: reborn(func(from, to *memory.Store) {
			entries, _ := from.List(context.Background(), "")
			for _, e := range entries {
				i, _ := from.Get(context.Background(), e.Key)
				_, _ = to.Put(context.Background(), e.Key, i, store.Any())
			}
		})},
	{name: "works after close", meant: []string{"duty/closed"}, bend: func(s store.Store) bent {
		return bent{Store: s, shut: func() error { return nil }}
	}},
	{name: "calls a closed store empty", meant: []string{"duty/closed"},
		bend: within(func(ctx context.Context, do func(context.Context) error) error {
			err := do(ctx)
			if errors.Is(err, store.ErrUnavailable) {
				return &store.Error{Class: store.ErrNotFound}
			}
			return err
		})},
	{name: "describes itself anew each time", meant: []string{"duty/info"}, bend: func(s store.Store) bent {
		var n atomic.Int64
		return bent{Store: s, info: func() store.Info {
			i := s.Info()
			i.ID += strconv.FormatInt(n.Add(1), 10)
			return i
		}}
	}},
	{name: "has no name", meant: []string{"duty/info"}, bend: func(s store.Store) bent {
		return bent{Store: s, info: func() store.Info { i := s.Info(); i.Kind = ""; return i }}
	}},
}

// errorBug changes each error, knowing the key and the value of the call.
func errorBug(change func(err error, k store.Key, v []byte) error) func(store.Store) bent {
	return func(s store.Store) bent {
		via := func(err error, k store.Key, v []byte) error {
			if err == nil {
				return nil
			}
			return change(err, k, v)
		}
		return bent{Store: s,
			get: func(ctx context.Context, k store.Key) (store.Item, error) {
				i, err := s.Get(ctx, k)
				return i, via(err, k, nil)
			},
			put: func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
				rev, err := s.Put(ctx, k, i, cond)
				return rev, via(err, k, i.Value.Bytes())
			},
			del: func(ctx context.Context, k store.Key, cond store.Condition) error {
				return via(s.Delete(ctx, k, cond), k, nil)
			},
		}
	}
}

var errorBugs = []bug{
	{name: "shows the value in an error", meant: []string{"I8/errors"}, bend: errorBug(func(err error, _ store.Key, v []byte) error {
		return &store.Error{Class: store.ClassOf(err), Detail: fmt.Sprintf("could not take %q", v), Err: err}
	})},
	{name: "shows the value as numbers", meant: []string{"I8/errors"}, bend: errorBug(func(err error, _ store.Key, v []byte) error {
		return &store.Error{Class: store.ClassOf(err), Err: fmt.Errorf("write of %v failed", v)}
	})},
	{name: "hides the value deep in an error", meant: []string{"I8/errors"}, bend: errorBug(func(err error, _ store.Key, v []byte) error {
		return &store.Error{Class: store.ClassOf(err), Err: &quiet{errors.New(string(v))}}
	})},
	{name: "shows the account in an error", meant: []string{"I8/errors"}, bend: errorBug(func(err error, k store.Key, _ []byte) error {
		return &store.Error{Class: store.ClassOf(err), Key: k.Account}
	})},
	{name: "returns bare classes", meant: []string{"duty/errors"}, bend: errorBug(func(err error, _ store.Key, _ []byte) error {
		return store.ClassOf(err)
	})},
	{name: "does not name the place", meant: []string{"duty/errors"}, bend: errorBug(func(err error, _ store.Key, _ []byte) error {
		return &store.Error{Class: store.ClassOf(err)}
	})},
	{name: "returns two classes", meant: []string{"duty/errors"}, bend: errorBug(func(err error, _ store.Key, _ []byte) error {
		return errors.Join(err, store.ErrLocked)
	})},
}

// quiet says nothing of its cause.
type quiet struct{ cause error }

func (q *quiet) Error() string { return "failed" }
func (q *quiet) Unwrap() error { return q.cause }
