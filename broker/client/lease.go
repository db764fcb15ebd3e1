package client

import (
	"context"

	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// Lease is the right to replace one key, given by the broker. It excludes the
// leases of programs that use the store without a broker too. It ends with the
// connection.
type Lease struct {
	conn *Conn
	id   string
	// interrupted: the holder before ended while its function ran.
	interrupted bool
}

// leaseBudget bounds what gives a lease back, which has no context.
const leaseBudget = patience

// Hold takes the lease on a key, and waits for it as long as the context lives. It
// uses a connection of its own: the lease ends when that does, and must not end
// because of what else happens.
func (s *Store) Hold(ctx context.Context, key store.Key) (*Lease, error) {
	l, err := s.lease(ctx, key)
	return l, s.at(err, "lease", key)
}

func (s *Store) lease(ctx context.Context, key store.Key) (*Lease, error) {
	c, err := s.again(ctx)
	if err != nil {
		return nil, err
	}
	var w wire.Lease
	if err := c.Call(ctx, wire.MethodLeaseHold, wire.Key(key), &w); err != nil {
		_ = c.Close() // there is no lease in it
		return nil, known(err)
	}
	return &Lease{c, w.Lease, w.Interrupted}, nil
}

// known gives an error of the connection a class.
func known(err error) error {
	if err == nil || store.ClassOf(err) != nil {
		return err
	}
	return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Detail: "the connection to the broker was lost", Err: errLost,
		Remedy: "see that the broker runs: kinring serve status"}
}

// Interrupted reports whether the holder before ended while its function ran.
func (l *Lease) Interrupted() bool { return l.interrupted }

// Begin notes that the function is about to run.
func (l *Lease) Begin() error { return l.call(wire.MethodLeaseBegin, false) }

// Release gives the lease back. One whose connection is lost has ended already.
func (l *Lease) Release() error { return l.end(false) }

// Leave gives the lease back and leaves the note that the function has run.
func (l *Lease) Leave() error { return l.end(true) }

func (l *Lease) end(leave bool) error {
	err := l.call(wire.MethodLeaseEnd, leave)
	if l.conn.Lost() {
		return nil
	}
	_ = l.conn.Close() // the lease is what it was for
	return err
}

func (l *Lease) call(method string, leave bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), leaseBudget)
	defer cancel()
	return known(l.conn.Call(ctx, method, wire.Lease{Lease: l.id, Leave: leave}, nil))
}
