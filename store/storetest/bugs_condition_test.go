package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/kinring/kinring/store"
)

type putFunc func(context.Context, store.Key, store.Item, store.Condition) (store.Revision, error)

func putBug(put func(store.Store) putFunc) func(store.Store) bent {
	return func(s store.Store) bent { return bent{Store: s, put: put(s)} }
}

type deleteFunc func(context.Context, store.Key, store.Condition) error

func deleteBug(del func(store.Store) deleteFunc) func(store.Store) bent {
	return func(s store.Store) bent { return bent{Store: s, del: del(s)} }
}

var conditionBugs = []bug{
	{name: "put ignores absent", meant: []string{"I3/put-conditions", "I3/absent-goroutines"}, bend: putBug(func(s store.Store) putFunc {
		return func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			if cond.IsAbsent() {
				cond = store.Any()
			}
			return s.Put(ctx, k, i, cond)
		}
	})},
	{name: "put ignores match", meant: []string{"I3/put-conditions", "I3/counter-goroutines"}, bend: putBug(func(s store.Store) putFunc {
		return func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			if _, match := cond.Revision(); match {
				cond = store.Any()
			}
			return s.Put(ctx, k, i, cond)
		}
	})},
	{name: "put takes the empty revision for any", meant: []string{"I3/put-conditions"}, bend: putBug(func(s store.Store) putFunc {
		return func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			if rev, match := cond.Revision(); match && rev == "" {
				cond = store.Any()
			}
			return s.Put(ctx, k, i, cond)
		}
	})},
	{name: "put takes a marker for absence", meant: []string{"I3/put-conditions"}, bend: putBug(func(s store.Store) putFunc {
		return func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			if old, err := s.Get(ctx, k); err == nil && cond.IsAbsent() && old.Record.Kind == store.KindMarker {
				cond = store.Any()
			}
			return s.Put(ctx, k, i, cond)
		}
	})},
	{name: "put writes in spite of a conflict", meant: []string{"I3/put-conditions"}, bend: putBug(func(s store.Store) putFunc {
		return func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			rev, err := s.Put(ctx, k, i, cond)
			if errors.Is(err, store.ErrConflict) {
				_, _ = s.Put(ctx, k, i, store.Any())
			}
			return rev, err
		}
	})},
	{name: "delete ignores match", meant: []string{"I3/delete-conditions", "I3/delete-goroutines"}, bend: deleteBug(func(s store.Store) deleteFunc {
		return func(ctx context.Context, k store.Key, cond store.Condition) error {
			if _, match := cond.Revision(); match {
				cond = store.Any()
			}
			return s.Delete(ctx, k, cond)
		}
	})},
	{name: "delete under match of nothing is not found", meant: []string{"I3/delete-conditions"}, bend: deleteBug(func(s store.Store) deleteFunc {
		return func(ctx context.Context, k store.Key, cond store.Condition) error {
			if _, err := s.Get(ctx, k); err != nil {
				return err
			}
			return s.Delete(ctx, k, cond)
		}
	})},
	{name: "delete takes absent for any", meant: []string{"I3/delete-conditions"}, bend: deleteBug(func(s store.Store) deleteFunc {
		return func(ctx context.Context, k store.Key, cond store.Condition) error {
			if cond.IsAbsent() {
				cond = store.Any()
			}
			return s.Delete(ctx, k, cond)
		}
	})},
}

// revisionBug replaces the revisions of a sound store. It keeps its own for each
// key and asks next for a new one; nothing else is wrong.
func revisionBug(next func(k store.Key, v []byte) store.Revision) func(store.Store) bent {
	return func(s store.Store) bent {
		var mu sync.Mutex
		shown := map[store.Key]store.Revision{}
		return bent{Store: s,
			get: func(ctx context.Context, k store.Key) (store.Item, error) {
				mu.Lock()
				defer mu.Unlock()
				i, err := s.Get(ctx, k)
				i.Revision = shown[k]
				return i, err
			},
			put: func(ctx context.Context, k store.Key, i store.Item, _ store.Condition) (store.Revision, error) {
				mu.Lock()
				defer mu.Unlock()
				_, err := s.Put(ctx, k, i, store.Any())
				shown[k] = next(k, i.Value.Bytes())
				return shown[k], err
			},
			list: func(ctx context.Context, service string) ([]store.Entry, error) {
				mu.Lock()
				defer mu.Unlock()
				entries, err := s.List(ctx, service)
				for i := range entries {
					entries[i].Revision = shown[entries[i].Key]
				}
				return entries, err
			},
		}
	}
}

