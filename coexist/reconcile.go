package coexist

import (
	"context"
	"errors"
	"slices"

	"github.com/kinring/kinring/store"
)

// Side is which value stands where both builds wrote.
type Side string

// The sides.
const (
	ByPolicy   Side = ""       // what the policy decides; a divergence is left alone
	TakeShared Side = "shared" // the older builds get the shared value
	TakeLegacy Side = "legacy" // the shared store gets the older build's value
)

// Reconciled is what Reconcile did with one key.
type Reconciled struct {
	Key           store.Key
	Before, After Verdict
	Err           error
}

// Reconcile brings keys in step as far as the policy goes, or as the side says.
// A key that it leaves as it is has the same verdict before and after.
func (e *Engine) Reconcile(ctx context.Context, side Side, keys ...store.Key) ([]Reconciled, error) {
	defer e.batch()()
	var out []Reconciled
	var failed parts
	for _, key := range keys {
		r := Reconciled{Key: key, Before: UnknownVerdict, After: UnknownVerdict}
		err := e.do(ctx, "reconcile", key, func(ctx context.Context) error {
			if err := e.sharing(key); err != nil {
				return err
			}
			r.Before = e.status(ctx, true, key).Verdict
			err := e.inTurn(ctx, key, func() error {
				return again(ctx, func() error { return e.reconcile(ctx, side, key, r.Before) })
			})
			r.After = e.status(ctx, true, key).Verdict
			return err
		})
		r.Err = err
		out = append(out, r)
		failed.note(key.Redacted(), err)
	}
	err := failed.err()
	var partial *store.Error
	if errors.As(err, &partial) && partial.Class == store.ErrPartial {
		partial.Op, partial.Remedy = "reconcile", "see status"
	}
	return out, err
}

// sharing refuses a key that the profile does not share: there are no two sides of
// it that could be brought together.
func (e *Engine) sharing(key store.Key) error {
	if !e.Traits(key).LegacyOnly {
		return nil
	}
	return &store.Error{Class: store.ErrUnsupported, Detail: "the profile does not share this key, so there is nothing to bring in step",
		Remedy: "add the key to the profile's share list"}
}

func (e *Engine) reconcile(ctx context.Context, side Side, key store.Key, verdict Verdict) error {
	if verdict == UnknownVerdict && side == ByPolicy {
		return nil
	}
	p, err := e.prints(ctx, true)
	if err != nil {
		return err
	}
	item, err := e.Shared.Get(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return e.reconcileAbsent(ctx, side, key)
	case err != nil:
		return err
	case isMarker(item):
		return e.reconcileMarker(ctx, p, side, key, item)
	}
	if err := writable(item); err != nil {
		return err
	}
	switch side {
	case TakeShared:
		_, err := e.giveBack(ctx, p, key, item, true)
		return err
	case TakeLegacy:
		return e.takeLegacy(ctx, p, key, item)
	}
	return e.reconcileByPolicy(ctx, p, key, item)
}

// reconcileAbsent copies a legacy value; there is nothing else that could stand.
// By policy that is what a Get does, if it copies at all.
func (e *Engine) reconcileAbsent(ctx context.Context, side Side, key store.Key) error {
	switch {
	case side == TakeShared:
		// Not a conflict: looking again would find the same nothing.
		return &store.Error{Class: store.ErrNotFound, Detail: "the shared store holds nothing that could be taken",
			Remedy: "delete the key if that is meant"}
	case side == ByPolicy && e.Policy.Backfill == BackfillOff:
		return nil
	}
	found, seen, err := e.firstSure(ctx, key)
	if err != nil {
		return err
	}
	_, err = e.backfill(ctx, key, found, seen)
	return err
}

// reconcileMarker finishes a deletion, or takes a value that an older build
// still or again holds.
func (e *Engine) reconcileMarker(ctx context.Context, p *printer, side Side, key store.Key, marker store.Item) error {
	if side == TakeLegacy {
		if err := writable(marker); err != nil {
			return err
		}
		return e.takeLegacy(ctx, p, key, marker)
	}
	if side == ByPolicy && e.Policy.adopts() {
		s, err := e.newSignIn(ctx, p, key, marker.Record)
		if err != nil {
			return err
		}
		if s.present {
			_, err := e.takeOver(ctx, p, key, marker, s)
			return err
		}
	}
	_, err := e.finish(ctx, p, key, marker, side == TakeShared)
	return err
}

// takeLegacy puts what the older build would read over the shared item: a marker
// if that is nothing because an older build signed out. Where none ever held the
// value, or kinring itself removed its copy, the shared one is the only one.
func (e *Engine) takeLegacy(ctx context.Context, p *printer, key store.Key, item store.Item) error {
	found, seen, err := e.first(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound) && !isMarker(item) && !p.signedOut(key, item, seen):
		return &store.Error{Class: store.ErrNotFound, Detail: "no older build holds a value that could be taken, or signed out of one",
			Remedy: "delete the key if that is meant"}
	case errors.Is(err, store.ErrNotFound):
		_, err := e.writeMarker(ctx, key, item.Record.Generation+1, p,
			e.atDeletion(p, key, seen, item.Record), store.Match(item.Revision))
		return err
	case err != nil:
		return err
	}
	_, err = e.takeOver(ctx, p, key, item, found)
	return err
}

// signedOut reports whether one of the sources held what both agreed on and does
// not any more.
func (p *printer) signedOut(key store.Key, item store.Item, seen []sighting) bool {
	return slices.ContainsFunc(seen, func(s sighting) bool {
		return !s.inactive && p.judge(key, item, s, p.recall(item.Record, s.source.Name)) == olderOut
	})
}

// reconcileByPolicy follows an older build where the policy does, and records
// what both turn out to agree on.
func (e *Engine) reconcileByPolicy(ctx context.Context, p *printer, key store.Key, item store.Item) error {
	var agree []sighting
	for _, src := range e.sources(key) {
		then := p.recall(item.Record, src.Name)
		s := e.look(ctx, src, key).beside(then)
		if s.err != nil {
			return s.err
		}
		switch {
		case s.present && sameValue(s, item.Value):
			agree = append(agree, s)
		case p.judge(key, item, s, then) == olderAlone && e.Policy.FastForward == Auto:
			_, err := e.takeOver(ctx, p, key, item, s)
			return err
		case p.judge(key, item, s, then) == olderOut:
			if _, done, err := e.olderSignedOut(ctx, p, key, item, s, then); done && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			return nil
		}
	}
	_, err := e.confirm(ctx, p, key, item, agree)
	return err
}
