// Package fifo runs operations on one key one after the other, in the order in
// which they came, and those on different keys at the same time.
package fifo

import (
	"context"
	"sync"

	"github.com/kinring/kinring/store"
)

// Queue is ready for use as its zero value.
type Queue struct {
	mu    sync.Mutex
	tails map[store.Key]chan struct{} // closed when the last operation of the key is done
}

// within marks a context as being inside the operation of a key in a queue.
type within struct {
	queue *Queue
	key   store.Key
}

// Do runs op when all operations on the key that came before are done, whatever
// became of them. It gives up waiting when the context ends; op has not run
// then. An operation that asks for its own key again is refused, because it
// would wait for itself.
func (q *Queue) Do(ctx context.Context, key store.Key, op func(context.Context) error) error {
	if ctx.Value(within{q, key}) != nil {
		return &store.Error{Class: store.ErrInvalid, Detail: "an operation on a key calls another one on the same key",
			Remedy: "call it after the first has returned"}
	}
	before, done := q.line(key)
	if before != nil {
		select {
		case <-before:
		case <-ctx.Done():
			go q.pass(key, before, done)
			return store.FromContext(ctx)
		}
	}
	defer q.leave(key, done)
	if err := store.FromContext(ctx); err != nil {
		return err
	}
	return op(context.WithValue(ctx, within{q, key}, true))
}

// line takes the next place. before is nil if nobody waits or works.
func (q *Queue) line(key store.Key) (before, done chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.tails == nil {
		q.tails = map[store.Key]chan struct{}{}
	}
	before, done = q.tails[key], make(chan struct{})
	q.tails[key] = done
	return before, done
}

// pass keeps the place of an operation that gave up, so that the one behind it
// does not overtake those before.
func (q *Queue) pass(key store.Key, before, done chan struct{}) {
	<-before
	q.leave(key, done)
}

func (q *Queue) leave(key store.Key, done chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.tails[key] == done {
		delete(q.tails, key)
	}
	close(done)
}
