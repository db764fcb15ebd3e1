package coexist

import (
	"context"
	"errors"

	"github.com/kinring/kinring/store"
)

// Current is what an Update begins with.
type Current struct {
	Reading
	// Found reports whether there is a value.
	Found bool
	// Interrupted reports that the function of an Update before this one did not
	// end, or that its result was given up: the value may have been used up without
	// its successor having been stored, and a successor may be on its way.
	Interrupted bool
}

// Change makes the next value from the current one. keep leaves the current one
// in place.
type Change func(ctx context.Context, current Current) (next store.Value, keep bool, err error)

// Unsaved is the error of an Update whose function succeeded but whose result
// could not be written. It holds the result, which may be the only valid token
// there is, and the lease.
type Unsaved struct {
	cause *store.Error
	value store.Value
	retry func(ctx context.Context) (Reading, error)
	drop  func() error
}

// Error says why the result could not be written.
func (u *Unsaved) Error() string { return u.cause.Error() }

// Unwrap returns why the result could not be written.
func (u *Unsaved) Unwrap() error { return u.cause }

// Value returns the result that is not stored.
func (u *Unsaved) Value() store.Value { return u.value }

// Retry writes the result once more, over whatever is there now. When it
// succeeds the lease ends.
func (u *Unsaved) Retry(ctx context.Context) (Reading, error) { return u.retry(ctx) }

// Discard gives the result up and ends the lease. The next Update is told that it
// was interrupted: the value that this one began with may be used up, and the
// result may yet arrive if its write is unknown.
func (u *Unsaved) Discard() error { return u.drop() }

// Update replaces a value by what change makes from it. It holds a lease on the
// key for the whole family, reads shared store and legacy anew, and calls change
// at most once, so that no two programs of the family ever make something from
// the same value. If the result cannot be written, the error is an *Unsaved.
func (e *Engine) Update(ctx context.Context, key store.Key, change Change) (Reading, error) {
	e.bulk(ctx)
	var r Reading
	err := e.do(ctx, "update", key, func(ctx context.Context) error {
		if e.Traits(key).LegacyOnly || e.Leases == nil || e.Grace == nil {
			return &store.Error{Class: store.ErrUnsupported, Detail: "this key cannot be updated under a lease",
				Remedy: "share the key in the profile"}
		}
		lease, err := e.Leases.Hold(ctx, key)
		if err != nil {
			return err
		}
		u := &update{Engine: e, key: key, lease: lease}
		ended := false
		defer func() {
			if !ended { // the function panicked, and the program may go on
				_ = lease.Leave()
			}
		}()
		r, err = u.run(ctx, change)
		ended = true
		return u.end(err)
	})
	return r, err
}

// update is an Update under way.
type update struct {
	*Engine
	key     store.Key
	lease   Lease
	printer *printer
	item    store.Item // what the shared store holds; the zero Item if nothing
	seen    []sighting // what legacy showed before the function ran
}

// end gives the lease back, unless an unsaved result still needs it.
func (u *update) end(err error) error {
	var unsaved *Unsaved
	if errors.As(err, &unsaved) {
		return err
	}
	if e := u.lease.Release(); err == nil {
		err = e
	}
	return err
}

func (u *update) run(ctx context.Context, change Change) (Reading, error) {
	var current Current
	err := again(ctx, func() (err error) {
		current, err = u.refresh(ctx)
		return err
	})
	if err != nil {
		return Reading{}, err
	}
	if current.Interrupted = u.lease.Interrupted(); current.Interrupted {
		u.notify(NoticeInterrupted, u.key, "", nil)
	}
	if err := u.lease.Begin(); err != nil {
		return Reading{}, err
	}
	next, keep, err := change(ctx, current)
	if err != nil {
		u.awaitOlder(ctx)
		return current.Reading, err
	}
	if keep {
		return current.Reading, nil
	}
	saving, cancel := u.Grace(ctx)
	defer cancel()
	r, err := u.save(saving, next)
	if err != nil && store.ClassOf(err) != store.ErrPartial {
		return Reading{}, u.unsaved(next, err)
	}
	return r, err
}

