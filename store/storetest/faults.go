package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/kinring/kinring/store"
)

// Call is one call that reached a Faults.
type Call struct {
	Verb    Verb
	Key     store.Key // of Get, Put and Delete
	Service string    // of List
	Cond    store.Condition
	Faulty  bool // a fault was in force
}

// Faults wraps a store, counts its calls and makes chosen ones go wrong. It
// takes no time and draws no lots: the same calls in the same order meet the
// same faults. All methods may be called from any number of goroutines.
type Faults struct {
	inner store.Store

	mu      sync.Mutex
	plan    []planned
	calls   []Call
	seen    map[Verb]int
	fired   int
	waiting []landing
}

type planned struct {
	verb  Verb
	n     int
	fault Fault
}

// landing is a write that waits for its moment.
type landing struct {
	call Call
	do   attempt
}

// NewFaults wraps a store. Without a call to Inject it only counts.
func NewFaults(inner store.Store) *Faults {
	return &Faults{inner: inner, seen: map[Verb]int{}}
}

// Inject makes the n-th call of the verb go wrong, counted from 1 since the
// Faults was made or reset. Where several faults meet in one call, one that is
// not sticky goes before one that is, then the one injected last.
func (f *Faults) Inject(verb Verb, n int, fault Fault) {
	if n < 1 || !fault.ok() {
		panic(fmt.Sprintf("storetest: call %d of %q with a fault that leaves the caller without an answer", n, verb))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan = append(f.plan, planned{verb, n, fault})
}

// InjectNext makes the next call of the verb go wrong.
func (f *Faults) InjectNext(verb Verb, fault Fault) { f.Inject(verb, f.Count(verb)+1, fault) }

// Reset forgets all faults, counts and calls. Writes that wait to land keep
// waiting.
func (f *Faults) Reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan, f.calls, f.fired = nil, nil, 0
	clear(f.seen)
}

// Count returns how many calls of the verb came, faulty or not.
func (f *Faults) Count(verb Verb) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[verb]
}

// Calls returns all calls in the order of arrival.
func (f *Faults) Calls() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Fired returns how many calls met a fault. A loop that breaks the first call,
// then the second and so on has seen them all when nothing fired.
func (f *Faults) Fired() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

// Waiting returns the writes that wait to land, in the order of arrival.
func (f *Faults) Waiting() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	var calls []Call
	for _, l := range f.waiting {
		calls = append(calls, l.call)
	}
	return calls
}

// Land lets the i-th waiting write through to the store and returns what the
// store said to it. Nobody else hears it.
func (f *Faults) Land(ctx context.Context, i int) error {
	l, err := f.take(i)
	if err != nil {
		return err
	}
	return l.do(ctx)
}

// Lose drops the i-th waiting write: it never lands.
func (f *Faults) Lose(i int) error {
	_, err := f.take(i)
	return err
}

func (f *Faults) take(i int) (landing, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if i < 0 || i >= len(f.waiting) {
		return landing{}, fmt.Errorf("storetest: no write %d among the %d that wait to land", i, len(f.waiting))
	}
	l := f.waiting[i]
	f.waiting = slices.Delete(f.waiting, i, i+1)
	return l, nil
}

// arrive counts a call and returns the fault that it meets, if any.
func (f *Faults) arrive(c Call) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[AnyVerb]++
	f.seen[c.Verb]++
	fault, faulty := f.pick(c.Verb)
	if faulty {
		f.fired++
	}
	c.Faulty = faulty
	f.calls = append(f.calls, c)
	return fault, faulty
}

func (f *Faults) pick(verb Verb) (fault Fault, found bool) {
	for _, p := range slices.Backward(f.plan) {
		if p.verb != verb && p.verb != AnyVerb {
			continue
		}
		now := f.seen[p.verb]
		switch {
		case p.n == now && !p.fault.Sticky:
			return p.fault, true
		case p.n <= now && p.fault.Sticky && !found:
			fault, found = p.fault, true
		}
	}
	return fault, found
}

// pass carries a call to the store, past the fault that it meets. do makes the
// call; keep, which only writes have, returns the same call for later, when the
// caller may have changed what it passed.
func (f *Faults) pass(ctx context.Context, c Call, do attempt, keep func() attempt) error {
	fault, faulty := f.arrive(c)
	if !faulty {
		return do(ctx)
	}
	err := f.suffer(ctx, c, fault, do, keep)
	return store.At(err, string(c.Verb), f.inner.Info().ID, c.Key)
}

// attempt makes one call of the wrapped store.
type attempt func(context.Context) error

func (f *Faults) suffer(ctx context.Context, c Call, fault Fault, do attempt, keep func() attempt) error {
	if fault.Before != nil {
		fault.Before()
	}
	var truth error
	unknown := false
	switch {
	case fault.Apply == ApplyNow:
		truth = do(ctx)
		unknown = c.Verb.writes() && truth == nil
	case fault.Apply == ApplyLate && c.Verb.writes():
		f.hold(c, keep())
		unknown = true
	}
	if fault.Hang {
		truth = awaitEnd(ctx, c.Verb)
		if unknown {
			truth = &store.Error{Class: store.ErrOutcomeUnknown, Detail: "injected by a test", Err: truth}
		}
	}
	if fault.Err != nil {
		return Failure(fault.Err)
	}
	return truth
}

func (f *Faults) hold(c Call, do attempt) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.Faulty = true
	f.waiting = append(f.waiting, landing{c, do})
}
