package coexist

import (
	"context"
	"errors"
	"slices"

	"github.com/kinring/kinring/store"
)

// sharedPart is how a partial result names the shared store.
const sharedPart = "shared"

// Delete removes a key everywhere: it leaves a marker in the shared store, then
// deletes from every legacy source that the older build uses. It reports
// whether there was a value anywhere. Both are always attempted; if something
// failed the error is ErrPartial, and calling Delete again finishes the rest.
func (e *Engine) Delete(ctx context.Context, key store.Key) (existed bool, err error) {
	e.bulk(ctx)
	err = e.do(ctx, "delete", key, func(ctx context.Context) error {
		return e.inTurn(ctx, key, func() error {
			existed, err = e.delete(ctx, key)
			return err
		})
	})
	return existed, err
}

// deletion is a Delete under way.
type deletion struct {
	key     store.Key
	printer *printer
	seen    []sighting
	before  store.Record // of what the marker replaced
	marker  store.Item
	existed bool
	gone    []string // sources that are known to hold nothing any more
	parts
}

// parts collects what was done and what was not.
type parts struct {
	done, missing []string
	cause         error
}

func (p *parts) note(name string, err error) {
	if err == nil {
		p.done = append(p.done, name)
		return
	}
	p.missing = append(p.missing, name)
	// If nothing was done the cause is the answer, and "nothing happened" is not
	// true of a part that may yet happen.
	if p.cause == nil || store.ClassOf(err) == store.ErrOutcomeUnknown {
		p.cause = err
	}
}

// err returns nil if nothing is missing, the cause itself if nothing was done,
// and ErrPartial otherwise.
func (p *parts) err() error {
	switch {
	case len(p.missing) == 0:
		return nil
	case len(p.done) == 0:
		return p.cause
	}
	return &store.Error{Class: store.ErrPartial, Done: p.done, Missing: p.missing, Err: p.cause,
		Remedy: unlessPartial(p.cause, "delete again to finish")}
}

func (e *Engine) delete(ctx context.Context, key store.Key) (bool, error) {
	d := &deletion{key: key, printer: &printer{}}
	shares := !e.Traits(key).LegacyOnly
	if shares {
		e.markDeleted(ctx, d)
	} else {
		d.seen = e.lookAll(ctx, key)
	}
	e.deleteLegacy(ctx, d)
	if d.marker.Revision != "" {
		e.complete(ctx, d)
	}
	return d.existed, d.err()
}

// finish finishes a deletion whose marker was read: it deletes from legacy what
// was there when the key was deleted, and no more. With all it deletes what older
// builds wrote since, too; without, it reports that something is left. If another
// program wrote the key since, the marker is not completed.
func (e *Engine) finish(ctx context.Context, p *printer, key store.Key, marker store.Item, all bool) (left bool, err error) {
	if err := writable(marker); err != nil {
		return false, err
	}
	d := &deletion{key: key, printer: p, marker: marker}
	for _, src := range e.sources(key) {
		then := p.recall(marker.Record, src.Name)
		s := e.look(ctx, src, key).beside(then)
		switch {
		case s.inactive:
		case s.err != nil:
			d.note(src.Name, s.err)
		case !s.present:
			d.gone = append(d.gone, src.Name)
		case all || then.Kind == store.Held && !p.changed(key, s, then):
			d.remove(ctx, s, store.Match(s.revision))
		default:
			left = true
		}
	}
	e.complete(ctx, d)
	return left, d.err()
}

// remove deletes from one source.
func (d *deletion) remove(ctx context.Context, s sighting, cond store.Condition) {
	d.removed(s, s.source.Store.Delete(ctx, d.key, cond))
}

// removed notes what came of deleting from a source.
func (d *deletion) removed(s sighting, err error) {
	missing := errors.Is(err, store.ErrNotFound)
	if missing {
		err = nil
	}
	d.note(s.source.Name, store.At(err, "", s.source.Name, d.key))
	if written(err) {
		d.existed = d.existed || !missing
		d.gone = append(d.gone, s.source.Name)
	}
}

// markDeleted puts the marker, with what each source held at that moment. A
// shared store that is absent by design has nothing to mark.
func (e *Engine) markDeleted(ctx context.Context, d *deletion) {
	err := again(ctx, func() error { return e.tryMark(ctx, d) })
	if errors.Is(err, store.ErrAbsentByDesign) {
		return
	}
	d.note(sharedPart, err)
}

func (e *Engine) tryMark(ctx context.Context, d *deletion) error {
	over, err := e.toMark(ctx, d)
	// Legacy is looked at after the shared store: what the marker says of it must
	// not be older than what another program made the value from that it replaces.
	// And it is looked at even if that store fails: its part of the deletion is
	// attempted in any case.
	d.seen = e.lookAll(ctx, d.key)
	absent := errors.Is(err, store.ErrNotFound)
	if err != nil && !absent {
		return err
	}
	if err := writable(over); err != nil {
		return err
	}
	existed := !absent && !isMarker(over)
	d.before = over.Record
	err = e.putMarker(ctx, d, over, absent)
	d.existed = d.existed || existed && err == nil
	return err
}

