package coexist

import (
	"context"
	"slices"

	"github.com/kinring/kinring/store"
)

// Rollback gives the shared value back to the older builds: it writes it to the
// source where they would look, then records that both agree. If that holds
// something else than what both last agreed on, it is ErrConflict, unless forced.
// On a marker it finishes the deletion there. It returns the names of the sources
// that it wrote to.
func (e *Engine) Rollback(ctx context.Context, key store.Key, force bool) ([]string, error) {
	var wrote []string
	err := e.do(ctx, "rollback", key, func(ctx context.Context) error {
		if err := e.sharing(key); err != nil {
			return err
		}
		return e.inTurn(ctx, key, func() error {
			return again(ctx, func() (err error) {
				wrote, err = e.rollback(ctx, key, force)
				return err
			})
		})
	})
	return wrote, err
}

func (e *Engine) rollback(ctx context.Context, key store.Key, force bool) ([]string, error) {
	p, err := e.prints(ctx, true)
	if err != nil {
		return nil, err
	}
	item, err := e.Shared.Get(ctx, key)
	switch {
	case err != nil:
		return nil, err
	case isMarker(item):
		left, err := e.finish(ctx, p, key, item, force)
		if err == nil && left {
			err = refusal{&store.Error{Class: store.ErrConflict, Detail: "an older build signed in since the key was deleted",
				Remedy: "force it, or take the legacy value"}}
		}
		return nil, err
	}
	return e.giveBack(ctx, p, key, item, force)
}

// giveBack writes a shared value to the source where the older build would look:
// announced first, so that whoever finds it there knows that no older build wrote
// it, and confirmed afterwards.
func (e *Engine) giveBack(ctx context.Context, p *printer, key store.Key, item store.Item, force bool) ([]string, error) {
	if err := writable(item); err != nil {
		return nil, err
	}
	s, err := e.firstActive(ctx, key)
	if err != nil {
		return nil, err
	}
	name := s.source.Name
	if !s.present || !sameValue(s, item.Value) {
		if err := mayReplace(p, key, item, s, force); err != nil {
			return nil, err
		}
		if item, err = e.announce(ctx, p, key, item, s); err != nil {
			return nil, err
		}
		if s, err = putBack(ctx, key, item, s); err != nil {
			return nil, err
		}
	}
	_, err = e.confirm(ctx, p, key, item, []sighting{s})
	return []string{name}, err
}

// mayReplace refuses to overwrite what an older build wrote since both agreed.
func mayReplace(p *printer, key store.Key, item store.Item, s sighting, force bool) error {
	then := p.recall(item.Record, s.source.Name)
	if !s.present || force || then.Kind == store.Held && !p.changed(key, s, then) {
		return nil
	}
	return refusal{&store.Error{Class: store.ErrConflict, Store: s.source.Name,
		Detail: "an older build wrote there since both agreed", Remedy: "force it, or take the legacy value"}}
}

// announce renews a shared value's record to say that the value is about to be
// written over what a source showed. If that is what was announced before, it has
// arrived, and the record says so: it must not pass for an older build's value.
func (e *Engine) announce(ctx context.Context, p *printer, key store.Key, item store.Item, s sighting) (store.Item, error) {
	sources := inherit(p, item.Record, e.sources(key))
	for i, src := range e.sources(key) {
		if src.Name != s.source.Name {
			continue
		}
		if now := s.agreement(p, key); now.Kind == store.Held && now.Fingerprint == sources[i].Pending {
			sources[i] = now
		}
		sources[i].Pending = p.seen(key, src, item.Value)
	}
	next := store.Item{Value: item.Value, Record: record(p, key, item.Value, item.Record.Generation+1, sources)}
	var err error
	next.Revision, err = e.Shared.Put(ctx, key, next, store.Match(item.Revision))
	return next, err
}

// putBack writes a value over what a source showed.
func putBack(ctx context.Context, key store.Key, item store.Item, s sighting) (sighting, error) {
	cond := store.Absent()
	if s.present {
		cond = store.Match(s.revision)
	}
	if _, err := s.source.Store.Put(ctx, key, store.Item{Value: item.Value}, cond); err != nil {
		return s, store.At(err, "", s.source.Name, key)
	}
	s.present, s.value, s.wrote = true, item.Value, true
	return s, nil
}

// firstActive looks at the source where the older build would look for the key:
// the first that holds it, else the first that it uses.
func (e *Engine) firstActive(ctx context.Context, key store.Key) (sighting, error) {
	found, seen, err := e.first(ctx, key)
	if err == nil {
		return found, nil
	}
	if found.err != nil || slices.ContainsFunc(seen, sighting.hides) {
		return found, err
	}
	for _, s := range seen {
		if !s.inactive {
			return s, nil
		}
	}
	return sighting{}, &store.Error{Class: store.ErrUnavailable, Reason: store.ErrAbsentByDesign,
		Detail: "the older build uses no store that this profile names",
		Remedy: "let the older build use one of them, or share the key in the profile"}
}
