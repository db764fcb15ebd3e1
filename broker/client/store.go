package client

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/internal/fifo"
	"github.com/kinring/kinring/store"
)

// Store is a family's shared store behind a broker. It connects when it is opened
// and again after a broker has been started anew.
type Store struct {
	address string
	o       Options
	info    store.Info
	gone    atomic.Bool

	connecting fifo.Queue

	mu     sync.Mutex
	conn   *Conn
	closed bool
}

// Open connects to the broker at an address and returns the store that it serves.
// A store that the broker cannot open is that error.
func Open(ctx context.Context, address string, o Options) (*Store, error) {
	s := &Store{address: address, o: o}
	c, info, err := s.dial(ctx)
	if err != nil {
		return nil, store.At(err, "open", "broker", store.Key{})
	}
	s.conn, s.info = c, info
	return s, nil
}

// dial connects, and has the broker open its store.
func (s *Store) dial(ctx context.Context) (*Conn, store.Info, error) {
	open := &request{method: wire.MethodStoreOpen}
	c, err := dial(ctx, s.address, s.o, open)
	if err != nil {
		return nil, store.Info{}, err
	}
	var w wire.Store
	if err := c.collect(ctx, open, &w); err != nil {
		_ = c.Close() // why it is no use is the answer
		return nil, store.Info{}, known(err)
	}
	return c, w.Info(), nil
}

// again is dial for a store that was open before: a broker that by now serves
// another one is refused.
func (s *Store) again(ctx context.Context) (*Conn, error) {
	c, info, err := s.dial(ctx)
	s.gone.Store(errors.Is(err, store.ErrNoService))
	if err != nil {
		return nil, err
	}
	if info.Kind != s.info.Kind || info.ID != s.info.ID {
		_ = c.Close() // nothing was asked of it
		return nil, &store.Error{Class: store.ErrConflict, Detail: "the broker serves another store than before", Remedy: "open the family again"}
	}
	return c, nil
}

// Gone reports whether no broker was there any more when one was last looked for.
// The next use looks again.
func (s *Store) Gone() bool { return s.gone.Load() }

// Info describes the store that the broker serves: its kind and its identity are
// those of the store itself.
func (s *Store) Info() store.Info { return s.info }

// turn names what connects anew, one after the other, to its queue.
var turn = store.Key{Service: "broker"}

// connection returns the connection, a new one if the last one is lost. Who waits
// for another one that connects does so as long as its own context lives.
func (s *Store) connection(ctx context.Context) (c *Conn, err error) {
	if c, err := s.now(); c != nil || err != nil {
		return c, err
	}
	err = s.connecting.Do(ctx, turn, func(ctx context.Context) error {
		if c, err = s.now(); c != nil || err != nil {
			return err
		}
		if c, err = s.again(ctx); err != nil {
			return err
		}
		return s.keep(c)
	})
	return c, err
}

// now returns the connection if there is one.
func (s *Store) now() (*Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, errClosed
	case s.conn == nil || s.conn.Lost():
		return nil, nil
	}
	return s.conn, nil
}

var errClosed error = &store.Error{Class: store.ErrUnavailable, Detail: "the store is closed", Remedy: "open it again"}

// keep takes a new connection, unless the store was closed meanwhile.
func (s *Store) keep(c *Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close() // nothing was asked of it
		return errClosed
	}
	s.conn = c
	return nil
}

// call makes a call, and once more on a new connection if it surely was not done.
func (s *Store) call(ctx context.Context, method string, params, result any) error {
	for again := true; ; again = false {
		if err := store.FromContext(ctx); err != nil {
			return err
		}
		c, err := s.connection(ctx)
		if err != nil {
			return err
		}
		err = c.Call(ctx, method, params, result)
		var not unsent
		switch {
		case errors.As(err, &not) && again:
			continue
		case errors.As(err, &not):
			return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Detail: "the connection was lost twice", Err: errLost,
				Remedy: "see that the broker runs: kinring serve status"}
		case errors.Is(err, errLost):
			return unknown(errLost)
		}
		return err
	}
}

// at names the broker and the operation in an error.
func (s *Store) at(err error, op string, key store.Key) error {
	return store.At(err, op, s.info.Kind+" behind the broker", key)
}

// Get returns the item that the key names.
func (s *Store) Get(ctx context.Context, key store.Key) (store.Item, error) {
	item, err := s.get(ctx, key)
	return item, s.at(err, "get", key)
}

func (s *Store) get(ctx context.Context, key store.Key) (store.Item, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Item{}, err
	}
	var item wire.Item
	if err := s.call(ctx, wire.MethodStoreGet, wire.Key(key), &item); err != nil {
		return store.Item{}, err
	}
	defer item.Value.Wipe()
	return item.Store()
}

// Put writes the item if the condition holds.
func (s *Store) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	revision, err := s.put(ctx, key, item, cond)
	return revision, s.at(err, "put", key)
}

func (s *Store) put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	if err := store.CheckKey(key); err != nil {
		return "", err
	}
	if err := store.CheckItem(item, s.info.Capabilities); err != nil {
		return "", err
	}
	record, err := item.Record.Encode()
	if err != nil {
		return "", err
	}
	value := wire.Secret(item.Value.Bytes())
	defer value.Wipe()
	var w wire.Written
	err = s.call(ctx, wire.MethodStorePut, wire.Put{Key: wire.Key(key), Value: &value, Record: record, Condition: wire.FromCondition(cond)}, &w)
	return store.Revision(w.Revision), err
}

// Delete removes the item if the condition holds.
func (s *Store) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	err := store.CheckKey(key)
	if err == nil {
		err = s.call(ctx, wire.MethodStoreDelete, wire.Remove{Key: wire.Key(key), Condition: wire.FromCondition(cond)}, nil)
	}
	return s.at(err, "delete", key)
}

// List names the items of a service, or all of them.
func (s *Store) List(ctx context.Context, service string) ([]store.Entry, error) {
	entries, err := s.list(ctx, service)
	return entries, s.at(err, "list", store.Key{})
}

func (s *Store) list(ctx context.Context, service string) ([]store.Entry, error) {
	var l wire.Entries
	if err := s.call(ctx, wire.MethodStoreList, wire.StoreList{Service: service}, &l); err != nil {
		return nil, err
	}
	var out []store.Entry
	for _, e := range l.Entries {
		record, err := store.ParseRecord(e.Record)
		if err != nil {
			return nil, err
		}
		out = append(out, store.Entry{Key: e.Key.Store(), Record: record, Revision: store.Revision(e.Revision)})
	}
	return out, nil
}

// FingerprintKey is the store's own, if it has one.
func (s *Store) FingerprintKey(ctx context.Context) ([]byte, error) {
	var p wire.Print
	err := s.call(ctx, wire.MethodStorePrint, nil, &p)
	return p.Key, s.at(err, "fingerprint key", store.Key{})
}

// Close ends the connection. Closing twice is no error.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.conn == nil {
		return nil
	}
	return s.conn.Close()
}
