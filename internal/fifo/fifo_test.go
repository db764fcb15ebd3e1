package fifo

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/kinring/kinring/store"
)

var key = store.Key{Service: "s", Account: "a"}

// enqueue starts an operation and returns once it holds its place, so that a
// test decides the order.
func enqueue(q *Queue, ctx context.Context, key store.Key, op func(context.Context) error) chan error {
	q.mu.Lock()
	before := q.tails[key]
	q.mu.Unlock()
	result := make(chan error, 1)
	go func() { result <- q.Do(ctx, key, op) }()
	for {
		q.mu.Lock()
		now := q.tails[key]
		q.mu.Unlock()
		if now != before {
			return result
		}
	}
}

func TestOrderAndFailure(t *testing.T) {
	var q Queue
	release := make(chan struct{})
	var order []int
	var results []chan error
	results = append(results, enqueue(&q, t.Context(), key, func(context.Context) error {
		<-release
		order = append(order, 0)
		return errors.New("failed")
	}))
	for i := 1; i < 20; i++ {
		results = append(results, enqueue(&q, t.Context(), key, func(context.Context) error {
			order = append(order, i)
			return nil
		}))
	}
	close(release)
	for i, r := range results {
		if err := <-r; (err != nil) != (i == 0) {
			t.Errorf("operation %d: %v", i, err)
		}
	}
	if !slices.IsSorted(order) || len(order) != 20 {
		t.Errorf("order %v", order)
	}
	if !q.Idle() {
		t.Error("an idle queue keeps an entry: memory leaks")
	}
}

func TestOtherKeysDoNotWait(t *testing.T) {
	var q Queue
	release := make(chan struct{})
	first := enqueue(&q, t.Context(), key, func(context.Context) error { <-release; return nil })
	other := store.Key{Service: "s", Account: "b"}
	if err := q.Do(t.Context(), other, func(context.Context) error { return nil }); err != nil {
		t.Error(err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// TestGivingUpKeepsOrder: an operation that gives up must not let the one behind
// it run beside the one before.
func TestGivingUpKeepsOrder(t *testing.T) {
	var q Queue
	release := make(chan struct{})
	running := sync.Mutex{}
	work := func(context.Context) error {
		if !running.TryLock() {
			t.Error("two operations on one key at once")
		}
		<-release
		running.Unlock()
		return nil
	}
	first := enqueue(&q, t.Context(), key, work)
	ctx, cancel := context.WithCancel(t.Context())
	second := enqueue(&q, ctx, key, func(context.Context) error { t.Error("ran after giving up"); return nil })
	third := enqueue(&q, t.Context(), key, work)
	cancel()
	if err := <-second; !errors.Is(err, store.ErrCancelled) {
		t.Errorf("got %v, want cancelled", err)
	}
	close(release)
	if err := errors.Join(<-first, <-third); err != nil {
		t.Error(err)
	}
}

func TestReentryIsRefused(t *testing.T) {
	var q Queue
	err := q.Do(t.Context(), key, func(ctx context.Context) error {
		return q.Do(ctx, key, func(context.Context) error { return nil })
	})
	if !errors.Is(err, store.ErrInvalid) {
		t.Errorf("got %v, want invalid", err)
	}
}

// TestEachQueueForItself: an operation on a key may need another queue, which has
// the same key for something else.
func TestEachQueueForItself(t *testing.T) {
	var outer, inner Queue
	ran := false
	err := outer.Do(t.Context(), store.Key{}, func(ctx context.Context) error {
		return inner.Do(ctx, store.Key{}, func(context.Context) error { ran = true; return nil })
	})
	if err != nil || !ran {
		t.Errorf("ran %v, %v", ran, err)
	}
}

func TestDeadContextDoesNotRun(t *testing.T) {
	var q Queue
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := q.Do(ctx, key, func(context.Context) error { t.Error("ran"); return nil })
	if !errors.Is(err, store.ErrCancelled) {
		t.Errorf("got %v, want cancelled", err)
	}
}
