package coexist

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/kinring/kinring/store"
)

// sighting is what one look at one legacy source showed.
type sighting struct {
	source   Source
	inactive bool
	present  bool
	value    store.Value
	revision store.Revision
	err      error // why it could not be told
	passed   error // why the older build passes over the source, which is then inactive
	wrote    bool  // the value is one that was written after the look
}

// beside returns the sighting beside what the record says of the source. One
// that held the key then and cannot be read now is not passed over: the older
// build will come back to what is there.
func (s sighting) beside(then store.Agreement) sighting {
	if s.passed != nil && then.Kind == store.Held {
		s.inactive, s.err = false, s.passed
	}
	return s
}

// look reads one key from one source. A value that cannot be one of this key is
// an error, not a value.
func (e *Engine) look(ctx context.Context, src Source, key store.Key) sighting {
	s := sighting{source: src}
	if src.Active != nil {
		active, err := src.Active(ctx)
		if err != nil || !active {
			s.inactive, s.err = err == nil, store.At(err, "", src.Name, key)
			return s
		}
	}
	item, err := src.Store.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return s
	}
	if err == nil {
		err = e.check(key, item.Value)
	}
	s.present, s.value, s.revision, s.err = err == nil, item.Value, item.Revision, store.At(err, "", src.Name, key)
	if src.passesOver(ctx, s.err) {
		s.inactive, s.passed, s.err = true, s.err, nil
	}
	return s
}

// hides reports whether a source that is passed over may hold something all the
// same: it is there, and only cannot be read.
func (s sighting) hides() bool {
	return s.passed != nil && !errors.Is(s.passed, store.ErrUnavailable)
}

// passesOver reports whether the older build goes on to the next source after
// this failure. It would wait for what is slow, and so does a failure that came
// from the caller's own patience say nothing of the source.
func (src Source) passesOver(ctx context.Context, err error) bool {
	switch store.ClassOf(err) {
	case store.ErrLocked, store.ErrDenied, store.ErrUnavailable, store.ErrAmbiguous, store.ErrCorrupt:
	default:
		return false
	}
	if src.PassesOver == nil {
		return false
	}
	passes, failed := src.PassesOver(ctx)
	return passes && failed == nil
}

// check refuses a value that the profile says cannot be one of this key.
func (e *Engine) check(key store.Key, v store.Value) error {
	check := e.Traits(key).Check
	if check == nil {
		return nil
	}
	var err error
	v.View(func(b []byte) { err = check(b) })
	if err == nil {
		return nil
	}
	return &store.Error{Class: store.ErrCorrupt, Detail: "the value is not what the profile says it is", Err: err}
}

// sources returns the sources that can hold the key, in reading order.
func (e *Engine) sources(key store.Key) []Source {
	return slices.DeleteFunc(slices.Clone(e.Sources), func(s Source) bool {
		return s.Serves != nil && !s.Serves(key)
	})
}

// first returns what the older build itself would read: the first source, in
// its order, that holds the key. A source that cannot be read ends the search,
// because the value behind it would be the one; one that the older build passes
// over keeps the answer from being that there is nothing. seen holds every look
// made.
func (e *Engine) first(ctx context.Context, key store.Key) (found sighting, seen []sighting, err error) {
	err = &store.Error{Class: store.ErrNotFound}
	for _, src := range e.sources(key) {
		s := e.look(ctx, src, key)
		if s.err != nil {
			return s, seen, s.err
		}
		seen = append(seen, s)
		if s.present {
			return s, seen, nil
		}
		if s.passed != nil && errors.Is(err, store.ErrNotFound) {
			err = s.passed
		}
	}
	return sighting{}, seen, err
}

// agreed turns looks into a record's agreements for all sources of the key.
func agreed(p *printer, key store.Key, sources []Source, seen []sighting) []store.Agreement {
	out := make([]store.Agreement, len(sources))
	for i, src := range sources {
		out[i] = store.Agreement{Source: src.Name}
		for _, s := range seen {
			if s.source.Name == src.Name {
				out[i] = s.agreement(p, key)
			}
		}
	}
	return out
}

func (s sighting) agreement(p *printer, key store.Key) store.Agreement {
	a := store.Agreement{Source: s.source.Name}
	switch {
	case s.err != nil || s.inactive:
	case !s.present:
		a.Kind = store.AbsentThere
	default:
		if fp := p.seen(key, s.source, s.value); fp != "" {
			a.Kind, a.Fingerprint = store.Held, fp
		}
	}
	return a
}

// follow is the agreement on what a source showed, after another one. What was
// announced to the source and is not what it showed may still land there.
func (s sighting) follow(p *printer, key store.Key, then store.Agreement) store.Agreement {
	a := s.agreement(p, key)
	switch {
	case then.Kind == store.Pruned && a.Kind == store.Held:
		// A Prune may be about to remove it: then nobody signed out. What is announced
		// says as much, and may yet arrive.
		a.Pending = cmp.Or(then.Pending, a.Fingerprint)
	case then.Pending != a.Fingerprint || then.Pending == then.Fingerprint:
		a.Pending = then.Pending
	}
	return a
}

// inherit carries agreements from one record into the next.
func inherit(p *printer, r store.Record, sources []Source) []store.Agreement {
	out := make([]store.Agreement, len(sources))
	for i, src := range sources {
		out[i] = p.recall(r, src.Name)
	}
	return out
}

// record returns the record of a new write of a value.
func record(p *printer, key store.Key, v store.Value, generation uint64, sources []store.Agreement) store.Record {
	return store.Record{
		Version: store.RecordVersion, Kind: store.KindValue, Generation: generation,
		KeyID: p.id, Digest: p.digest(key, v), Sources: sources,
	}
}
