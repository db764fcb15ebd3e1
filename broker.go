package kinring

import (
	"context"
	"errors"
	"os"

	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// brokerage says which broker a ring uses for its shared store.
type brokerage struct {
	address string // empty: the family's usual socket
	off     bool
	env     bool // the environment may name the broker
}

// WithBroker makes a ring use the broker at this address, the path of a socket or
// "exec:COMMAND", and no other way to the shared store. Without this option a ring
// uses the family's broker if one listens at its usual place and serves the same
// kind of store, and else opens the store itself: both at once are safe.
func WithBroker(address string) Option { return func(s *settings) { s.broker.address = address } }

// WithoutBroker makes a ring open its shared store itself, whether there is a
// broker or not.
func WithoutBroker() Option { return func(s *settings) { s.broker.off = true } }

// WithEnvironment lets environment variables say which broker a ring uses:
// KINRING_SOCK names it, and XDG_RUNTIME_DIR the directory of its usual socket. It
// is for commands; a program that holds somebody's secrets should not let its
// surroundings redirect them.
func WithEnvironment() Option { return func(s *settings) { s.broker.env = true } }

// named returns the address that the program or the environment asks for.
func (b brokerage) named() string {
	if b.address == "" && b.env {
		return os.Getenv(client.Variable)
	}
	return b.address
}

// usual returns the family's usual socket.
func (b brokerage) usual(family string) string {
	if b.env {
		return client.DefaultSocket(family, os.Getenv)
	}
	return client.DefaultSocket(family, nil)
}

// clientName is what a ring calls itself to brokers.
const clientName = "kinring"

// throughBroker opens the shared store through a broker, if one is to be used:
// nil without an error says that there is none. Another one than the family's
// usual broker was asked for, so its failure is the answer.
func (s *sharedStore) throughBroker(ctx context.Context) (store.Store, error) {
	if s.broker.off {
		return nil, nil
	}
	o := client.Options{Family: s.family.Name, Name: clientName, Team: client.Signer(s.driver.Kind(), s.family.Team)}
	if address := s.broker.named(); address != "" {
		return orNil(client.Open(ctx, address, o))
	}
	if !s.driver.Capabilities().Persistent {
		return nil, nil // a store that nobody else has
	}
	half, cancel := halfTime(ctx)
	defer cancel()
	opened, err := client.Open(half, s.broker.usual(s.family.Name), o)
	switch {
	case err != nil:
		// None, or none for this program, or one that is locked. The store is the
		// same without it.
		return nil, store.FromContext(ctx)
	case opened.Info().Kind != s.driver.Kind() || !s.meant(opened.Info()):
		return nil, opened.Close()
	}
	return opened, nil
}

// brokerGone reports whether an operation failed, and did nothing, because the
// family's usual broker has ended. The store is then opened anew: without a broker,
// if there is no other one.
func (s *sharedStore) brokerGone(opened store.Store, err error) bool {
	c, ok := opened.(*client.Store)
	if !ok || !errors.Is(err, store.ErrNoService) || !c.Gone() || s.broker.named() != "" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened == opened {
		s.opened = nil // what was connected is closed; others may be about to find that out
	}
	return true
}

// identified is implemented by drivers that know, without I/O, which store they
// open.
type identified interface{ StoreID() string }

// meant reports whether the store is the one that the driver would open.
func (s *sharedStore) meant(info store.Info) bool {
	d, ok := s.driver.(identified)
	return !ok || d.StoreID() == info.ID
}

// orNil keeps a nil store from becoming an interface that is not nil.
func orNil(s *client.Store, err error) (store.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// brokered returns the lease of a store that is behind a broker, which takes the
// same lock as everybody on the broker's machine.
func brokered(ctx context.Context, opened store.Store, key store.Key) (coexist.Lease, bool, error) {
	c, ok := opened.(*client.Store)
	if !ok {
		return nil, false, nil
	}
	l, err := c.Hold(ctx, key)
	if err != nil {
		return nil, true, err
	}
	return l, true, nil
}
