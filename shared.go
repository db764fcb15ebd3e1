package kinring

import (
	"context"
	"errors"
	"sync"

	"github.com/kinring/kinring/internal/fifo"
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

	// opening is had by who opens, replaces or closes the store: that may take as long
	// as a person does, so who waits for it does so no longer than he wants. mu guards
	// what follows, and the driver, and is never held across a call.
	opening fifo.Queue
	mu      sync.Mutex
	opened  store.Store
	closed  bool
	giveUp  context.CancelFunc // ends the opening that is under way
}

// now returns the store if it is open, and an error if the ring is closed.
func (s *sharedStore) now() (store.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &store.Error{Class: store.ErrUnavailable, Store: s.driver.Kind(), Detail: "the ring is closed"}
	}
	return s.opened, nil
}

func (s *sharedStore) open(ctx context.Context) (opened store.Store, err error) {
	if opened, err := s.now(); opened != nil || err != nil {
		return opened, err
	}
	err = s.opening.Do(ctx, turn, func(ctx context.Context) error {
		opened, err = s.openInTurn(ctx)
		return err
	})
	return opened, store.At(err, "", s.kind(), store.Key{})
}

// turn names what opens or closes the store to its queue.
var turn = store.Key{}

func (s *sharedStore) openInTurn(ctx context.Context) (store.Store, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.giveUp = cancel
	s.mu.Unlock()
	if opened, err := s.now(); opened != nil || err != nil { // somebody else was faster
		return opened, err
	}
	opened, err := s.find(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.opened = opened
	s.mu.Unlock()
	return s.now()
}

// find opens the store that is to be used.
func (s *sharedStore) find(ctx context.Context) (store.Store, error) {
	opened, err := s.memory.open(ctx, s)
	if opened != nil || err != nil {
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
		return s.memory.instead(ctx, s, store.At(err, "", s.driver.Kind(), store.Key{}))
	}
	if err := s.choice.check(opened.Info()); err != nil {
		_ = opened.Close() // nothing was written: the refusal is the answer
		return nil, err
	}
	return opened, nil
}

func (s *sharedStore) Info() store.Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened != nil {
		return s.opened.Info()
	}
	return store.Info{Kind: s.driver.Kind(), Capabilities: s.driver.Capabilities()}
}

// use calls f with the opened store; once more if that was behind a broker that is
// gone, or was closed before f came to it.
func (s *sharedStore) use(ctx context.Context, f func(opened store.Store) error) error {
	for {
		opened, err := s.open(ctx)
		if err != nil {
			return err
		}
		if err := f(opened); !s.brokerGone(opened, err) && !s.shutBefore(opened, err) {
			return err
		}
	}
}

// shutBefore reports whether an operation failed, and did nothing, because the ring
// closed its store a moment before: to lock it, or to take another one.
func (s *sharedStore) shutBefore(opened store.Store, err error) bool {
	if store.ClassOf(err) != store.ErrUnavailable {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.closed && s.opened != opened
}

func (s *sharedStore) Get(ctx context.Context, key store.Key) (item store.Item, err error) {
	err = s.use(ctx, func(opened store.Store) error {
		item, err = opened.Get(ctx, key)
		return err
	})
	return item, err
}

// Put records the family's choice of store before the first write, so that
// nothing is ever in a store that later rings do not know of.
func (s *sharedStore) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (revision store.Revision, err error) {
	err = s.use(ctx, func(opened store.Store) error {
		if err := s.choice.record(ctx, opened.Info()); err != nil {
			return err
		}
		revision, err = opened.Put(ctx, key, item, cond)
		return err
	})
	return revision, err
}

func (s *sharedStore) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	return s.use(ctx, func(opened store.Store) error { return opened.Delete(ctx, key, cond) })
}

func (s *sharedStore) List(ctx context.Context, service string) (entries []store.Entry, err error) {
	err = s.use(ctx, func(opened store.Store) error {
		entries, err = opened.List(ctx, service)
		return err
	})
	return entries, err
}

// Watch passes on the changes that the store tells of. It does not open the store,
// which may ask somebody: ErrUnsupported while it is not open, and if it tells of
// none.
func (s *sharedStore) Watch(ctx context.Context, changed func(store.Key)) error {
	opened, _ := s.now()
	if w, ok := opened.(store.Watcher); ok && opened.Info().Capabilities.Events {
		return w.Watch(ctx, changed)
	}
	return &store.Error{Class: store.ErrUnsupported, Store: s.kind(), Detail: "it does not tell of changes"}
}

func (s *sharedStore) FingerprintKey(ctx context.Context) (key []byte, err error) {
	err = s.use(ctx, func(opened store.Store) error {
		k, ok := opened.(store.FingerprintKeyer)
		if !ok {
			return &store.Error{Class: store.ErrUnsupported, Store: opened.Info().Kind, Detail: "it derives no fingerprint key"}
		}
		key, err = k.FingerprintKey(ctx)
		return err
	})
	return key, err
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
	return s.shut(func() {
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
	})
}

// Close closes the store for good. An opening that is under way is given up.
func (s *sharedStore) Close() error {
	s.mu.Lock()
	s.closed = true
	if s.giveUp != nil {
		s.giveUp()
	}
	s.mu.Unlock()
	return s.shut(func() {})
}

// lock closes the opened store; it is opened anew when it is next needed.
func (s *sharedStore) lock() error { return s.shut(func() {}) }

// shut closes the store if it is open, once an opening that is under way has
// ended, and lets more be changed in the same step.
func (s *sharedStore) shut(more func()) error {
	return s.opening.Do(context.Background(), turn, func(context.Context) error {
		s.mu.Lock()
		more()
		opened := s.opened
		s.opened = nil
		s.mu.Unlock()
		if opened == nil {
			return nil
		}
		return opened.Close()
	})
}

func (s *sharedStore) isOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened != nil
}
