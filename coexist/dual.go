package coexist

import (
	"context"
	"errors"

	"github.com/kinring/kinring/store"
)

// inTurn runs f, which writes legacy sources, while no other program of the
// family does so for this key. It is another lease than that of an Update, which
// may last as long as its function does. Without leases f just runs, and for a key
// that is not shared: there is nothing that a mirror could fall behind.
func (e *Engine) inTurn(ctx context.Context, key store.Key, f func() error) error {
	if e.Leases == nil || len(e.sources(key)) == 0 || e.Traits(key).LegacyOnly {
		return f()
	}
	turn, err := e.Leases.Hold(ctx, store.Key{Service: key.Service, Account: key.Account + turnSuffix})
	if err != nil {
		return err
	}
	err = f()
	if released := turn.Release(); err == nil {
		err = released
	}
	return err
}

// turnSuffix tells the turn on a key from the lease on it. No account holds a
// NUL.
const turnSuffix = "\x00legacy"

// setDual writes the shared store first and then the source where the older
// build would look.
func (e *Engine) setDual(ctx context.Context, key store.Key, value store.Value) (w Written, err error) {
	began := false
	err = e.inTurn(ctx, key, func() error {
		began = true
		w, err = e.setBoth(ctx, key, value)
		return err
	})
	if err != nil && !began {
		err = e.outOfTurn(ctx, key, value, err)
	}
	return w, err
}

// outOfTurn writes the legacy source alone where no turn is to be had because the
// shared store cannot be opened. It gives up where somebody gave up waiting.
func (e *Engine) outOfTurn(ctx context.Context, key store.Key, value store.Value, cause error) error {
	if c := store.ClassOf(cause); c == store.ErrTimedOut || c == store.ErrCancelled {
		return cause
	}
	target, err := e.firstActive(ctx, key)
	if err != nil {
		return cause
	}
	return e.legacyAlone(ctx, key, value, target, cause)
}

func (e *Engine) setBoth(ctx context.Context, key store.Key, value store.Value) (Written, error) {
	target, err := e.firstActive(ctx, key)
	unshared := e.Traits(key).LegacyOnly
	switch {
	case errors.Is(err, store.ErrAbsentByDesign) && !unshared:
		return e.setShared(ctx, key, value) // no older build is there to be given it
	case err != nil:
		return Written{}, err
	case unshared:
		return Written{}, store.At(e.overwrite(ctx, key, value, target.source, nil), "", target.source.Name, key)
	}
	var item store.Item
	err = again(ctx, func() (err error) {
		item, err = e.putShared(ctx, key, value, target.source.Name)
		return err
	})
	switch {
	case errors.Is(err, store.ErrAbsentByDesign): // then legacy is the store
		return Written{}, store.At(e.overwrite(ctx, key, value, target.source, nil), "", target.source.Name, key)
	case err != nil:
		return Written{}, e.legacyAlone(ctx, key, value, target, err)
	}
	return e.setLegacy(ctx, key, item, target.source)
}

// legacyAlone writes the legacy source although the shared store failed, where a
// later Get takes that over; elsewhere the old shared value would win against
// it, so the Set fails whole.
func (e *Engine) legacyAlone(ctx context.Context, key store.Key, value store.Value, target sighting, cause error) error {
	if e.Policy.FastForward != Auto {
		return cause
	}
	// A source that has it, and says that its app does not know yet, has it.
	if err := e.overwrite(ctx, key, value, target.source, nil); err != nil && !written(err) {
		if store.ClassOf(err) == store.ErrOutcomeUnknown {
			return store.At(err, "", target.source.Name, key)
		}
		return cause
	}
	return &store.Error{Class: store.ErrPartial, Done: []string{target.source.Name}, Missing: []string{sharedPart}, Err: cause,
		Remedy: "the older build's store has the new value; set it again when the shared store can be written"}
}

// setLegacy mirrors what was just set and records that both agree.
func (e *Engine) setLegacy(ctx context.Context, key store.Key, item store.Item, src Source) (Written, error) {
	w := Written{Revision: item.Revision, Generation: item.Record.Generation}
	ours := func() (bool, error) {
		now, err := e.Shared.Get(ctx, key)
		return err == nil && now.Revision == item.Revision, err
	}
	var told error
	if err := e.overwrite(ctx, key, item.Value, src, ours); err != nil {
		told = &store.Error{Class: store.ErrPartial, Done: []string{sharedPart}, Missing: []string{src.Name},
			Err: store.At(err, "", src.Name, key), Remedy: unlessPartial(err, "set it again, or reconcile the key")}
		if !written(err) {
			return w, told
		}
	}
	p, err := e.prints(ctx, false)
	if err != nil {
		return w, err
	}
	done := sighting{source: src, present: true, value: item.Value, wrote: true}
	next, err := e.confirm(ctx, p, key, item, []sighting{done})
	if err != nil {
		e.notify(NoticeMirrorFailed, key, src.Name, err)
		return w, told // both hold the value; the record still says that it was to be mirrored
	}
	return Written{Revision: next.Revision, Generation: next.Record.Generation}, told
}

// overwrite puts a value over whatever a source holds. Each attempt is
// conditional on what was seen, so that one that lands late changes nothing. It
// stops, as done, when the value is no longer the newest: who wrote since does
// the rest. A nil current asks nobody.
func (e *Engine) overwrite(ctx context.Context, key store.Key, value store.Value, src Source, current func() (bool, error)) error {
	return again(ctx, func() error {
		s := e.look(ctx, src, key)
		if s.err != nil {
			return s.err
		}
		if current != nil {
			if still, err := current(); err != nil || !still {
				return err
			}
		}
		cond := store.Absent()
		if s.present {
			cond = store.Match(s.revision)
		}
		_, err := src.Store.Put(ctx, key, store.Item{Value: value}, cond)
		return err
	})
}

// written reports whether a source did what it was told, although it says that
// not everybody knows: an app that runs answers from memory until it ends.
func written(err error) bool {
	var own *store.Error
	return err == nil || errors.As(err, &own) && own.Class == store.ErrPartial && len(own.Done) > 0
}

// unlessPartial returns a remedy for what failed, and nothing for what was done
// in part: that has a remedy of its own.
func unlessPartial(err error, remedy string) string {
	if store.ClassOf(err) == store.ErrPartial {
		return ""
	}
	return remedy
}
