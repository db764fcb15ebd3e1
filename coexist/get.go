package coexist

import (
	"context"
	"errors"

	"github.com/kinring/kinring/store"
)

// Provenance says where a value comes from and so how far it can be trusted to
// be the newest.
type Provenance string

// The provenances.
const (
	FromShared   Provenance = "shared"     // the shared store's value
	FromLegacy   Provenance = "legacy"     // an older build's value; the shared store holds nothing else
	FromFallback Provenance = "fallback"   // an older build's value; the shared store failed
	Unverified   Provenance = "unverified" // a value that nobody could show to be the newest
	FromEnv      Provenance = "env"        // from the environment; no store was asked
)

// Reading is the answer of a Get.
type Reading struct {
	Value      store.Value
	Provenance Provenance
	// Source names the legacy source that the value was read from, if it was.
	Source     string
	Revision   store.Revision
	Generation uint64
}

// Get returns the value of a key, or ErrNotFound if every store that could hold
// it was read and none does.
func (e *Engine) Get(ctx context.Context, key store.Key) (Reading, error) {
	e.bulk(ctx)
	var r Reading
	err := e.do(ctx, "get", key, func(ctx context.Context) error {
		return again(ctx, func() (err error) {
			r, err = e.get(ctx, key)
			return err
		})
	})
	if err != nil {
		return Reading{}, err
	}
	return r, nil
}

// get is one attempt. It returns ErrConflict if another program wrote the key
// meanwhile and the answer has to be looked for anew.
func (e *Engine) get(ctx context.Context, key store.Key) (Reading, error) {
	if e.Traits(key).LegacyOnly {
		return e.fromLegacy(ctx, key, FromLegacy)
	}
	item, err := e.Shared.Get(ctx, key)
	switch {
	case err == nil && isMarker(item):
		return e.afterMarker(ctx, key, item)
	case err == nil:
		return e.hit(ctx, key, item)
	case errors.Is(err, store.ErrNotFound):
		return e.firstRead(ctx, key)
	case errors.Is(err, store.ErrOutOfReach):
		return e.outOfReach(ctx, key, err)
	case errors.Is(err, store.ErrAbsentByDesign):
		return e.fromLegacy(ctx, key, FromLegacy)
	case e.Policy.Reads == Tolerant:
		return e.fallBack(ctx, key, err)
	}
	return Reading{}, err
}

func shared(item store.Item) Reading {
	return Reading{Value: item.Value, Provenance: FromShared, Revision: item.Revision, Generation: item.Record.Generation}
}

// fromLegacy answers from the legacy sources alone.
func (e *Engine) fromLegacy(ctx context.Context, key store.Key, p Provenance) (Reading, error) {
	found, _, err := e.first(ctx, key)
	if err != nil {
		return Reading{}, err
	}
	return Reading{Value: found.value, Provenance: p, Source: found.source.Name}, nil
}

// outOfReach answers for a program that cannot get at the shared store. What
// legacy holds may be older than the truth, so it is marked; legacy holding
// nothing proves nothing.
func (e *Engine) outOfReach(ctx context.Context, key store.Key, cause error) (Reading, error) {
	r, err := e.fromLegacy(ctx, key, Unverified)
	if errors.Is(err, store.ErrNotFound) {
		return Reading{}, cause
	}
	if err == nil {
		e.notify(NoticeUnverified, key, r.Source, cause)
	}
	return r, err
}

// fallBack answers with a legacy value that is there; otherwise the shared
// store's error stands.
func (e *Engine) fallBack(ctx context.Context, key store.Key, cause error) (Reading, error) {
	r, err := e.fromLegacy(ctx, key, FromFallback)
	if err != nil {
		return Reading{}, cause
	}
	e.notify(NoticeFallback, key, r.Source, cause)
	return r, nil
}

// firstRead answers when the shared store holds nothing: with what the older
// build would read, which it copies into the shared store unless that has
// something by now.
func (e *Engine) firstRead(ctx context.Context, key store.Key) (Reading, error) {
	found, seen, err := e.firstSure(ctx, key)
	if err != nil {
		return Reading{}, err
	}
	r := Reading{Value: found.value, Provenance: FromLegacy, Source: found.source.Name}
	if e.Policy.Backfill == BackfillOff {
		return r, nil
	}
	switch revision, err := e.backfill(ctx, key, found, seen); {
	case err == nil:
		r.Revision = revision
		e.notify(NoticeBackfilled, key, found.source.Name, nil)
	case errors.Is(err, store.ErrConflict):
		return Reading{}, err // the shared store has something: that is the answer
	default:
		e.notify(NoticeBackfillFailed, key, found.source.Name, err)
	}
	return r, nil
}

// firstSure is first for a key of which the shared store held nothing a moment ago.
func (e *Engine) firstSure(ctx context.Context, key store.Key) (found sighting, seen []sighting, err error) {
	found, seen, err = e.first(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		err = e.stillAbsent(ctx, key, err)
	}
	return found, seen, err
}

