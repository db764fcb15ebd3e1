package coexist

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/kinring/kinring/store"
)

// migrationKey names the reserved item that keeps how far a migration came.
var migrationKey = store.Key{Service: reserved, Account: "migration"}

// Progress says how far a migration is.
type Progress struct {
	Total    int // keys in the legacy sources
	Done     int // keys that the shared store holds now, or has marked as deleted
	Verified int // of these, keys that were read back
	Failed   []FailedKey
	// Complete: every key was verified.
	Complete bool
}

// FailedKey is a key that could not be migrated.
type FailedKey struct {
	Key store.Key
	Err error
}

// Migrate copies what the legacy sources hold into the shared store, key by key
// as Get does, and reads each back. It may be stopped at any point, run again,
// and run by several programs at once; legacy is never changed. With dryRun it
// only counts. tell is called after each key and may be nil. If some keys failed
// the error is ErrPartial.
func (e *Engine) Migrate(ctx context.Context, dryRun bool, tell func(Progress)) (Progress, error) {
	m := &migration{Engine: e, dryRun: dryRun, tell: tell}
	err := m.run(ctx)
	return m.Progress, store.At(err, "migrate", "", store.Key{})
}

type migration struct {
	*Engine
	Progress
	dryRun bool
	tell   func(Progress)
	// after is the last key that was dealt with, by this run or by one before that
	// it goes on from; then names are the digest of what that one dealt with.
	after store.Key
	names string
	keys  []store.Key // all there are
	// lazy: nobody asked for it. That there is nothing to migrate is not kept, so
	// that what comes later is.
	lazy bool
}

func (m *migration) run(ctx context.Context) error {
	if m.tell == nil {
		m.tell = func(Progress) {}
	}
	var err error
	if m.keys, err = m.snapshot(ctx); err != nil {
		return err
	}
	if m.dealtWith() != m.names { // older builds signed in or out since
		m.Progress, m.after = Progress{}, store.Key{}
	}
	defer m.batch()()
	m.Total = len(m.keys)
	for _, key := range m.keys {
		if key.Compare(m.after) <= 0 {
			continue
		}
		if err := store.FromContext(ctx); err != nil {
			return err
		}
		if err := m.one(ctx, key); err != nil {
			return err
		}
		m.after = key
		m.tell(m.Progress)
	}
	m.Complete = m.Verified >= m.Total && len(m.Failed) == 0
	m.after = store.Key{}
	return m.finish(ctx)
}