var revisionBugs = []bug{
	{name: "issues revisions again after a delete", meant: []string{"I3/revisions"}, bend: func(s store.Store) bent {
		count := map[store.Key]int{}
		b := revisionBug(func(k store.Key, _ []byte) store.Revision {
			count[k]++
			return store.Revision(strconv.Itoa(count[k]))
		})(s)
		b.del = func(ctx context.Context, k store.Key, cond store.Condition) error {
			delete(count, k)
			return s.Delete(ctx, k, cond)
		}
		return b
	}},
	{name: "takes a digest for the revision", meant: []string{"I3/revisions"}, bend: revisionBug(func(_ store.Key, v []byte) store.Revision {
		sum := sha256.Sum256(v)
		return store.Revision(hex.EncodeToString(sum[:]))
	})},
	{name: "issues no revision", meant: []string{"I3/revisions"}, bend: revisionBug(func(store.Key, []byte) store.Revision { return "" })},
	{name: "tells another revision than it keeps", meant: []string{"I3/revisions"}, bend: putBug(func(s store.Store) putFunc {
		return func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			rev, err := s.Put(ctx, k, i, cond)
			return rev + "0", err
		}
	})},
}

// interleave lets the other callers go first.
func interleave() {
	for range 20 {
		runtime.Gosched()
	}
}

// crossing is a point that callers leave in pairs where there is a second one.
type crossing struct{ came atomic.Int64 }

// wait waits for another caller, for a while that is counted and not timed.
func (c *crossing) wait() {
	n := c.came.Add(1)
	for range 500 {
		if c.came.Load() != n {
			return
		}
		runtime.Gosched()
	}
}

// checkThenPut judges the condition in one step and writes in another.
func checkThenPut(s store.Store, when func(store.Condition) bool) putFunc {
	var c crossing
	return func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
		if !when(cond) {
			return s.Put(ctx, k, i, cond)
		}
		old, err := s.Get(ctx, k)
		if !cond.Holds(err == nil, old.Revision) {
			return "", &store.Error{Class: store.ErrConflict}
		}
		c.wait()
		return s.Put(ctx, k, i, store.Any())
	}
}

func checkThenDelete(s store.Store) deleteFunc {
	var c crossing
	return func(ctx context.Context, k store.Key, cond store.Condition) error {
		old, err := s.Get(ctx, k)
		if !cond.Holds(err == nil, old.Revision) {
			return &store.Error{Class: store.ErrConflict}
		}
		c.wait()
		return s.Delete(ctx, k, store.Any())
	}
}

func isMatch(c store.Condition) bool { _, match := c.Revision(); return match }

var atomicityBugs = []bug{
	{name: "put under absent in two steps", meant: []string{"I3/absent-goroutines"},
		bend: putBug(func(s store.Store) putFunc { return checkThenPut(s, store.Condition.IsAbsent) })},
	{name: "put under match in two steps", meant: []string{"I3/match-goroutines", "I3/counter-goroutines"},
		bend: putBug(func(s store.Store) putFunc { return checkThenPut(s, isMatch) })},
	{name: "delete under match in two steps", meant: []string{"I3/delete-goroutines"}, bend: deleteBug(checkThenDelete)},
	{name: "writes the record after the value", meant: []string{"duty/concurrent"}, bend: putBug(func(s store.Store) putFunc {
		return func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			rev, err := s.Put(ctx, k, store.Item{Value: i.Value}, cond)
			if err != nil {
				return "", err
			}
			interleave()
			return s.Put(ctx, k, i, store.Match(rev))
		}
	})},
	{name: "mixes keys up when it is busy", meant: []string{"duty/concurrent"}, bend: putBug(func(s store.Store) putFunc {
		var last sync.Map
		return func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			last.Store("key", k)
			interleave()
			at, _ := last.Load("key")
			return s.Put(ctx, at.(store.Key), i, cond)
		}
	})},
}