// refresh reads everything anew and takes over what an older build wrote, so
// that change begins with the newest value that anybody has.
func (u *update) refresh(ctx context.Context) (Current, error) {
	var err error
	if u.printer, err = u.prints(ctx, true); err != nil {
		return Current{}, err
	}
	u.seen = nil
	u.item, err = u.Shared.Get(ctx, u.key)
	if errors.Is(err, store.ErrNotFound) {
		u.item = store.Item{}
		return u.absent(ctx)
	}
	if err == nil {
		err = writable(u.item) // or the function would make what cannot be stored
	}
	switch {
	case err != nil:
		return Current{}, err
	case isMarker(u.item):
		return u.deleted(ctx)
	}
	return u.held(ctx)
}

// absent begins with what the older build has, once it is in the shared store.
func (u *update) absent(ctx context.Context) (Current, error) {
	found, seen, err := u.firstSure(ctx, u.key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		u.seen = seen
		return Current{}, nil
	case err != nil:
		return Current{}, err
	}
	if _, err := u.backfill(ctx, u.key, found, seen); err != nil {
		return Current{}, err
	}
	u.notify(NoticeBackfilled, u.key, found.source.Name, nil)
	return Current{}, errAgain
}

// errAgain makes a loop start again with what was just written.
var errAgain error = &store.Error{Class: store.ErrConflict, Detail: "read again"}

func (u *update) deleted(ctx context.Context) (Current, error) {
	if !u.Policy.adopts() {
		return Current{}, nil
	}
	s, err := u.newSignIn(ctx, u.printer, u.key, u.item.Record)
	if err != nil || !s.present {
		return Current{}, err
	}
	u.item, err = u.takeOver(ctx, u.printer, u.key, u.item, s)
	if err != nil {
		return Current{}, err
	}
	u.notify(NoticeAdopted, u.key, s.source.Name, nil)
	return Current{Reading: shared(u.item), Found: true}, nil
}

func (u *update) held(ctx context.Context) (Current, error) {
	if u.Policy.FastForward == OnRejection || u.Policy.FastForward == Auto {
		if err := u.followOlder(ctx); err != nil {
			return Current{}, err
		}
	}
	if err := u.finishMirror(ctx); err != nil {
		return Current{}, err
	}
	return Current{Reading: shared(u.item), Found: true}, nil
}

// followOlder takes over what an older build wrote since both last agreed. What
// cannot be read stops an Update of a key that rotates: its value might have
// been used up.
func (u *update) followOlder(ctx context.Context) error {
	for _, src := range u.sources(u.key) {
		s := u.look(ctx, src, u.key).beside(u.printer.recall(u.item.Record, src.Name))
		if s.err != nil {
			if u.Traits(u.key).Rotates {
				return s.err
			}
			u.notify(NoticeLookFailed, u.key, src.Name, s.err)
			continue
		}
		u.seen = append(u.seen, s)
		switch u.printer.judge(u.key, u.item, s, u.printer.recall(u.item.Record, src.Name)) {
		case olderAlone:
			next, err := u.takeOver(ctx, u.printer, u.key, u.item, s)
			if err != nil {
				return err
			}
			u.item = next
			u.notify(NoticeFastForwarded, u.key, src.Name, nil)
		case bothWrote:
			u.notify(NoticeDiverged, u.key, src.Name, nil)
		}
	}
	return nil
}

// finishMirror finishes what an Update before this one announced and did not
// do: until then the older build holds a value that has been used up.
func (u *update) finishMirror(ctx context.Context) error {
	for _, a := range u.item.Record.Sources {
		if u.printer.recall(u.item.Record, a.Source).Pending != "" {
			err := u.inTurn(ctx, u.key, func() (err error) {
				u.item, err = u.mirrored(ctx, u.printer, u.key, u.item)
				return err
			})
			if err != nil {
				u.notify(NoticeMirrorFailed, u.key, a.Source, err)
			}
			return nil
		}
	}
	return nil
}

// save writes the result to the shared store, and to the older build if the key
// rotates.
func (u *update) save(ctx context.Context, next store.Value) (Reading, error) {
	if err := u.acceptable(u.key, next); err != nil {
		return Reading{}, err
	}
	mirrors := u.Traits(u.key).Rotates || u.Policy.Writes == DualWrite
	// What legacy holds by now may be newer than what the function began with, and
	// must not pass as known.
	before := func() []store.Agreement { return agreed(u.printer, u.key, u.sources(u.key), u.seen) }
	item, cond := u.successor(u.printer, u.key, next, u.item, before,
		func(a store.Agreement) bool { return mirrors && a.Kind == store.Held })
	var err error
	if item.Revision, err = u.Shared.Put(ctx, u.key, item, cond); err != nil || !mirrors {
		return shared(item), whole(err)
	}
	err = u.inTurn(ctx, u.key, func() (err error) {
		item, err = u.mirrored(ctx, u.printer, u.key, item)
		return err
	})
	if err != nil && store.ClassOf(err) != store.ErrPartial {
		err = partialMirror(parts{missing: []string{"legacy"}, cause: err})
	}
	return shared(item), err
}

