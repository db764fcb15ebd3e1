package coexist

import (
	"context"
	"errors"

	"github.com/kinring/kinring/store"
)

// Written is the answer of a Set.
type Written struct {
	Revision   store.Revision
	Generation uint64
}

// Set writes a value to the shared store, over whatever is there. Older builds
// keep the value that they have.
func (e *Engine) Set(ctx context.Context, key store.Key, value store.Value) (Written, error) {
	var w Written
	err := e.do(ctx, "set", key, func(ctx context.Context) error {
		if err := e.acceptable(key, value); err != nil {
			return err
		}
		return again(ctx, func() (err error) {
			w, err = e.set(ctx, key, value)
			return err
		})
	})
	return w, err
}

// acceptable refuses, before a store is touched, a value over a limit or not of
// the kind that the profile names, and a key that has no place to be written.
func (e *Engine) acceptable(key store.Key, value store.Value) error {
	if e.Traits(key).LegacyOnly {
		return &store.Error{Class: store.ErrUnsupported,
			Detail: "the profile does not share this key, and this build does not write to legacy sources",
			Remedy: "add the key to the profile's share list"}
	}
	if err := store.CheckItem(store.Item{Value: value}, e.Shared.Info().Capabilities); err != nil {
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
	over, err := e.Shared.Get(ctx, key)
	absent := errors.Is(err, store.ErrNotFound)
	if err != nil && !absent {
		return Written{}, err
	}
	if err := writable(over); err != nil {
		return Written{}, err
	}
	p, err := e.prints(ctx, true)
	if err != nil {
		return Written{}, err
	}
	cond, sources := store.Match(over.Revision), inherit(p, over.Record, e.sources(key))
	if absent {
		cond, sources = store.Absent(), e.glance(ctx, p, key)
	} else if repeats(p, key, value, sources, e.sources(key)) {
		sources = e.glance(ctx, p, key)
	}
	next := over.Record.Generation + 1
	rev, err := e.Shared.Put(ctx, key, store.Item{Value: value, Record: record(p, key, value, next, sources)}, cond)
	return Written{Revision: rev, Generation: next}, err
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
