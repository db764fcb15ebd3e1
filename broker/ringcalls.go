package broker

import (
	"context"
	"errors"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/broker/policy"
	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

func (c *call) get() (any, error) {
	var p wire.KeyRef
	if err := c.read(&p); err != nil {
		return nil, err
	}
	key, err := c.keyOf(p, policy.Get)
	if err != nil {
		return nil, err
	}
	v, err := c.s.ring.GetKey(c.ctx, key)
	if err != nil {
		return nil, err
	}
	return readingOf(v), nil
}

func readingOf(v kinring.Value) wire.Reading {
	defer v.Wipe()
	return wire.Reading{Value: v.Bytes(), Provenance: string(v.Provenance), Source: v.Source,
		Revision: string(v.Revision), Generation: v.Generation}
}

func (c *call) set() (any, error) {
	var p wire.Set
	if err := c.read(&p); err != nil {
		return nil, err
	}
	if p.Value == nil {
		return nil, wire.Refuse(wire.CodeInvalidParams, "there is no value", "an empty one is the empty string")
	}
	defer p.Value.Wipe()
	key, err := c.keyOf(p.KeyRef, policy.Set)
	if err != nil {
		return nil, err
	}
	revision, err := c.s.ring.SetKey(c.ctx, key, *p.Value)
	return wire.Written{Revision: string(revision)}, err
}

func (c *call) delete() (any, error) {
	var p wire.KeyRef
	if err := c.read(&p); err != nil {
		return nil, err
	}
	key, err := c.keyOf(p, policy.Delete)
	if err != nil {
		return nil, err
	}
	existed, err := c.s.ring.DeleteKey(c.ctx, key)
	return wire.Deleted{Existed: existed}, err
}

func (c *call) rejected() (any, error) {
	var p wire.Rejected
	if err := c.read(&p); err != nil {
		return nil, err
	}
	key, err := c.keyOf(p.KeyRef, policy.Get)
	if err != nil {
		return nil, err
	}
	v, err := c.s.ring.RejectedKey(c.ctx, key, kinring.Revision(p.Revision))
	if err != nil {
		return nil, err
	}
	return readingOf(v), nil
}

// mayList asks for the right to see keys at all.
func (c *call) mayList() error {
	if c.s.Policy().Any(c.subject, policy.List, c.now()) {
		return nil
	}
	return c.may(policy.List, store.Key{}, "")
}

func (c *call) list() (any, error) {
	if err := c.mayList(); err != nil {
		return nil, err
	}
	l, err := c.s.ring.List(c.ctx)
	if err != nil && !errors.Is(err, kinring.ErrPartial) {
		return nil, err
	}
	out := wire.Listing{Complete: len(l.Incomplete) == 0, Incomplete: []wire.Unlisted{}, Keys: []wire.Listed{}}
	for _, u := range l.Incomplete {
		out.Incomplete = append(out.Incomplete, wire.Unlisted{Source: u.Source, Error: wire.FromError(u.Err)})
	}
	for _, k := range l.Keys {
		if c.sees(policy.List, k.Name) {
			out.Keys = append(out.Keys, wire.Listed{Key: k.Name, Service: k.Key.Service, Account: k.Key.Account,
				Where: string(k.Where), Sources: append([]string{}, k.Sources...)})
		}
	}
	return out, nil
}

func (c *call) status() (any, error) {
	var p wire.KeyRef
	if err := c.read(&p); err != nil {
		return nil, err
	}
	if p == (wire.KeyRef{}) {
		if err := c.mayList(); err != nil {
			return nil, err
		}
		st, err := c.s.ring.StatusOf(c.ctx)
		return c.statusOf(st), err
	}
	key, err := c.keyOf(p, policy.List)
	if err != nil {
		return nil, err
	}
	st, err := c.s.ring.StatusOf(c.ctx, key)
	return c.statusOf(st), err
}

func (c *call) statusOf(st kinring.Status) wire.Status {
	out := wire.Status{Family: st.Family, Store: wire.FromInfo(c.s.backing.Info()), Keys: []wire.KeyStatus{}}
	if st.Store.Err != nil {
		out.Error = wire.FromError(st.Store.Err)
	}
	for _, k := range st.Keys {
		if c.sees(policy.List, k.Name) {
			out.Keys = append(out.Keys, keyStatus(k))
		}
	}
	return out
}

func keyStatus(k kinring.NamedStatus) wire.KeyStatus {
	out := wire.KeyStatus{Key: k.Name, Service: k.Key.Service, Account: k.Key.Account, Shared: string(k.Shared),
		Generation: k.Generation, Marker: k.Marker, Verdict: string(k.Verdict), Remedy: k.Remedy, Legacy: []wire.SourceStatus{}}
	for _, s := range k.Legacy {
		out.Legacy = append(out.Legacy, wire.SourceStatus{Source: s.Source, State: string(s.State), Active: !s.Inactive})
	}
	return out
}

func (c *call) migrate() (any, error) {
	var p wire.Migrate
	if err := c.read(&p); err != nil {
		return nil, err
	}
	var done kinring.Progress
	var err error
	if p.DryRun {
		done, err = c.s.ring.MigrateDryRun(c.ctx)
	} else {
		done, err = c.s.ring.Migrate(c.ctx, c.progress(p.Token))
	}
	if err != nil && !errors.Is(err, kinring.ErrPartial) {
		return nil, err
	}
	return c.migration(done), nil
}

// progress tells the client how far a migration is. A client that takes no news is
// hung up on, which gives the migration up.
func (c *call) progress(token string) func(kinring.Progress) {
	if token == "" {
		return nil
	}
	return func(p kinring.Progress) {
		_ = c.notify(wire.NoteProgress, wire.Progress{Token: token, Value: c.migration(p)})
	}
}

func (c *call) migration(p coexist.Progress) wire.Migration {
	out := wire.Migration{Total: p.Total, Done: p.Done, Verified: p.Verified, Complete: p.Complete, Failed: []wire.FailedKey{}}
	for _, f := range p.Failed {
		if name := c.s.ring.Family().KeyName(f.Key); c.sees(policy.List, name) {
			out.Failed = append(out.Failed, wire.FailedKey{Key: name, Error: wire.FromError(f.Err)})
		}
	}
	return out
}

// watch begins to tell the client of a key's changes.
func (c *call) watch() (any, error) {
	var p wire.KeyRef
	if err := c.read(&p); err != nil {
		return nil, err
	}
	key, err := c.keyOf(p, policy.List)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(c.waiting)
	id, err := c.hold(watching(cancel), c.s.Limits.Watches)
	if err != nil {
		cancel()
		return nil, err
	}
	c.then = func() { // the client has to know the watch by its name first
		c.handlers.Add(1)
		go c.tell(ctx, id, key)
	}
	return wire.Watching{Watch: id}, nil
}

// tell tells of changes until the watch or the connection ends, or the client may
// see the key no longer.
func (c *call) tell(ctx context.Context, id string, key store.Key) {
	defer c.handlers.Done()
	name := c.s.ring.Family().KeyName(key)
	for e := range c.s.ring.WatchKey(ctx, key) {
		if !c.sees(policy.List, name) {
			if err := c.may(policy.List, key, name); err != nil { // which puts it on record
				c.endWatch(id, name, err)
				return
			}
		}
		n := wire.Changed{Watch: id, Key: name, Present: e.Present, Revision: string(e.Revision)}
		if e.Err != nil {
			n.Error = wire.FromError(e.Err)
		}
		if c.notify(wire.NoteChanged, n) != nil {
			return
		}
	}
}

// endWatch ends a watch, and tells the client why unless it has ended it itself.
func (c *call) endWatch(id, name string, why error) {
	w, err := drop[watching](c.conn, id)
	if err != nil {
		return
	}
	w.release()
	_ = c.notify(wire.NoteChanged, wire.Changed{Watch: id, Key: name, Error: wire.FromError(why)}) // it has ended either way
}

func (c *call) unwatch() (any, error) {
	var p wire.Watching
	if err := c.read(&p); err != nil {
		return nil, err
	}
	w, err := drop[watching](c.conn, p.Watch)
	if err != nil {
		return nil, err
	}
	w.release()
	return nothing{}, nil
}

// watching is a watch: what ends it.
type watching context.CancelFunc

func (w watching) release() { w() }
