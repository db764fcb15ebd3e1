package storetest

import (
	"context"
	"slices"

	"github.com/kinring/kinring/store"
)

// The methods of store.Store. An answer that a fault keeps from the caller is
// not given away in the other results: they are zero beside an error.

// Info describes the wrapped store. It is not counted.
func (f *Faults) Info() store.Info { return f.inner.Info() }

// Close closes the wrapped store. It is not counted.
func (f *Faults) Close() error { return f.inner.Close() }

// Get passes a Get on, or meets its fault.
func (f *Faults) Get(ctx context.Context, key store.Key) (store.Item, error) {
	var item store.Item
	do := func(ctx context.Context) (err error) {
		item, err = f.inner.Get(ctx, key)
		return err
	}
	if err := f.pass(ctx, Call{Verb: VerbGet, Key: key}, do, nil); err != nil {
		return store.Item{}, err
	}
	return item, nil
}

// Put passes a Put on, or meets its fault.
func (f *Faults) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	var rev store.Revision
	do := func(ctx context.Context) (err error) {
		rev, err = f.inner.Put(ctx, key, item, cond)
		return err
	}
	keep := func() attempt {
		kept := store.Item{Value: store.NewValue(item.Value.Bytes()), Record: item.Record}
		kept.Record.Sources = slices.Clone(item.Record.Sources)
		return func(ctx context.Context) error {
			_, err := f.inner.Put(ctx, key, kept, cond)
			return err
		}
	}
	if err := f.pass(ctx, Call{Verb: VerbPut, Key: key, Cond: cond}, do, keep); err != nil {
		return "", err
	}
	return rev, nil
}

// Delete passes a Delete on, or meets its fault.
func (f *Faults) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	do := func(ctx context.Context) error { return f.inner.Delete(ctx, key, cond) }
	keep := func() attempt { return do }
	return f.pass(ctx, Call{Verb: VerbDelete, Key: key, Cond: cond}, do, keep)
}

// List passes a List on, or meets its fault.
func (f *Faults) List(ctx context.Context, service string) ([]store.Entry, error) {
	var entries []store.Entry
	do := func(ctx context.Context) (err error) {
		entries, err = f.inner.List(ctx, service)
		return err
	}
	if err := f.pass(ctx, Call{Verb: VerbList, Service: service}, do, nil); err != nil {
		return nil, err
	}
	return entries, nil
}

// Store returns what to hand to the code under test: f itself, or f together
// with the wrapped store's fingerprint keys if it derives any.
func (f *Faults) Store() store.Store {
	if k, ok := f.inner.(store.FingerprintKeyer); ok {
		return keyingFaults{f, k}
	}
	return f
}

type keyingFaults struct {
	*Faults
	keyer store.FingerprintKeyer
}

func (f keyingFaults) FingerprintKey(ctx context.Context) ([]byte, error) {
	var secret []byte
	do := func(ctx context.Context) (err error) {
		secret, err = f.keyer.FingerprintKey(ctx)
		return err
	}
	if err := f.pass(ctx, Call{Verb: VerbFingerprintKey}, do, nil); err != nil {
		return nil, err
	}
	return secret, nil
}
