package storetest

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/kinring/kinring/store"
)

func contextCancelled(p *trial) {
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	p.ended(ctx, store.ErrCancelled)
}

func contextExpired(p *trial) {
	ctx, cancel := context.WithDeadline(p.ctx, time.Unix(1, 0))
	defer cancel()
	p.ended(ctx, store.ErrTimedOut)
}

// ended calls every verb in a context that has ended: each says so and does
// nothing.
func (p *trial) ended(ctx context.Context, class *store.Class) {
	there := p.existing()
	missing := store.Key{Service: there.Service, Account: "never written"}
	before, listed := p.state(there), len(p.list(""))
	for _, k := range []store.Key{there, missing} {
		for _, c := range p.calls("too late") {
			p.wantClass(c.make(ctx, k), string(c.verb)+" in a context that has ended", p.allow(c.verb, class)...)
		}
	}
	p.wantState(there, "calls in a context that has ended", before)
	p.wantAbsent(missing)
	if got := len(p.list("")); got != listed {
		p.Errorf("%d items are listed, %d before calls in a context that has ended", got, listed)
	}
}

// outcome is what a write that was given up has told its caller.
type outcome struct {
	key store.Key
	err error
}

// cancelledInContention gives writes up while others keep the store busy, and
// then holds each to its word.
func cancelledInContention(p *trial) {
	const writers, each = 6, 12
	outcomes := make(chan outcome, writers*each)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := range each {
				k := key("given up " + strconv.Itoa(w) + " " + strconv.Itoa(n))
				outcomes <- outcome{k, p.givenUp(k, n)}
			}
		})
	}
	all.Wait()
	close(outcomes)
	for o := range outcomes {
		p.keptItsWord(o)
	}
}

// givenUp puts under a context that is cancelled while the call is on its way,
// later for larger n.
func (p *trial) givenUp(k store.Key, n int) error {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	go func() {
		for range n * n {
			runtime.Gosched()
		}
		cancel()
	}()
	_, err := p.s.Put(ctx, k, value("given up"), store.Any())
	return err
}

// keptItsWord sees that a write which surely did not happen did not, and that
// one which did is there. One whose outcome is unknown may be either.
func (p *trial) keptItsWord(o outcome) {
	switch {
	case o.err == nil:
		p.wantValue(o.key, []byte("given up"))
	case errors.Is(o.err, store.ErrCancelled):
		p.wantAbsent(o.key)
	default:
		p.wantClass(o.err, "a put that was given up", store.ErrCancelled, store.ErrOutcomeUnknown)
	}
}

// waiting is how long a call may wait for a store that is held. It is only long
// enough for the call to begin to wait.
const waiting = 20 * time.Millisecond

// expiredWhileHeld lets the time of every verb run out while the store makes it
// wait. No call may outlive its context.
func expiredWhileHeld(p *trial) {
	there := p.existing()
	for _, c := range p.calls("given up while held") {
		before := p.state(there)
		release := p.target.Hold(p, p.s)
		err, returned := p.runOut(c, there)
		release()
		if !returned {
			p.Fatalf("%s went on after its context had ended", c.verb)
		}
		if err == nil && !c.verb.writes() {
			continue // a read need not wait for a writer
		}
		p.wantClass(err, string(c.verb)+" given up while held", store.ErrTimedOut, store.ErrOutcomeUnknown)
		if errors.Is(err, store.ErrTimedOut) {
			p.wantState(there, string(c.verb)+" given up while held", before)
		}
	}
}

// runOut makes a call whose time runs out and waits for its end as long as the
// target's patience lasts.
func (p *trial) runOut(c call, k store.Key) (err error, returned bool) {
	ctx, cancel := context.WithTimeout(p.ctx, waiting)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.make(ctx, k) }()
	watchdog := time.NewTimer(p.target.patience())
	defer watchdog.Stop()
	select {
	case err := <-done:
		return err, true
	case <-watchdog.C:
		return nil, false
	}
}
