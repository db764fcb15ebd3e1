package history

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
)

// Load is what Drive does to a store.
type Load struct {
	// Workers is how many clients work at the same time.
	Workers int
	// Ops is how many operations each of them performs.
	Ops int
	// Keys are the keys they share; the fewer, the more contention.
	Keys []string
	// Seed decides who does what in which order.
	Seed uint64
}

// Request is one operation to perform.
type Request struct {
	Worker int
	Kind   Kind
	Key    string
	Value  string // for Set; no other request has the same
}

// Result is what came of it.
type Result struct {
	Outcome Outcome
	Value   string // for Get
}

// Perform performs one operation, by a call or by a command. It is called by
// all workers at once. An error ends the drive: it is for what the test did not
// expect, not for an outcome.
type Perform func(ctx context.Context, r Request) (Result, error)

// Drive lets the workers perform their operations, each one after the other, all
// at the same time, and returns the history.
func Drive(ctx context.Context, load Load, perform Perform) ([]Op, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var log bytes.Buffer
	recorder := NewRecorder(&log, Monotonic())
	var all sync.WaitGroup
	start := make(chan struct{})
	for w := range load.Workers {
		all.Go(func() {
			<-start
			if err := load.work(ctx, w, recorder, perform); err != nil {
				cancel(err)
			}
		})
	}
	close(start)
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if err := recorder.Err(); err != nil {
		return nil, err
	}
	return Read(&log)
}

func (l Load) work(ctx context.Context, worker int, recorder *Recorder, perform Perform) error {
	for r := range l.requests(worker) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		end := recorder.Begin("worker "+strconv.Itoa(worker), r.Kind, r.Key, r.Value)
		result, err := perform(ctx, r)
		if err != nil {
			return fmt.Errorf("worker %d: %s %q: %w", worker, r.Kind, r.Key, err)
		}
		end(result.Outcome, result.Value)
	}
	return nil
}

// requests yields a worker's operations: half of them read, and two in three of
// the rest write.
func (l Load) requests(worker int) func(yield func(Request) bool) {
	return func(yield func(Request) bool) {
		random := rand.New(rand.NewPCG(l.Seed, uint64(worker)))
		for n := range l.Ops {
			r := Request{Worker: worker, Kind: Get, Key: l.Keys[random.IntN(len(l.Keys))]}
			switch random.IntN(6) {
			case 0, 1:
				r.Kind, r.Value = Set, fmt.Sprintf("value %d of worker %d", n, worker)
			case 2:
				r.Kind = Delete
			}
			if !yield(r) {
				return
			}
		}
	}
}
