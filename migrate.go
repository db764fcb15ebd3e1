package kinring

import (
	"context"
	"slices"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// The answers of the operations that bring older and new builds together.
type (
	// Progress says how far a migration is.
	Progress = coexist.Progress
	// Reconciled is what Reconcile did with one key.
	Reconciled = coexist.Reconciled
	// Pruned is what Prune did with one key in one source.
	Pruned = coexist.Pruned
	// Side says which value stands where both builds wrote.
	Side = coexist.Side
)

// The sides.
const (
	ByPolicy   = coexist.ByPolicy
	TakeShared = coexist.TakeShared
	TakeLegacy = coexist.TakeLegacy
)

// Migrate copies everything that the older builds' stores hold into the shared
// store and reads each key back. It may be stopped and run again, also by
// several programs at once, and changes no older build's store. tell is called
// after each key; it may be nil. Only the context bounds it.
func (r *Ring) Migrate(ctx context.Context, tell func(Progress)) (Progress, error) {
	engine, err := r.proper(ctx)
	if err != nil {
		return Progress{}, err
	}
	return engine.Migrate(r.told(ctx), false, tell)
}

// MigrateDryRun says what Migrate would find, and writes nothing.
func (r *Ring) MigrateDryRun(ctx context.Context) (Progress, error) {
	engine, err := r.proper(ctx)
	if err != nil {
		return Progress{}, err
	}
	return engine.Migrate(silently(ctx), true, nil)
}

// Migrated returns how far the last migration came, and whether there was one.
func (r *Ring) Migrated(ctx context.Context) (Progress, bool, error) {
	ctx, cancel := r.budgeted(ctx)
	defer cancel()
	engine, err := r.proper(ctx)
	if err != nil {
		return Progress{}, false, err
	}
	return engine.Migrated(ctx)
}

// Rollback gives the shared value back to the older builds and returns the
// sources that it wrote to. A source that an older build changed since both
// agreed is ErrConflict, unless forced. The value is there as safe as that
// source keeps it, which may be less than in the shared store.
func (r *Ring) Rollback(ctx context.Context, key store.Key, force bool) ([]string, error) {
	ctx, cancel := r.budgeted(ctx)
	defer cancel()
	engine, err := r.proper(ctx)
	if err != nil {
		return nil, err
	}
	return engine.Rollback(ctx, key, force)
}

// Reconcile brings keys in step as far as the policy goes, or as the side says;
// no keys means all.
func (r *Ring) Reconcile(ctx context.Context, side Side, keys ...store.Key) ([]Reconciled, error) {
	ctx, cancel := r.bounded(ctx, UpdateBudget)
	defer cancel()
	engine, err := r.proper(ctx)
	if err != nil {
		return nil, err
	}
	if keys, err = r.orAll(ctx, keys); err != nil {
		return nil, err
	}
	out, err := engine.Reconcile(ctx, side, keys...)
	for _, key := range keys {
		r.changes.tell(key)
	}
	return out, err
}

// Prune removes from the older builds' stores what the shared store holds too;
// no keys means all. Removed values are kept in the shared store until Forget.
// With dryRun it only says what it would do.
func (r *Ring) Prune(ctx context.Context, dryRun bool, keys ...store.Key) ([]Pruned, error) {
	ctx, cancel := r.bounded(ctx, UpdateBudget)
	defer cancel()
	engine, err := r.proper(ctx)
	if err != nil {
		return nil, err
	}
	if keys, err = r.orAll(ctx, keys); err != nil {
		return nil, err
	}
	return engine.Prune(ctx, dryRun, keys...)
}

// Forget removes the values that Prune kept and returns how many there were.
func (r *Ring) Forget(ctx context.Context) (int, error) {
	ctx, cancel := r.bounded(ctx, UpdateBudget)
	defer cancel()
	engine, err := r.proper(ctx)
	if err != nil {
		return 0, err
	}
	return engine.Forget(ctx)
}

// orAll returns the keys, or all that are shared if there are none.
func (r *Ring) orAll(ctx context.Context, keys []store.Key) ([]store.Key, error) {
	if len(keys) > 0 {
		return keys, nil
	}
	l, err := r.engine.Names(ctx)
	return slices.DeleteFunc(keysOf(l), func(k store.Key) bool { return !r.family.Shared(k) }), err
}

func keysOf(l coexist.Listing) (keys []store.Key) {
	for _, k := range l.Keys {
		keys = append(keys, k.Key)
	}
	return keys
}
