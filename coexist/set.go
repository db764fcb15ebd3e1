package coexist

import (
	"context"
	"errors"
	"slices"

	"github.com/kinring/kinring/store"
)

// Written is the answer of a Set.
type Written struct {
	Revision   store.Revision
	Generation uint64
}

// Set writes a value to the shared store, over whatever is there. Under
// dual-write the older build gets it too; otherwise it keeps the value it has.
func (e *Engine) Set(ctx context.Context, key store.Key, value store.Value) (Written, error) {
	e.bulk(ctx)
	var w Written
	err := e.do(ctx, "set", key, func(ctx context.Context) error {
		if err := e.acceptable(key, value); err != nil {
			return err
		}
		var err error
		w, err = e.set(ctx, key, value)
		return err
	})
	return w, err
}

// acceptable refuses, before a store is touched, a value over a limit or not of
// the kind that the profile names, and a key that has no place to be written.
func (e *Engine) acceptable(key store.Key, value store.Value) error {
	unshared := e.Traits(key).LegacyOnly
	if unshared && (e.Policy.Writes != DualWrite || len(e.sources(key)) == 0) {
		return &store.Error{Class: store.ErrUnsupported,
			Detail: "the profile does not share this key, and this build has no legacy source to write it to",
			Remedy: "add the key to the profile's share list"}
	}
	if err := store.CheckItem(store.Item{Value: value}, e.Shared.Info().Capabilities); !unshared && err != nil {
		return err
	}
	var refused *store.Error
	if errors.As(e.check(key, value), &refused) {
		refused.Class, refused.Remedy = store.ErrInvalid, "give a value of the kind that the profile names"
		return refused
	}
	return nil
}

func (e *Engine) set(ctx context.Context, key store.Key, value store.Value) (Written, error) {
	if e.Policy.Writes == DualWrite && len(e.sources(key)) > 0 {
		return e.setDual(ctx, key, value)
	}
	return e.setShared(ctx, key, value)
}

func (e *Engine) setShared(ctx context.Context, key store.Key, value store.Value) (Written, error) {
	var w Written
	err := again(ctx, func() error {
		item, err := e.putShared(ctx, key, value, "")
		w = Written{Revision: item.Revision, Generation: item.Record.Generation}
		return err
	})
	return w, err
}

// putShared is one attempt to write a value to the shared store, over whatever
// is there. It announces the value for the source that it is about to be
// mirrored to; an empty name is none.
func (e *Engine) putShared(ctx context.Context, key store.Key, value store.Value, mirroredTo string) (store.Item, error) {
	over, err := e.Shared.Get(ctx, key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.Item{}, err
	}
	if err := writable(over); err != nil {
		return store.Item{}, err
	}
	p, err := e.prints(ctx, true)
	if err != nil {
		return store.Item{}, err
	}
	item, cond := e.successor(p, key, value, over,
		func() []store.Agreement { return e.glance(ctx, p, key) },
		func(a store.Agreement) bool { return a.Source == mirroredTo })
	item.Revision, err = e.Shared.Put(ctx, key, item, cond)
	return item, err
}

// successor returns the item that puts a value over another one, the zero Item
// if there is none, and the condition under which it may. Where the record
// before says nothing of use, noted tells what the sources hold. Sources for
// which announced holds are about to be given the value too: the record says so,
// and whoever finds it there after a crash knows that no older build wrote it.
func (e *Engine) successor(p *printer, key store.Key, value store.Value, over store.Item, noted func() []store.Agreement, announced func(store.Agreement) bool) (store.Item, store.Condition) {
	then := inherit(p, over.Record, e.sources(key))
	cond, sources := store.Match(over.Revision), slices.Clone(then)
	again := repeats(p, key, value, sources, e.sources(key))
	switch {
	case over.Revision == "":
		cond, sources = store.Absent(), noted()
	case again && isMarker(over):
		// What legacy still holds is left over from a deletion that may yet finish;
		// when it goes, no older build will have signed out.
		sources = agreed(p, key, e.sources(key), nil)
	case again:
		sources = noted()
	}
	for i, src := range e.sources(key) {
		// What another program announced may still be on its way there.
		sources[i].Pending = then[i].Pending
		if announced(sources[i]) {
			sources[i].Pending = announcement(p.seen(key, src, value), sources[i])
		}
	}
	return store.Item{Value: value, Record: record(p, key, value, over.Record.Generation+1, sources)}, cond
}

// announcement returns what a record announces for a source that is about to be
// given a value. One that the source is known to hold needs none: then what was
// announced before, and may still be on its way, stays on the record.
func announcement(value store.Fingerprint, then store.Agreement) store.Fingerprint {
	if then.Pending != "" && then.Kind == store.Held && then.Fingerprint == value {
		return then.Pending
	}
	return value
}

// repeats reports whether a value is what a source last agreed on. Written over
// the same agreement, it would look as if no new build had written since, and
// what an older build wrote before would pass as newer.
func repeats(p *printer, key store.Key, value store.Value, then []store.Agreement, sources []Source) bool {
	for i, a := range then {
		if a.Kind == store.Held && p.seen(key, sources[i], value) == a.Fingerprint {
			return true
		}
	}
	return false
}

// glance notes what the legacy sources hold now, so that a later write of an
// older build can be told from it. It asks only
// sources that never prompt, and what it cannot tell is unknown: a Set does not
// fail because of a legacy source.
func (e *Engine) glance(ctx context.Context, p *printer, key store.Key) []store.Agreement {
	sources := e.sources(key)
	var seen []sighting
	for _, src := range sources {
		if !src.Store.Info().Capabilities.MayPrompt {
			seen = append(seen, e.look(ctx, src, key))
		}
	}
	return agreed(p, key, sources, seen)
}
