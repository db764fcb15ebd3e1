package coexist

import (
	"context"
	"errors"

	"github.com/kinring/kinring/store"
)

// bulk migrates everything once, on the first operation of a family whose policy
// says so. What fails is told and tried again by the next program: it fails no
// operation. One operation of a program does it, while others go on: what is not
// migrated yet they find in legacy.
func (e *Engine) bulk(ctx context.Context) {
	if e.Policy.BulkMigrate != BulkFirstOperation || e.bulked.Load() || !e.bulking.CompareAndSwap(false, true) {
		return
	}
	defer e.bulking.Store(false)
	if e.BulkTime != nil {
		bounded, end := e.BulkTime(ctx)
		defer end()
		ctx = bounded
	}
	complete, err := e.bulkOn(ctx)
	if errors.Is(err, store.ErrAbsentByDesign) {
		return // there is nowhere to migrate to
	}
	if err != nil {
		e.notify(NoticeMigrationFailed, store.Key{}, "", err)
	}
	if err == nil && complete || errors.Is(err, store.ErrPartial) {
		e.bulked.Store(true)
	}
}

// bulkOn goes on with the migration where it was broken off, and reports whether
// it is complete.
func (e *Engine) bulkOn(ctx context.Context) (complete bool, err error) {
	k, _, err := e.kept(ctx)
	if err != nil || k.Complete {
		return k.Complete, err
	}
	m := &migration{Engine: e, tell: e.BulkTell, lazy: true}
	if k.After != nil {
		m.Progress, m.after, m.names = k.progress(), store.Key{Service: k.After.Service, Account: k.After.Account}, k.Names
	}
	before := m.after
	err = store.At(m.run(ctx), "migrate", "", store.Key{})
	if m.after != before && store.FromContext(ctx) != nil && e.Grace != nil {
		saving, end := e.Grace(ctx)
		defer end()
		if failed := m.keep(saving); failed != nil {
			e.notify(NoticeMigrationFailed, store.Key{}, "", failed)
		}
	}
	return m.Complete, err
}

// Reset forgets what the engine knows of the shared store, for one whose shared
// store becomes another.
func (e *Engine) Reset() {
	e.printer.Store(nil)
	e.bulked.Store(false)
}
