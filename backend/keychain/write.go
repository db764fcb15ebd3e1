package keychain

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/kinring/kinring/internal/lease"
	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/store"
)

// Put writes an item if the condition holds.
func (k *keychain) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	rev, err := k.put(ctx, key, item, cond)
	return rev, store.At(err, "put", Kind, key)
}

func (k *keychain) put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	if err := k.enter(key); err != nil {
		return "", err
	}
	if err := store.CheckItem(item, capabilities()); err != nil {
		return "", err
	}
	gena, err := newMark(item.Record)
	if err != nil {
		return "", err
	}
	w := write{keychain: k, key: key, value: item.Value.Bytes(), gena: gena}
	defer clear(w.value)
	switch rev, isMatch := cond.Revision(); {
	case cond.IsAbsent():
		err = w.add(ctx)
	case isMatch:
		err = w.replace(ctx, rev)
	default:
		err = w.either(ctx)
	}
	if err != nil {
		return "", err
	}
	return revisionOf(gena), nil
}

// write is one value with its record on its way into the keychain.
type write struct {
	*keychain
	key         store.Key
	value, gena []byte
}

// add makes the item unless there is one.
func (w write) add(ctx context.Context) error {
	q := w.query(w.key)
	q.Label, q.Accessible, q.Value, q.Generic = w.key.Service, w.options.accessible(), bytes.Clone(w.value), w.gena
	return w.run(ctx, func() error {
		defer clear(q.Value)
		return w.program.Add(q.Dict())
	})
}

// update replaces what a query finds; nothing found is ErrNotFound.
func (w write) update(ctx context.Context, q secitem.Query) error {
	q.AuthUI = secitem.AuthUIFail
	c := secitem.Change{Value: bytes.Clone(w.value), Generic: w.gena}
	return w.run(ctx, func() error {
		defer clear(c.Value)
		return w.program.Update(q.Dict(), c.Dict())
	})
}

// replace replaces the item of a revision.
func (w write) replace(ctx context.Context, rev store.Revision) error {
	gena, isMarked := markOf(rev)
	if !isMarked {
		return w.unmarked(ctx, w.key, rev, func() error { return w.update(ctx, w.query(w.key)) })
	}
	q := w.query(w.key)
	q.Generic = gena
	return gone(w.update(ctx, q))
}

// tries bounds how often a write starts again because the item came or went
// meanwhile.
const tries = 100

// either writes whether there is an item or not.
func (w write) either(ctx context.Context) error {
	var err error
	for range tries {
		if err = w.update(ctx, w.query(w.key)); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err = w.add(ctx); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return err
}

// run makes a call that writes. Where its answer leaves open whether it did, the
// item tells: no other write has this gena.
func (w write) run(ctx context.Context, call func() error) error {
	err := w.call(ctx, w.key, call)
	if mac.Settled(err) {
		return mac.Failure(err)
	}
	found, looked := w.find(ctx, w.key, w.copying(w.key))
	if looked == nil && bytes.Equal(found.Attributes.Bytes(secitem.KeyGeneric), w.gena) {
		return nil
	}
	return unsettled(err, looked)
}

// call makes a call that writes in the item's turn. It returns nil, a Status, or
// how the call was given up.
func (k *keychain) call(ctx context.Context, key store.Key, call func() error) error {
	_, err := mac.Do(ctx, k.program, key, mac.Writing, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

// unsettled is the error of a write that may have been made; looked is what a
// look at the item said. launchd starts the keychain's service whenever somebody
// asks: where a second call finds none, there is none in this session, and the
// first one reached nobody.
func unsettled(err, looked error) error {
	var own *store.Error
	switch {
	case errors.As(err, &own):
		return err
	case errors.Is(err, secitem.ErrNotAvailable) && errors.Is(looked, store.ErrNoService):
		return mac.Failure(err)
	}
	return &store.Error{Class: store.ErrOutcomeUnknown, Err: mac.Failure(err), Remedy: "read the item to see what came of it"}
}

// gone makes a conflict of a match that found nothing: the item was written or
// deleted since.
func gone(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return conflict
	}
	return err
}

var conflict error = &store.Error{Class: store.ErrConflict, Detail: "the item is not the one that was read", Remedy: "read it again"}

// Delete removes an item if the condition holds.
func (k *keychain) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	return store.At(k.delete(ctx, key, cond), "delete", Kind, key)
}

func (k *keychain) delete(ctx context.Context, key store.Key, cond store.Condition) error {
	if err := k.enter(key); err != nil {
		return err
	}
	if cond.IsAbsent() {
		return &store.Error{Class: store.ErrInvalid, Detail: "a delete cannot require absence", Remedy: "use any or match"}
	}
	q := k.query(key)
	rev, isMatch := cond.Revision()
	if !isMatch {
		return k.remove(ctx, key, q)
	}
	gena, isMarked := markOf(rev)
	if !isMarked {
		return k.unmarked(ctx, key, rev, func() error { return k.remove(ctx, key, q) })
	}
	q.Generic = gena
	return gone(k.remove(ctx, key, q))
}

// remove deletes what a query finds; nothing found is ErrNotFound.
func (k *keychain) remove(ctx context.Context, key store.Key, q secitem.Query) error {
	q.AuthUI = secitem.AuthUIFail
	err := k.call(ctx, key, func() error { return k.program.Delete(q.Dict()) })
	if mac.Settled(err) {
		return mac.Failure(err)
	}
	look := k.copying(key)
	look.Generic = q.Generic
	_, looked := k.find(ctx, key, look)
	if errors.Is(looked, store.ErrNotFound) {
		return nil
	}
	return unsettled(err, looked)
}

// unmarked changes an item that has no gena, if it has not changed since it was
// read. Programs with kinring wait for each other; others cannot be held back.
func (k *keychain) unmarked(ctx context.Context, key store.Key, rev store.Revision, change func() error) error {
	locks := lease.Leases{Dir: k.LockDir(), Store: Kind + " " + k.group + " without gena"}
	lock, err := locks.Hold(ctx, key)
	if err != nil {
		return err
	}
	found, err := k.find(ctx, key, k.copying(key))
	if err == nil && revision(found.Attributes) != rev {
		err = conflict
	}
	if err == nil {
		err = change()
	}
	if released := lock.Release(); err == nil {
		err = released
	}
	return gone(err)
}

// dateOf returns when an item last changed, in nanoseconds.
func dateOf(attributes secitem.Dict) string {
	t, _ := attributes[secitem.KeyModified].(time.Time)
	return strconv.FormatInt(t.UnixNano(), 10)
}
