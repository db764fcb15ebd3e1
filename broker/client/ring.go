package client

import (
	"context"

	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// The calls of a Conn that the broker's ring serves. A key is named as the profile
// does, by an alias or as list prints it.

// Reading is a value with where it comes from.
type Reading struct {
	store.Value
	Provenance string
	Source     string
	Revision   store.Revision
	Generation uint64
}

func reading(r wire.Reading) Reading {
	defer r.Value.Wipe()
	return Reading{store.NewValue(r.Value), r.Provenance, r.Source, store.Revision(r.Revision), r.Generation}
}

// ask is Call for those who know the closed set of errors.
func (c *Conn) ask(ctx context.Context, method string, params, result any) error {
	err := c.Call(ctx, method, params, result)
	if err != nil && store.ClassOf(err) == nil {
		if changes(method) {
			return unknown(err)
		}
		return known(err)
	}
	return err
}

// Get returns the value of a key.
func (c *Conn) Get(ctx context.Context, name string) (Reading, error) {
	var r wire.Reading
	if err := c.ask(ctx, wire.MethodGet, wire.KeyRef{Key: name}, &r); err != nil {
		return Reading{}, err
	}
	return reading(r), nil
}

// Set writes a value.
func (c *Conn) Set(ctx context.Context, name string, value []byte) (store.Revision, error) {
	if len(value) > store.MaxValue {
		return "", store.CheckItem(store.Item{Value: store.NewValue(value)}, store.Capabilities{})
	}
	secret := wire.Secret(value)
	var w wire.Written
	err := c.ask(ctx, wire.MethodSet, wire.Set{KeyRef: wire.KeyRef{Key: name}, Value: &secret}, &w)
	return store.Revision(w.Revision), err
}

// Delete removes a key and reports whether there was a value.
func (c *Conn) Delete(ctx context.Context, name string) (bool, error) {
	var d wire.Deleted
	err := c.ask(ctx, wire.MethodDelete, wire.KeyRef{Key: name}, &d)
	return d.Existed, err
}

// Status returns how the broker itself is.
func (c *Conn) Status(ctx context.Context) (wire.BrokerStatus, error) {
	var st wire.BrokerStatus
	err := c.ask(ctx, wire.MethodBroker, nil, &st)
	return st, err
}

// Shutdown asks the broker to end.
func (c *Conn) Shutdown(ctx context.Context) error { return c.ask(ctx, wire.MethodShutdown, nil, nil) }

// Lock makes the broker forget the key of its store.
func (c *Conn) Lock(ctx context.Context) error { return c.ask(ctx, wire.MethodLock, nil, nil) }

// Unlock gives the broker the passphrase of its store, to keep it open for so many
// seconds; 0 means until Lock.
func (c *Conn) Unlock(ctx context.Context, passphrase []byte, seconds int) error {
	return c.ask(ctx, wire.MethodUnlock, wire.Unlock{Passphrase: passphrase, Seconds: seconds}, nil)
}
