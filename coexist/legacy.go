package coexist

import (
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
	return s
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
// because the value behind it would be the one. seen holds every look made.
func (e *Engine) first(ctx context.Context, key store.Key) (found sighting, seen []sighting, err error) {
	for _, src := range e.sources(key) {
		s := e.look(ctx, src, key)
		if s.err != nil {
			return s, seen, s.err
		}
		seen = append(seen, s)
		if s.present {
			return s, seen, nil
		}
	}
	return sighting{}, seen, &store.Error{Class: store.ErrNotFound}
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
	if then.Pending != a.Fingerprint {
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