// stillAbsent looks at the shared store again after legacy held nothing: between
// the two looks another program may have moved the value from there to here, by
// a backfill and a Prune. It returns gone if there is still nothing, and a
// conflict if there is something to be read.
func (e *Engine) stillAbsent(ctx context.Context, key store.Key, gone error) error {
	if len(e.sources(key)) == 0 {
		return gone
	}
	_, err := e.Shared.Get(ctx, key)
	switch {
	case err == nil:
		return errAgain
	case errors.Is(err, store.ErrNotFound):
		return gone
	}
	return err
}

// stillMarked is stillAbsent for a marker: another program may have adopted and
// pruned what stood in legacy.
func (e *Engine) stillMarked(ctx context.Context, key store.Key, marker store.Item, gone error) error {
	if len(e.sources(key)) == 0 {
		return gone
	}
	now, err := e.Shared.Get(ctx, key)
	if err == nil && now.Revision == marker.Revision {
		return gone
	}
	if err == nil || errors.Is(err, store.ErrNotFound) {
		return errAgain
	}
	return err
}

// backfill copies a legacy value into the shared store if that holds nothing,
// and returns the revision of the copy. It carries generation 0, so that one that lands late never wins against a
// write.
func (e *Engine) backfill(ctx context.Context, key store.Key, found sighting, seen []sighting) (store.Revision, error) {
	p, err := e.prints(ctx, true)
	if err != nil {
		return "", err
	}
	item := store.Item{
		Value:  found.value,
		Record: record(p, key, found.value, 0, agreed(p, key, e.sources(key), seen)),
	}
	return e.Shared.Put(ctx, key, item, store.Absent())
}

// afterMarker answers for a deleted key: not found, unless an older build signed
// in anew after the deletion.
func (e *Engine) afterMarker(ctx context.Context, key store.Key, marker store.Item) (Reading, error) {
	gone := &store.Error{Class: store.ErrNotFound, Detail: "it was deleted"}
	if e.Policy.Adopt == Never {
		return Reading{}, gone
	}
	p, err := e.prints(ctx, false)
	if err != nil {
		return Reading{}, err
	}
	s, err := e.newSignIn(ctx, p, key, marker.Record)
	if err != nil {
		return Reading{}, err
	}
	if !s.present {
		return Reading{}, e.stillMarked(ctx, key, marker, gone)
	}
	if !e.Policy.adopts() {
		e.notify(NoticeOlderWrote, key, s.source.Name, nil)
		return Reading{}, gone
	}
	return e.adopt(ctx, p, key, marker, s)
}

// newSignIn returns the first sighting of a value that was not there when the
// key was deleted. A source whose state at deletion is not known never counts:
// what it holds may be the deleted value itself.
func (e *Engine) newSignIn(ctx context.Context, p *printer, key store.Key, r store.Record) (sighting, error) {
	var unread error // of a source that the older build passes over, and may sign in at
	for _, src := range e.sources(key) {
		then := p.recall(r, src.Name)
		if then.Kind == store.Unknown {
			continue
		}
		s := e.look(ctx, src, key)
		if s.err != nil {
			return s, s.err
		}
		if s.present && p.changed(key, s, then) {
			return s, nil
		}
		if unread == nil {
			unread = s.passed
		}
	}
	return sighting{}, unread
}

// changed reports whether a sighting of a value differs from what was known of
// its source before, and from what kinring itself was about to write there.
// Without fingerprints nothing differs.
func (p *printer) changed(key store.Key, s sighting, then store.Agreement) bool {
	fp := p.seen(key, s.source, s.value)
	switch {
	case then.Kind == store.Unknown || then.Pending != "" && fp == then.Pending:
		return false
	case then.Kind == store.Held:
		return fp != "" && fp != then.Fingerprint
	}
	return true
}

// adopt puts an older build's new sign-in over the marker.
func (e *Engine) adopt(ctx context.Context, p *printer, key store.Key, marker store.Item, s sighting) (Reading, error) {
	item, err := e.takeOver(ctx, p, key, marker, s)
	switch {
	case err == nil:
		e.notify(NoticeAdopted, key, s.source.Name, nil)
		return shared(item), nil
	case errors.Is(err, store.ErrConflict):
		return Reading{}, err
	}
	e.notify(NoticeBackfillFailed, key, s.source.Name, err)
	return Reading{Value: s.value, Provenance: FromLegacy, Source: s.source.Name}, nil
}

// takeOver puts a legacy value over a shared item that has not changed since it
// was read.
func (e *Engine) takeOver(ctx context.Context, p *printer, key store.Key, over store.Item, s sighting) (store.Item, error) {
	if err := writable(over); err != nil {
		return store.Item{}, err
	}
	sources := inherit(p, over.Record, e.sources(key))
	for i := range sources {
		if sources[i].Source == s.source.Name {
			sources[i] = s.follow(p, key, sources[i])
		}
	}
	item := store.Item{Value: s.value, Record: record(p, key, s.value, over.Record.Generation+1, sources)}
	var err error
	item.Revision, err = e.Shared.Put(ctx, key, item, store.Match(over.Revision))
	return item, err
}
