package broker

import (
	"context"
	"sync"
	"time"

	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// bounded bounds a call that waits for somebody else.
func (c *call) bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.ctx, c.s.Limits.Call)
}

func (c *call) now() time.Time { return time.Now() }

func (c *call) storeOpen() (any, error) {
	info, err := c.s.backing.Open(c.ctx)
	return wire.FromInfo(info), err
}

func (c *call) storeGet() (any, error) {
	var p wire.Key
	if err := c.read(&p); err != nil {
		return nil, err
	}
	item, err := c.s.backing.Get(c.ctx, p.Store())
	if err != nil {
		return nil, err
	}
	defer item.Value.Wipe()
	return wire.Item{Value: item.Value.Bytes(), Record: item.Record.String(), Revision: string(item.Revision)}, nil
}

func (c *call) storePut() (any, error) {
	var p wire.Put
	if err := c.read(&p); err != nil {
		return nil, err
	}
	if p.Value == nil {
		return nil, wire.Refuse(wire.CodeInvalidParams, "there is no value", "an empty one is the empty string")
	}
	defer p.Value.Wipe()
	cond, err := p.Condition.Store()
	if err != nil {
		return nil, err
	}
	item, err := wire.Item{Value: *p.Value, Record: p.Record}.Store()
	if err != nil {
		return nil, err
	}
	defer item.Value.Wipe()
	revision, err := c.s.backing.Put(c.ctx, p.Key.Store(), item, cond)
	return wire.Written{Revision: string(revision)}, err
}

func (c *call) storeDelete() (any, error) {
	var p wire.Remove
	if err := c.read(&p); err != nil {
		return nil, err
	}
	cond, err := p.Condition.Store()
	if err != nil {
		return nil, err
	}
	return nothing{}, c.s.backing.Delete(c.ctx, p.Key.Store(), cond)
}

func (c *call) storeList() (any, error) {
	var p wire.StoreList
	if err := c.read(&p); err != nil {
		return nil, err
	}
	entries, err := c.s.backing.List(c.ctx, p.Service)
	if err != nil {
		return nil, err
	}
	out := wire.Entries{Entries: make([]wire.Entry, 0, len(entries))}
	for _, e := range entries {
		out.Entries = append(out.Entries, wire.Entry{Key: wire.Key(e.Key), Record: e.Record.String(), Revision: string(e.Revision)})
	}
	return out, nil
}

func (c *call) storePrint() (any, error) {
	key, err := c.s.backing.FingerprintKey(c.ctx)
	return wire.Print{Key: key}, err
}

// leased is a lease that a client holds, until it gives it back or is gone.
type leased struct {
	lease coexist.Lease

	mu    sync.Mutex
	begun bool
	over  bool
}

// begin notes that the client's function runs. A lease that was given back
// meanwhile may be another one's by now.
func (l *leased) begin() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return errNoHolding
	}
	err := l.lease.Begin()
	l.begun = l.begun || err == nil
	return err
}

// end gives the lease back, once. If the client is gone and its function had begun,
// the next holder has to be told.
func (l *leased) end(leave, gone bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return nil
	}
	l.over = true
	if leave || gone && l.begun {
		return l.lease.Leave()
	}
	return l.lease.Release()
}

func (l *leased) release() { _ = l.end(false, true) } // nobody is there to be told

func (c *call) leaseHold() (any, error) {
	var p wire.Key
	if err := c.read(&p); err != nil {
		return nil, err
	}
	// The engine also takes leases on names that no store would hold, for turns of
	// its own: only their size is of interest.
	if len(p.Service)+len(p.Account) > 2*(store.MaxService+store.MaxAccount) {
		return nil, &store.Error{Class: store.ErrTooLarge, Op: "lease", Store: "broker", Detail: "the name of the lease is too long"}
	}
	ctx, cancel := c.bounded()
	defer cancel()
	lease, err := c.s.backing.Hold(ctx, p.Store())
	if err != nil {
		return nil, err
	}
	id, err := c.hold(&leased{lease: lease}, c.s.Limits.Inflight)
	if err != nil {
		_ = lease.Release() // the limit is what the client is told
		return nil, err
	}
	return wire.Lease{Lease: id, Interrupted: lease.Interrupted()}, nil
}

func (c *call) leaseBegin() (any, error) {
	var p wire.Lease
	if err := c.read(&p); err != nil {
		return nil, err
	}
	l, err := held[*leased](c.conn, p.Lease)
	if err != nil {
		return nil, err
	}
	return nothing{}, l.begin()
}

func (c *call) leaseEnd() (any, error) {
	var p wire.Lease
	if err := c.read(&p); err != nil {
		return nil, err
	}
	l, err := drop[*leased](c.conn, p.Lease)
	if err != nil {
		return nil, err
	}
	return nothing{}, l.end(p.Leave, false)
}
