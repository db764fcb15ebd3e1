package coexist

import (
	"context"
	"errors"

	"github.com/kinring/kinring/store"
)

// mirror gives a shared value to the older builds: to each source that holds the
// key. It overwrites only what is known to be older: the value that both last
// agreed on, or one that a mirror before left. It returns the sources that have
// the value now and those that do not.
func (e *Engine) mirror(ctx context.Context, p *printer, key store.Key, item store.Item) (done []sighting, failed parts) {
	for _, src := range e.sources(key) {
		s := e.look(ctx, src, key).beside(p.recall(item.Record, src.Name))
		if s.err == nil && !s.present {
			continue // the older build is signed out there, or never was in
		}
		if s.err == nil {
			s, s.err = e.mirrorTo(ctx, p, key, item, s)
		}
		failed.note(src.Name, s.err)
		if written(s.err) {
			done = append(done, s)
		}
	}
	return done, failed
}

// mirrorTo writes a shared value over what a source showed, if that is older.
func (e *Engine) mirrorTo(ctx context.Context, p *printer, key store.Key, item store.Item, s sighting) (sighting, error) {
	if sameValue(s, item.Value) {
		return s, nil
	}
	then := p.recall(item.Record, s.source.Name)
	if then.Kind != store.Held || p.changed(key, s, then) {
		return s, &store.Error{Class: store.ErrConflict, Store: s.source.Name,
			Detail: "an older build wrote there meanwhile; its value was kept", Remedy: "see status"}
	}
	_, err := s.source.Store.Put(ctx, key, store.Item{Value: item.Value}, store.Match(s.revision))
	if written(err) {
		s.value, s.wrote = item.Value, true
	}
	return s, store.At(err, "", s.source.Name, key)
}

// confirm records what both agree on since a mirror: the shared value itself. If
// the key was written meanwhile, that write knows better.
func (e *Engine) confirm(ctx context.Context, p *printer, key store.Key, item store.Item, done []sighting) (store.Item, error) {
	sources := inherit(p, item.Record, e.sources(key))
	for i := range sources {
		for _, s := range done {
			switch {
			case s.source.Name != sources[i].Source:
			case s.wrote: // so what was on its way there meets another revision
				sources[i] = s.agreement(p, key)
			default:
				sources[i] = s.follow(p, key, sources[i])
			}
		}
	}
	next := store.Item{Value: item.Value, Record: record(p, key, item.Value, item.Record.Generation+1, sources)}
	if next.Record.Equal(withGeneration(item.Record, next.Record.Generation)) {
		return item, nil
	}
	var err error
	next.Revision, err = e.Shared.Put(ctx, key, next, store.Match(item.Revision))
	if errors.Is(err, store.ErrConflict) {
		return item, nil
	}
	return next, err
}

func withGeneration(r store.Record, g uint64) store.Record {
	r.Generation = g
	return r
}

// mirrored is mirror and confirm for a value that is in the shared store. What
// is missing afterwards is ErrPartial: the shared store has the value.
func (e *Engine) mirrored(ctx context.Context, p *printer, key store.Key, item store.Item) (store.Item, error) {
	done, failed := e.mirror(ctx, p, key, item)
	if len(done) > 0 {
		next, err := e.confirm(ctx, p, key, item, done)
		if err != nil {
			return item, partialMirror(parts{missing: []string{"record"}, cause: err})
		}
		item = next
	}
	return item, partialMirror(failed)
}

func partialMirror(failed parts) error {
	if len(failed.missing) == 0 {
		return nil
	}
	return &store.Error{Class: store.ErrPartial, Done: append([]string{sharedPart}, failed.done...), Missing: failed.missing,
		Err: failed.cause, Remedy: unlessPartial(failed.cause, "the new value is kept in the shared store; the next update finishes the rest")}
}
