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
		var end func()
		ctx, end = e.BulkTime(ctx)
		defer end()
	}
	p, _, err := e.Migrated(ctx)
	if err == nil && !p.Complete {
		p, err = e.Migrate(ctx, false, e.BulkTell)
	}
	if errors.Is(err, store.ErrAbsentByDesign) {
		return // there is nowhere to migrate to
	}
	if err != nil {
		e.notify(NoticeMigrationFailed, store.Key{}, "", err)
	}
	if err == nil && p.Complete || errors.Is(err, store.ErrPartial) {
		e.bulked.Store(true)
	}
}

// Reset forgets what the engine knows of the shared store, for one whose shared
// store becomes another.
func (e *Engine) Reset() {
	e.printer.Store(nil)
	e.bulked.Store(false)
}
