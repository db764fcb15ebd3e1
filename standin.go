package kinring

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/internal/fifo"
	"github.com/kinring/kinring/store"
)

// NoticeStandIn says that a development store stands in for the family's shared
// store, which this build cannot get at.
const NoticeStandIn coexist.NoticeKind = "development-store"

// WithDevelopmentStore gives the store that stands in for the shared one where
// this build cannot get at it and the profile allows a store of this kind.
// Without it, it is what is registered under that kind.
func WithDevelopmentStore(d store.Driver) Option { return func(s *settings) { s.development = d } }

// standIn is what a build works with that cannot get at the family's shared
// store: a store of its own that knows no older builds. Nothing that a person
// signed in to with a proper build is copied into it, used up by it, or deleted
// because of it; older builds' values are only read, and marked as unverified.
type standIn struct {
	shared *sharedStore
	engine *coexist.Engine
	once   sync.Once // for saying so
}

// openStandIn prepares the development store, if the profile allows one.
func (r *Ring) openStandIn() error {
	if r.family.Development == "" {
		return nil
	}
	driver := r.development
	if driver == nil || driver.Kind() != r.family.Development {
		var err error
		if driver, err = store.DriverFor(r.family.Development); err != nil {
			return err
		}
	}
	// The choice has a file of its own: it says nothing about the family's store.
	shared := &sharedStore{driver: driver, family: r.storeFamily(),
		choice: choice{dir: r.stateDir, family: r.family.Name + ".development", replace: r.switchStore}}
	config := r.engineConfig(shared)
	config.Sources = nil
	engine, err := coexist.New(config)
	if err != nil {
		return err
	}
	r.stand = &standIn{shared: shared, engine: engine}
	return nil
}

// engineConfig is what an engine over a shared store is made of.
func (r *Ring) engineConfig(shared *sharedStore) coexist.Config {
	return coexist.Config{
		Shared: shared, Sources: r.sources, Policy: r.policy, Services: r.family.Services(), Traits: r.traits,
		Queue: &fifo.Queue{}, Memory: &shared.noted, Leases: leases{shared}, Grace: r.grace, Patience: patience,
		Random: random, Notify: r.noticed, BulkTime: halfTime, BulkTell: r.progress,
	}
}

// standing returns the development store if it stands in, and why it does. It is
// asked before every operation, and settles first whether secrets are kept in
// memory: which keys are shared depends on it.
func (r *Ring) standing(ctx context.Context) (*standIn, error) {
	r.InMemory(ctx)
	if r.stand == nil {
		return nil, nil
	}
	_, cause := r.shared.open(ctx)
	if !errors.Is(cause, ErrOutOfReach) {
		return nil, nil
	}
	r.stand.once.Do(func() {
		r.noticed(Notice{Kind: NoticeStandIn, Source: r.stand.shared.kind(), Err: cause})
	})
	return r.stand, cause
}

// at returns the engine that serves an operation on single keys.
func (r *Ring) at(ctx context.Context) *coexist.Engine {
	if s, _ := r.standing(ctx); s != nil {
		return s.engine
	}
	return r.engine
}

// proper refuses what has no meaning in a development store: it would say
// something about the family's own.
func (r *Ring) proper(ctx context.Context) (*coexist.Engine, error) {
	if s, cause := r.standing(ctx); s != nil {
		return nil, cause
	}
	return r.engine, nil
}

// get reads a key. While a development store stands in, it answers for what it
// has or had; for anything else older builds' stores are asked.
func (r *Ring) get(ctx context.Context, key store.Key) (coexist.Reading, error) {
	s, _ := r.standing(ctx)
	if s == nil {
		return r.engine.Get(ctx, key)
	}
	reading, err := s.engine.Get(ctx, key)
	if !errors.Is(err, ErrNotFound) {
		return reading, err
	}
	if _, marker := s.shared.Get(ctx, key); marker == nil {
		return reading, err // it was deleted here
	}
	older, beyondReach := r.engine.Get(ctx, key)
	if errors.Is(beyondReach, ErrOutOfReach) {
		return reading, err // nothing there either
	}
	return older, beyondReach
}

// list names keys. While a development store stands in, it is what that has and
// what older builds have. names is the engine's List or Names.
func (r *Ring) list(ctx context.Context, names func(*coexist.Engine, context.Context) (coexist.Listing, error)) (coexist.Listing, error) {
	s, _ := r.standing(ctx)
	if s == nil {
		return names(r.engine, ctx)
	}
	here, err := names(s.engine, ctx)
	if err != nil {
		return here, err
	}
	older, err := names(r.engine, ctx)
	for _, k := range older.Keys {
		i, found := slices.BinarySearchFunc(here.Keys, k.Key, func(l coexist.Listed, key store.Key) int { return l.Key.Compare(key) })
		if found {
			here.Keys[i].Where, here.Keys[i].Sources = coexist.InBoth, k.Sources
			continue
		}
		here.Keys = slices.Insert(here.Keys, i, k)
	}
	older.Incomplete = slices.DeleteFunc(older.Incomplete, func(u coexist.Unlisted) bool { return errors.Is(u.Err, ErrOutOfReach) })
	if here.Incomplete = older.Incomplete; len(here.Incomplete) == 0 {
		err = nil
	}
	return here, err
}
