package kinring

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// WithInMemory keeps all secrets of the ring in this driver's store, which ends
// with the program, because the user chose so: neither the shared store nor a
// legacy source is read or written, nothing is migrated, and nobody is told.
func WithInMemory(d store.Driver) Option {
	return func(s *settings) { s.memory = &memory{driver: d, chosen: true} }
}

// WithInMemoryFallback keeps the secrets of the ring in this driver's store,
// which ends with the program, where there is no other place for them: no shared
// store can be had and none was ever in use for the family, and no older build
// keeps any. The first value that is kept so is told as NoticeInMemory. What is
// locked or refused is no such case. Reinitialize looks again.
func WithInMemoryFallback(d store.Driver) Option {
	return func(s *settings) { s.memory = &memory{driver: d} }
}

// memory is where secrets are kept that are to end with the program.
type memory struct {
	driver store.Driver
	chosen bool
	// legacy reports whether an older build keeps secrets; that it cannot be told
	// counts.
	legacy func(context.Context) bool
	inUse  atomic.Bool
	told   sync.Once
}

// open returns the store in memory if the user chose it.
func (m *memory) open(ctx context.Context, s *sharedStore) (store.Store, error) {
	if m == nil || !m.chosen {
		return nil, nil
	}
	return m.take(ctx, s)
}

// holds reports whether secrets are kept here now.
func (m *memory) holds() bool { return m != nil && m.inUse.Load() }

func (m *memory) take(ctx context.Context, s *sharedStore) (store.Store, error) {
	opened, err := m.driver.Open(ctx, s.family)
	m.inUse.Store(err == nil)
	return opened, err
}

// instead returns the store in memory if it takes the place of the shared one,
// and else why that cannot be had.
func (m *memory) instead(ctx context.Context, s *sharedStore, cause error) (store.Store, error) {
	if m == nil || !errors.Is(cause, ErrUnavailable) || errors.Is(cause, ErrAbsentByDesign) {
		return nil, cause
	}
	if _, recorded, err := s.choice.read(ctx); recorded || err != nil {
		return nil, cause // the family's secrets are in a store that is only away
	}
	if m.legacy != nil && m.legacy(ctx) {
		return nil, cause
	}
	return m.take(ctx, s)
}

// InMemory reports whether the ring keeps secrets for the life of this program
// only. It looks for the shared store first, if it has not been found yet.
func (r *Ring) InMemory(ctx context.Context) bool {
	if r.memory == nil {
		return false
	}
	_, err := r.shared.open(ctx)
	return err == nil && r.memory.holds()
}

// aside wraps what tells whether an older build uses a source: while secrets are
// kept in memory, none does.
func (r *Ring) aside(active func(context.Context) (bool, error)) func(context.Context) (bool, error) {
	if r.memory == nil {
		return active
	}
	return func(ctx context.Context) (bool, error) {
		switch {
		case r.InMemory(ctx):
			return false, nil
		case active == nil:
			return true, nil
		}
		return active(ctx)
	}
}

// watchLegacy lets the memory know whether an older build uses a source.
func (r *Ring) watchLegacy(active func(context.Context) (bool, error)) {
	if r.memory == nil {
		return
	}
	before := r.memory.legacy
	r.memory.legacy = func(ctx context.Context) bool {
		if before != nil && before(ctx) || active == nil {
			return true
		}
		uses, err := active(ctx)
		return uses || err != nil
	}
}

// keptInMemory tells once that a value will not outlive the program. It is part
// of the operation that kept the value.
func (r *Ring) keptInMemory(ctx context.Context, key store.Key, err error) {
	if err == nil && r.memory != nil && !r.memory.chosen && r.InMemory(ctx) {
		r.memory.told.Do(func() { r.noticed(Notice{Kind: coexist.NoticeInMemory, Key: key}) })
	}
}

// Reinitialize makes the ring look anew for its shared store, as if it had just
// been opened: in this driver's store, say after the user agreed to a weaker one,
// or in the same one if it is nil. What was kept in memory ends, and with a driver
// so does WithInMemory; nothing is copied.
func (r *Ring) Reinitialize(d store.Driver) error {
	if d != nil {
		if _, err := coexist.New(r.engineConfig(&sharedStore{driver: d})); err != nil {
			return store.At(err, "open", r.family.Name, store.Key{})
		}
	}
	err := r.shared.reset(d)
	r.engine.Reset()
	return err
}