// toMark returns what a marker is to replace.
func (e *Engine) toMark(ctx context.Context, d *deletion) (store.Item, error) {
	p, err := e.prints(ctx, true)
	if err != nil {
		return store.Item{}, err
	}
	d.printer = p
	return e.Shared.Get(ctx, d.key)
}

func (e *Engine) putMarker(ctx context.Context, d *deletion, over store.Item, absent bool) error {
	cond := store.Match(over.Revision)
	if absent {
		cond = store.Absent()
	}
	var err error
	d.marker, err = e.writeMarker(ctx, d.key, over.Record.Generation+1, d.printer,
		e.atDeletion(d.printer, d.key, d.seen, over.Record), cond)
	return err
}

// atDeletion returns what each source held when a key was deleted. A mirror
// that was announced and may still land is carried on, so that it never passes
// for a new sign-in.
func (e *Engine) atDeletion(p *printer, key store.Key, seen []sighting, before store.Record) []store.Agreement {
	now := agreed(p, key, e.sources(key), seen)
	for i := range now {
		now[i].Pending = p.recall(before, now[i].Source).Pending
	}
	return now
}

func (e *Engine) writeMarker(ctx context.Context, key store.Key, generation uint64, p *printer, sources []store.Agreement, cond store.Condition) (store.Item, error) {
	r := record(p, key, store.Value{}, generation, sources)
	r.Kind = store.KindMarker
	item := store.Item{Record: r}
	var err error
	item.Revision, err = e.Shared.Put(ctx, key, item, cond)
	return item, err
}

// mark puts a marker over a shared value that an older build signed out of,
// without touching legacy. Of the source that showed the sign-out the marker
// says what was seen then: what is there by now may be a new sign-in, which must
// not pass as the value that was deleted. It reports false, and does nothing, if
// another source holds a value: then no older build is signed out. One that
// cannot be read ends the attempt.
func (e *Engine) mark(ctx context.Context, p *printer, key store.Key, over store.Item, gone sighting) (bool, error) {
	if err := writable(over); err != nil {
		return false, err
	}
	var seen []sighting
	for _, src := range e.sources(key) {
		s := gone
		if src.Name != gone.source.Name {
			s = e.look(ctx, src, key)
		}
		if s.err != nil || s.present {
			return false, s.err
		}
		if s.passed != nil {
			return false, nil
		}
		seen = append(seen, s)
	}
	_, err := e.writeMarker(ctx, key, over.Record.Generation+1, p,
		e.atDeletion(p, key, seen, over.Record), store.Match(over.Revision))
	return err == nil, err
}

func (e *Engine) lookAll(ctx context.Context, key store.Key) []sighting {
	var seen []sighting
	for _, src := range e.sources(key) {
		seen = append(seen, e.look(ctx, src, key))
	}
	return seen
}

// deleteLegacy deletes from every source in use, also from one that could not be
// read: that it is unreadable does not mean that it holds nothing.
func (e *Engine) deleteLegacy(ctx context.Context, d *deletion) {
	for _, s := range d.seen {
		if s = s.beside(d.printer.recall(d.before, s.source.Name)); !s.inactive || s.hides() {
			e.removeSeen(ctx, d, s)
		}
	}
}

// removeSeen deletes what a source showed, and what took its place before that
// could be deleted: where there was nothing it looks again, because the marker says
// so and would take for a new sign-in what came in between. Each attempt is
// conditional on what was seen, so that one that lands late removes nothing that an
// older build wrote meanwhile. What could not be read is deleted whatever it is.
func (e *Engine) removeSeen(ctx context.Context, d *deletion, s sighting) {
	if s.err == nil && s.passed == nil && !s.present {
		s = e.look(ctx, s.source, d.key)
	}
	err := again(ctx, func() error {
		switch {
		case s.err != nil || s.passed != nil:
			return s.source.Store.Delete(ctx, d.key, store.Any())
		case !s.present:
			return &store.Error{Class: store.ErrNotFound}
		}
		err := s.source.Store.Delete(ctx, d.key, store.Match(s.revision))
		if errors.Is(err, store.ErrConflict) {
			s = e.look(ctx, s.source, d.key)
		}
		return err
	})
	d.removed(s, err)
}

// complete renews the marker to say which sources are empty now. Until then it
// carries what they held, which is enough to keep the value deleted but would
// mistake a later sign-in with the very same value for it.
func (e *Engine) complete(ctx context.Context, d *deletion) {
	now := inherit(d.printer, d.marker.Record, e.sources(d.key))
	for i := range now {
		if slices.Contains(d.gone, now[i].Source) {
			now[i].Kind, now[i].Fingerprint = store.AbsentThere, ""
		}
	}
	if slices.Equal(now, d.marker.Record.Sources) {
		return
	}
	_, err := e.writeMarker(ctx, d.key, d.marker.Record.Generation+1, d.printer, now, store.Match(d.marker.Revision))
	if err != nil && !errors.Is(err, store.ErrConflict) {
		e.notify(NoticeFinishFailed, d.key, "", err)
		d.note("marker", err)
	}
}
