package coexist

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/kinring/kinring/store"
)

// Where says in which stores a key was seen.
type Where string

// The places.
const (
	InShared Where = "shared"
	InLegacy Where = "legacy"
	InBoth   Where = "both"
	// Somewhere: a legacy source names a key that is marked as deleted. Only its
	// value could tell whether that is a leftover or a new sign-in, and List
	// reads no values.
	Somewhere Where = "unknown"
)

// Listed is one key of a list.
type Listed struct {
	Key     store.Key
	Where   Where
	Sources []string // the legacy sources that name it
}

// Unlisted is a store that could not be listed.
type Unlisted struct {
	Source string // "shared" or a legacy source's name
	Err    error
}

// Listing is the answer of a List, sorted by key.
type Listing struct {
	Keys       []Listed
	Incomplete []Unlisted
}

// List names the family's keys without reading a value. If a store could not be
// listed, the error is ErrPartial and the listing holds what the others named.
func (e *Engine) List(ctx context.Context) (Listing, error) {
	e.bulk(ctx)
	return e.Names(ctx)
}

// Names is List for what may change nothing: no migration begins with it.
func (e *Engine) Names(ctx context.Context) (Listing, error) {
	l := lister{keys: map[store.Key]*Listed{}, marked: map[store.Key]bool{}}
	l.shared(ctx, e)
	for _, src := range e.Sources {
		l.legacy(ctx, src)
	}
	return l.listing()
}

type lister struct {
	parts
	keys       map[store.Key]*Listed
	marked     map[store.Key]bool
	incomplete []Unlisted
}

func (l *lister) shared(ctx context.Context, e *Engine) {
	var failed error
	for _, service := range e.Services {
		entries, err := e.Shared.List(ctx, service)
		for _, entry := range entries {
			if entry.Record.Kind == store.KindMarker {
				l.marked[entry.Key] = true
				continue
			}
			l.keys[entry.Key] = &Listed{Key: entry.Key, Where: InShared}
		}
		if failed == nil {
			failed = err
		}
	}
	if !errors.Is(failed, store.ErrAbsentByDesign) {
		l.account(sharedPart, failed)
	}
}

func (l *lister) legacy(ctx context.Context, src Source) {
	if src.Active != nil {
		active, err := src.Active(ctx)
		if err != nil {
			l.account(src.Name, err)
			return
		}
		if !active {
			return
		}
	}
	entries, err := src.Store.List(ctx, "")
	for _, entry := range entries {
		l.add(entry.Key, src)
	}
	if errors.Is(err, store.ErrUnavailable) && src.passesOver(ctx, err) {
		return // there is none where this program runs
	}
	l.account(src.Name, err)
}

func (l *lister) add(key store.Key, src Source) {
	if src.Serves != nil && !src.Serves(key) {
		return
	}
	k := l.keys[key]
	switch {
	case k == nil && l.marked[key]:
		k = &Listed{Key: key, Where: Somewhere}
	case k == nil:
		k = &Listed{Key: key, Where: InLegacy}
	case k.Where == InShared:
		k.Where = InBoth
	}
	k.Sources = append(k.Sources, src.Name)
	l.keys[key] = k
}

func (l *lister) account(name string, err error) {
	l.note(name, err)
	if err != nil {
		l.incomplete = append(l.incomplete, Unlisted{name, err})
	}
}

func (l *lister) listing() (Listing, error) {
	out := Listing{Incomplete: l.incomplete}
	for _, key := range slices.SortedFunc(maps.Keys(l.keys), store.Key.Compare) {
		out.Keys = append(out.Keys, *l.keys[key])
	}
	err := l.err()
	var partial *store.Error
	if errors.As(err, &partial) && partial.Class == store.ErrPartial {
		partial.Op, partial.Remedy = "list", "see what keeps the missing stores from being listed"
	}
	return out, store.At(err, "list", "", store.Key{})
}
