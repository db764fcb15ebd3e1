package coexist

import (
	"context"
	"errors"

	"github.com/kinring/kinring/store"
)

// Rollback gives the shared value back to the older builds: it writes it to the
// sources that they use, then records that both agree. A source that holds
// something else than what both last agreed on is ErrConflict, unless forced. On
// a marker it finishes the deletion there. It returns the names of the sources
// that it wrote to.
func (e *Engine) Rollback(ctx context.Context, key store.Key, force bool) ([]string, error) {
	var wrote []string
	err := e.do(ctx, "rollback", key, func(ctx context.Context) error {
		item, err := e.Shared.Get(ctx, key)
		switch {
		case err != nil:
			return err
		case isMarker(item):
			_, err := e.delete(ctx, key)
			return err
		}
		wrote, err = e.rollback(ctx, key, item, force)
		return err
	})
	return wrote, err
}

func (e *Engine) rollback(ctx context.Context, key store.Key, item store.Item, force bool) ([]string, error) {
	p, err := e.prints(ctx, true)
	if err != nil {
		return nil, err
	}
	s, err := e.firstActive(ctx, key)
	if err != nil {
		return nil, err
	}
	if s, err = e.giveBack(ctx, p, key, item, s, force); err != nil {
		return nil, err
	}
	_, err = e.confirm(ctx, p, key, item, []sighting{s})
	return []string{s.source.Name}, err
}

// firstActive looks at the source where the older build would look for the key:
// the first that holds it, else the first that it uses.
func (e *Engine) firstActive(ctx context.Context, key store.Key) (sighting, error) {
	found, seen, err := e.first(ctx, key)
	if err == nil {
		return found, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return found, err
	}
	for _, s := range seen {
		if !s.inactive {
			return s, nil
		}
	}
	return sighting{}, &store.Error{Class: store.ErrUnavailable, Reason: store.ErrAbsentByDesign,
		Detail: "the older build uses no store that this profile names"}
}

// giveBack writes the shared value to a source, over what both agreed on or over
// nothing.
func (e *Engine) giveBack(ctx context.Context, p *printer, key store.Key, item store.Item, s sighting, force bool) (sighting, error) {
	if s.present && sameValue(s, item.Value) {
		return s, nil
	}
	then := p.recall(item.Record, s.source.Name)
	if s.present && !force && (then.Kind != store.Held || p.changed(key, s, then)) {
		return s, &store.Error{Class: store.ErrConflict, Store: s.source.Name,
			Detail: "an older build wrote there since both agreed", Remedy: "force it, or take the legacy value"}
	}
	cond := store.Absent()
	if s.present {
		cond = store.Match(s.revision)
	}
	if _, err := s.source.Store.Put(ctx, key, store.Item{Value: item.Value}, cond); err != nil {
		return s, store.At(err, "", s.source.Name, key)
	}
	s.present, s.value = true, item.Value
	return s, nil
}