// dealtWith returns a digest of the keys up to the last that was dealt with; empty
// if none was.
func (m *migration) dealtWith() string {
	if m.after == (store.Key{}) {
		return ""
	}
	sum := sha256.New()
	for _, key := range m.keys {
		if key.Compare(m.after) <= 0 {
			fmt.Fprintf(sum, "%q %q\n", key.Service, key.Account)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// snapshot returns the shared keys that legacy sources in use hold. A source
// that cannot be listed ends the migration: its keys would be missed unseen.
func (m *migration) snapshot(ctx context.Context) ([]store.Key, error) {
	l := lister{keys: map[store.Key]*Listed{}, marked: map[store.Key]bool{}}
	for _, src := range m.Sources {
		l.legacy(ctx, src)
	}
	if l.cause != nil {
		return nil, l.cause
	}
	keys := slices.SortedFunc(maps.Keys(l.keys), store.Key.Compare)
	return slices.DeleteFunc(keys, func(k store.Key) bool { return m.Traits(k).LegacyOnly }), nil
}

// one migrates one key. It fails only if the time for all of them is over.
func (m *migration) one(ctx context.Context, key store.Key) error {
	err := m.do(ctx, "migrate", key, func(ctx context.Context) error {
		return again(ctx, func() error { return m.copy(ctx, key) })
	})
	switch {
	case err == nil:
		m.Done++
		m.Verified++
	case errors.Is(err, errNotYet):
	case errors.Is(err, store.ErrNotFound):
		m.Total-- // it went away meanwhile: there is nothing to migrate
	case store.FromContext(ctx) != nil:
		return store.FromContext(ctx) // nobody can tell yet: it is looked at again
	default:
		m.Failed = append(m.Failed, FailedKey{key, err})
	}
	return nil
}

// errNotYet is a dry run's word for a key that is to be copied.
var errNotYet = errors.New("not copied yet")

// copy makes one key present in the shared store and reads it back.
func (m *migration) copy(ctx context.Context, key store.Key) error {
	_, err := m.Shared.Get(ctx, key)
	if !errors.Is(err, store.ErrNotFound) {
		return err // there, or marked as deleted; or not to be told
	}
	found, seen, err := m.first(ctx, key)
	if err != nil {
		return err
	}
	if m.dryRun {
		return errNotYet
	}
	if _, err := m.backfill(ctx, key, found, seen); err != nil {
		return err // a conflict starts again, and finds what is there
	}
	return m.readBack(ctx, key, found.value)
}

// readBack makes sure that a copy can be read, unless somebody has written the
// key since, who has an interest of his own in that.
func (m *migration) readBack(ctx context.Context, key store.Key, value store.Value) error {
	item, err := m.Shared.Get(ctx, key)
	if err == nil && item.Record.Generation == 0 && !item.Value.Equal(value) {
		err = &store.Error{Class: store.ErrCorrupt, Detail: "what was copied does not read back the same"}
	}
	return err
}

// kept is the state of a migration as it stands in the reserved item.
type kept struct {
	Done     int          `json:"done"`
	Verified int          `json:"verified"`
	Failed   []keptFailed `json:"failed"`
	Complete bool         `json:"complete"`
	// After is the last key that was dealt with, if the run was broken off.
	After *keptKey `json:"after,omitempty"`
	// Names is the digest of the names of the keys up to that one.
	Names string `json:"names,omitempty"`
}

type keptKey struct {
	Service string `json:"service"`
	Account string `json:"account"`
}

type keptFailed struct {
	Service string `json:"service"`
	Account string `json:"account"`
	Class   string `json:"class"`
}

// maxKeptFailures bounds the reserved item; more failures than that are counted
// by the next run again.
const maxKeptFailures = 100

// finish keeps the state in the shared store. It is what Status shows, not what
// a later run relies on: that looks at each key itself.
func (m *migration) finish(ctx context.Context) error {
	if !m.dryRun && (m.Total > 0 || !m.lazy) {
		if err := m.keep(ctx); err != nil {
			return err
		}
	}
	if len(m.Failed) == 0 {
		return nil
	}
	partial := &store.Error{Class: store.ErrPartial, Err: m.Failed[0].Err,
		Remedy: "see what keeps these keys from being copied, then migrate again"}
	for _, f := range m.Failed[:min(len(m.Failed), maxKeptFailures)] {
		partial.Missing = append(partial.Missing, f.Key.Redacted())
	}
	return partial
}

func (m *migration) keep(ctx context.Context) error {
	k := kept{Done: m.Done, Verified: m.Verified, Complete: m.Complete, Failed: []keptFailed{}}
	for _, f := range m.Failed[:min(len(m.Failed), maxKeptFailures)] {
		name := "internal"
		if c := store.ClassOf(f.Err); c != nil {
			name = c.Name()
		}
		k.Failed = append(k.Failed, keptFailed{f.Key.Service, f.Key.Account, name})
	}
	if m.after != (store.Key{}) {
		k.After, k.Names = &keptKey{m.after.Service, m.after.Account}, m.dealtWith()
	}
	text, err := json.Marshal(k)
	if err != nil {
		return err
	}
	_, err = m.Shared.Put(ctx, migrationKey, store.Item{Value: store.NewValue(text)}, store.Any())
	return err
}

// Migrated returns how far the last migration came, and whether there was one.
func (e *Engine) Migrated(ctx context.Context) (Progress, bool, error) {
	k, ran, err := e.kept(ctx)
	return k.progress(), ran, err
}

func (e *Engine) kept(ctx context.Context) (k kept, ran bool, err error) {
	item, err := e.Shared.Get(ctx, migrationKey)
	if errors.Is(err, store.ErrNotFound) {
		return kept{}, false, nil
	}
	if err != nil {
		return kept{}, false, err
	}
	item.Value.View(func(b []byte) { err = json.Unmarshal(b, &k) })
	if err != nil {
		return kept{}, false, &store.Error{Class: store.ErrCorrupt, Detail: "the state of the migration cannot be read", Err: err}
	}
	return k, true, nil
}

func (k kept) progress() Progress {
	p := Progress{Total: k.Done + len(k.Failed), Done: k.Done, Verified: k.Verified, Complete: k.Complete}
	for _, f := range k.Failed {
		p.Failed = append(p.Failed, FailedKey{store.Key{Service: f.Service, Account: f.Account}, classNamed(f.Class)})
	}
	return p
}

func classNamed(name string) error {
	for _, c := range store.Classes() {
		if c.Name() == name {
			return c
		}
	}
	return errors.New(name)
}