// whole takes a store's claim to have written an item in part for what it can only
// mean: that nobody knows what is there. Here a partial result says that the shared
// store has the value and an older build has not.
func whole(err error) error {
	if store.ClassOf(err) != store.ErrPartial {
		return err
	}
	return &store.Error{Class: store.ErrOutcomeUnknown, Err: err, Detail: "the store says that it wrote a part of an item"}
}

// unsaved keeps a result that could not be written, with the means to write it.
func (u *update) unsaved(value store.Value, cause error) error {
	failure := &store.Error{Class: store.ClassOf(cause), Op: "update", Key: u.key.Redacted(), Err: cause,
		Detail: "the result could not be written; it is kept in this error",
		Remedy: "retry with the error's Retry, or give it up with Discard"}
	var own *store.Error
	if errors.As(cause, &own) {
		failure.Reason = own.Reason
	}
	return &Unsaved{cause: failure, value: value,
		retry: func(ctx context.Context) (Reading, error) { return u.saveAgain(ctx, value) },
		drop:  u.lease.Leave,
	}
}

// saveAgain writes a kept result over whatever is there now. Behind a fence that is
// done even if the first attempt landed after all: another program's write may be on
// its way that began before that and still wins against it.
func (u *update) saveAgain(ctx context.Context, value store.Value) (Reading, error) {
	var r Reading
	err := u.do(ctx, "update", u.key, func(ctx context.Context) error {
		return again(ctx, func() (err error) {
			u.item, err = u.Shared.Get(ctx, u.key)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if err := writable(u.item); err != nil {
				return err
			}
			if err == nil && !isMarker(u.item) && u.item.Value.Equal(value) && !u.Shared.Info().Capabilities.Fenced {
				r = shared(u.item) // it had landed after all
				return nil
			}
			r, err = u.save(ctx, value)
			return err
		})
	})
	if err == nil || store.ClassOf(err) == store.ErrPartial {
		return r, errors.Join(err, u.lease.Release())
	}
	return Reading{}, u.unsaved(value, err)
}

// Rejected is called when a server refused the value of a revision. It returns
// the value that took its place meanwhile, an older build's newer one, or the
// same one: then nobody has a better one, and a person has to sign in.
func (e *Engine) Rejected(ctx context.Context, key store.Key, revision store.Revision) (Reading, error) {
	var r Reading
	err := e.do(ctx, "rejected", key, func(ctx context.Context) error {
		return again(ctx, func() (err error) {
			r, err = e.rejected(ctx, key, revision)
			return err
		})
	})
	return r, err
}

func (e *Engine) rejected(ctx context.Context, key store.Key, revision store.Revision) (Reading, error) {
	if e.Traits(key).LegacyOnly {
		return e.fromLegacy(ctx, key, FromLegacy)
	}
	item, err := e.Shared.Get(ctx, key)
	if err != nil || isMarker(item) || item.Revision != revision || e.Policy.FastForward == Never {
		return e.get(ctx, key)
	}
	p, err := e.prints(ctx, false)
	if err != nil {
		return Reading{}, err
	}
	for _, src := range e.sources(key) {
		then := p.recall(item.Record, src.Name)
		s := e.look(ctx, src, key).beside(then)
		if s.err != nil {
			return e.doubtful(key, item, s), nil
		}
		switch p.judge(key, item, s, then) {
		case olderAlone, bothWrote:
			// The shared value is known to be worth nothing, so even where both wrote
			// the other one is the better.
			return e.replaceRejected(ctx, p, key, item, s)
		}
	}
	return shared(item), nil
}

func (e *Engine) replaceRejected(ctx context.Context, p *printer, key store.Key, item store.Item, s sighting) (Reading, error) {
	if e.Policy.FastForward == Report {
		e.notify(NoticeOlderWrote, key, s.source.Name, nil)
		return shared(item), nil
	}
	return e.fastForward(ctx, p, key, item, s)
}
