package coexist

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/kinring/kinring/store"
)

// Pruned says what a Prune did, or would do, with one key in one source.
type Pruned struct {
	Key    store.Key
	Source string
	// Err says why the value was left alone; nil if it was removed, or would be.
	Err error
}

// Prune removes from the legacy sources what the shared store holds too, so that
// older builds are signed out on purpose. It removes only a value that both
// agree on, and keeps it in a reserved item of the shared store until Forget.
// With dryRun it only says what it would do.
func (e *Engine) Prune(ctx context.Context, dryRun bool, keys ...store.Key) ([]Pruned, error) {
	defer e.batch()()
	var out []Pruned
	var failed parts
	for _, key := range keys {
		before := len(out)
		err := e.do(ctx, "prune", key, func(ctx context.Context) error {
			if err := e.sharing(key); err != nil {
				return err
			}
			return e.inTurn(ctx, key, func() error {
				done, err := e.prune(ctx, key, dryRun)
				out = append(out, done...)
				return err
			})
		})
		if err != nil || len(out) > before { // else there was nothing to be done
			failed.note(key.Redacted(), err)
		}
	}
	err := failed.err()
	var partial *store.Error
	if errors.As(err, &partial) && partial.Class == store.ErrPartial {
		partial.Op, partial.Remedy = "prune", "see what keeps these keys from being removed"
	}
	return out, err
}

func (e *Engine) prune(ctx context.Context, key store.Key, dryRun bool) ([]Pruned, error) {
	p, err := e.prints(ctx, !dryRun)
	if err != nil {
		return nil, err
	}
	var out []Pruned
	var failed parts
	for _, src := range e.sources(key) {
		s := e.look(ctx, src, key)
		if s.err == nil && !s.present {
			continue
		}
		if s.err == nil {
			s.err = e.pruneOne(ctx, p, key, s, dryRun)
		}
		out = append(out, Pruned{key, src.Name, s.err})
		failed.note(src.Name, s.err)
	}
	return out, failed.err()
}

// pruneOne keeps the value, records that kinring removes it, and then removes it
// if it is still the same.
func (e *Engine) pruneOne(ctx context.Context, p *printer, key store.Key, s sighting, dryRun bool) error {
	item, err := e.Shared.Get(ctx, key)
	if err != nil {
		return err
	}
	if err := prunable(p, key, item, s); err != nil || dryRun {
		return err
	}
	if err := e.keepPruned(ctx, key, s); err != nil {
		return err
	}
	sources := inherit(p, item.Record, e.sources(key))
	for i := range sources {
		if sources[i].Source == s.source.Name {
			sources[i] = s.pruned(p, key, sources[i])
		}
	}
	next := store.Item{Value: item.Value, Record: record(p, key, item.Value, item.Record.Generation+1, sources)}
	if _, err := e.Shared.Put(ctx, key, next, store.Match(item.Revision)); err != nil {
		return err
	}
	err = s.source.Store.Delete(ctx, key, store.Match(s.revision))
	return store.At(err, "", s.source.Name, key)
}

// prunable refuses to remove what the shared store does not hold, or what an
// older build wrote since both agreed.
func prunable(p *printer, key store.Key, item store.Item, s sighting) error {
	then := p.recall(item.Record, s.source.Name)
	switch {
	case isMarker(item):
		return &store.Error{Class: store.ErrConflict, Detail: "the key is marked as deleted", Remedy: "delete it again to finish"}
	case !item.Record.Readable():
		return writable(item)
	case sameValue(s, item.Value), then.Kind == store.Held && !p.changed(key, s, then):
		return nil
	}
	return &store.Error{Class: store.ErrConflict, Store: s.source.Name,
		Detail: "an older build wrote there since both agreed", Remedy: "reconcile the key first"}
}

// prunedPrefix begins the accounts of the reserved items that keep pruned
// values.
const prunedPrefix = "pruned/"

// prunedAccount names the item that keeps a pruned value: the source, and the
// digest of the key, which may be too long to stand in an account itself.
func prunedAccount(key store.Key, source string) string {
	name := mac([]byte("kinring pruned key"), []byte(key.Service), []byte{0}, []byte(key.Account))
	return prunedPrefix + source + "/" + base64.RawURLEncoding.EncodeToString(name[:18])
}

func (e *Engine) keepPruned(ctx context.Context, key store.Key, s sighting) error {
	at := store.Key{Service: reserved, Account: prunedAccount(key, s.source.Name)}
	_, err := e.Shared.Put(ctx, at, store.Item{Value: s.value}, store.Any())
	return err
}

// Forget removes the values that Prune kept and returns how many there were.
func (e *Engine) Forget(ctx context.Context) (int, error) {
	entries, err := e.Shared.List(ctx, reserved)
	if err != nil {
		return 0, store.At(err, "prune", "", store.Key{})
	}
	n := 0
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Key.Account, prunedPrefix) {
			continue
		}
		err := e.Shared.Delete(ctx, entry.Key, store.Any())
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return n, store.At(err, "prune", "", entry.Key)
		}
		n++
	}
	return n, nil
}

// pruned is the agreement on a source of which a Prune is about to remove what it
// showed. Anything else that was announced may still arrive there.
func (s sighting) pruned(p *printer, key store.Key, then store.Agreement) store.Agreement {
	a := store.Agreement{Source: s.source.Name, Kind: store.Pruned}
	if then.Pending != s.agreement(p, key).Fingerprint {
		a.Pending = then.Pending
	}
	return a
}
