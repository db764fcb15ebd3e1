package broker

import (
	"context"
	"errors"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/broker/policy"
	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// update is an Update whose function a client runs, between update/begin and
// update/end.
type update struct {
	current chan wire.Current // the ring's function has begun
	end     chan ending       // the client has ended it
	done    chan outcome      // the ring's Update has returned
	stop    context.CancelFunc
}

// ending is how a client ended its part.
type ending struct {
	value []byte
	keep  bool
	err   error
}

type outcome struct {
	revision kinring.Revision
	err      error
}

// errGivenUp is the failure of a client's part that it told of.
var errGivenUp error = &store.Error{Class: store.ErrCancelled, Op: "update", Store: "broker", Detail: "the client gave the update up"}

// errNotEnded is told to a client whose update was over before it ended it. Its value
// was not written; what it was made from may have been used up.
var errNotEnded error = &store.Error{Class: store.ErrTimedOut, Op: "update", Store: "broker", Detail: "the update was not ended in time",
	Remedy: "begin another one, and write the value if it is still the right one"}

// release ends the update of a client that is gone.
func (u *update) release() {
	select {
	case u.end <- ending{err: kinring.ErrVanished}:
	default: // it had ended already
	}
	u.stop()
}

func (c *call) updateBegin() (any, error) {
	var p wire.KeyRef
	if err := c.read(&p); err != nil {
		return nil, err
	}
	key, err := c.keyOf(p, policy.Set)
	if err == nil {
		err = c.may(policy.Get, key, c.s.ring.Family().KeyName(key)) // the current value is handed out
	}
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(c.conn.ctx, c.s.Limits.Update)
	u := &update{current: make(chan wire.Current, 1), end: make(chan ending, 1), done: make(chan outcome, 1), stop: stop}
	c.handlers.Add(1)
	go u.run(ctx, c.conn, key)
	select {
	case current := <-u.current:
		current.Update, err = c.hold(u, c.s.Limits.Inflight)
		if err != nil {
			u.end <- ending{err: errGivenUp}
		}
		return current, err
	case o := <-u.done:
		return nil, o.err
	case <-c.ctx.Done():
		u.release()
		return nil, store.FromContext(c.ctx)
	}
}

// run is the ring's Update. Until the client answers, nobody else of the family
// updates the key.
func (u *update) run(ctx context.Context, c *conn, key store.Key) {
	defer c.handlers.Done()
	defer u.stop()
	v, err := c.s.backing.Update(ctx, key, func(ctx context.Context, now kinring.Current) ([]byte, error) {
		current := wire.Current{Found: now.Found, Interrupted: now.Interrupted}
		if now.Found {
			r := readingOf(now.Value)
			current.Reading = &r
		}
		u.current <- current
		select {
		case e := <-u.end:
			if e.keep {
				return nil, kinring.Keep
			}
			return e.value, e.err
		case <-ctx.Done():
			return nil, kinring.ErrVanished
		}
	})
	var unsaved *kinring.Unsaved
	if errors.As(err, &unsaved) {
		if again, retryErr := unsaved.Retry(context.WithoutCancel(ctx)); retryErr == nil {
			v.Revision, err = again.Revision, nil
		} else {
			_ = unsaved.Discard() // the client has the value, and is told
		}
	}
	if errors.Is(err, kinring.ErrVanished) {
		err = errNotEnded // to who comes to end it after all
	}
	u.done <- outcome{v.Revision, err}
}

func (c *call) updateEnd() (any, error) {
	var p wire.UpdateEnd
	if err := c.read(&p); err != nil {
		return nil, err
	}
	if p.Keep && p.Value != nil {
		return nil, wire.Refuse(wire.CodeInvalidParams, "both a value and keep are given", "give one of them")
	}
	u, err := drop[*update](c.conn, p.Update)
	if err != nil {
		return nil, err
	}
	e := ending{keep: p.Keep}
	switch {
	case p.Value != nil:
		defer p.Value.Wipe()
		e.value = *p.Value
	case !p.Keep:
		e.err = errGivenUp
	}
	u.end <- e
	o := <-u.done
	if e.err != nil && errors.Is(o.err, store.ErrCancelled) {
		o.err = nil // as the client wished
	}
	return wire.Written{Revision: string(o.revision)}, o.err
}
