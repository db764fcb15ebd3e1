package kinring

import (
	"context"
	"errors"
	"sync"

	"github.com/kinring/kinring/store"
)

// sharedStore opens the family's shared store when it is first needed. A failure
// to open is the answer of that one call, not of later ones: what was locked or
// missing may be there the next time.
type sharedStore struct {
	driver store.Driver
	family store.Family
	choice choice
	broker brokerage
	memory *memory // nil: the ring never keeps secrets in memory
	said   func(error)
	noted  stamps // of the sources, beside this store
	own    ownLeases

	mu     sync.Mutex
	opened store.Store
	closed bool
}

func (s *sharedStore) open(ctx context.Context) (store.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &store.Error{Class: store.ErrUnavailable, Store: s.driver.Kind(), Detail: "the ring is closed"}
	}
	if s.opened != nil {
		return s.opened, nil
	}
	opened, err := s.memory.open(ctx, s)
	if opened != nil || err != nil {
		s.opened = opened
		return opened, err
	}
	opened, err = s.throughBroker(ctx)
	if opened == nil && err == nil {
		opened, err = s.driver.Open(ctx, s.family)
	}
	if errors.Is(err, ErrAbsentByDesign) && s.said != nil {
		s.said(err)
	}
	if err != nil {
		return s.instead(ctx, store.At(err, "", s.driver.Kind(), store.Key{}))
	}
	if err := s.choice.check(opened.Info()); err != nil {
		_ = opened.Close() // nothing was written: the refusal is the answer
		return nil, err
	}
	s.opened = opened
	return opened, nil
}

// instead returns the store in memory where that is to take the place of one
// that cannot be had.
func (s *sharedStore) instead(ctx context.Context, cause error) (store.Store, error) {
	opened, err := s.memory.instead(ctx, s, cause)
	s.opened = opened
	return opened, err
}

func (s *sharedStore) Info() store.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened != nil {
		return s.opened.Info()
	}
	return store.Info{Kind: s.driver.Kind(), Capabilities: s.driver.Capabilities()}
}

func (s *sharedStore) Get(ctx context.Context, key store.Key) (store.Item, error) {
	opened, err := s.open(ctx)
	if err != nil {
		return store.Item{}, err
	}
	return opened.Get(ctx, key)
}

// Put records the family's choice of store before the first write, so that
// nothing is ever in a store that later rings do not know of.
func (s *sharedStore) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	opened, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	if err := s.choice.record(ctx, opened.Info()); err != nil {
		return "", err
	}
	return opened.Put(ctx, key, item, cond)
}

func (s *sharedStore) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	opened, err := s.open(ctx)
	if err != nil {
		return err
	}
	return opened.Delete(ctx, key, cond)
}

func (s *sharedStore) List(ctx context.Context, service string) ([]store.Entry, error) {
	opened, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	return opened.List(ctx, service)
}

// Watch passes on the changes that the store tells of. It does not open the store,
// which may ask somebody: ErrUnsupported while it is not open, and if it tells of
// none.
func (s *sharedStore) Watch(ctx context.Context, changed func(store.Key)) error {
	s.mu.Lock()
	opened := s.opened
	s.mu.Unlock()
	if w, ok := opened.(store.Watcher); ok && opened.Info().Capabilities.Events {
		return w.Watch(ctx, changed)
	}
	return &store.Error{Class: store.ErrUnsupported, Store: s.driver.Kind(), Detail: "it does not tell of changes"}
}

func (s *sharedStore) FingerprintKey(ctx context.Context) ([]byte, error) {
	opened, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	if k, ok := opened.(store.FingerprintKeyer); ok {
		return k.FingerprintKey(ctx)
	}
	return nil, &store.Error{Class: store.ErrUnsupported, Store: opened.Info().Kind, Detail: "it derives no fingerprint key"}
}

// kind returns the kind of the store as it is now.
func (s *sharedStore) kind() string { return s.driverNow().Kind() }

func (s *sharedStore) driverNow() store.Driver {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.driver
}

// reset closes the store; the next operation opens it anew, with another driver
// if there is one.
func (s *sharedStore) reset(d store.Driver) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noted.forget()
	if s.memory != nil {
		s.memory.inUse.Store(false)
	}
	if d != nil {
		s.driver = d
		if s.memory != nil && s.memory.chosen {
			s.memory = nil
		}
	}
	opened := s.opened
	s.opened = nil
	if opened == nil {
		return nil
	}
	return opened.Close()
}

func (s *sharedStore) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.opened == nil {
		return nil
	}
	return s.opened.Close()
}

// lock closes the opened store; it is opened anew when it is next needed.
func (s *sharedStore) lock() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	opened := s.opened
	s.opened = nil
	if opened == nil {
		return nil
	}
	return opened.Close()
}

func (s *sharedStore) isOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened != nil
}
