package vault

import (
	"bytes"
	"context"
	"crypto/hmac"
	"errors"

	"github.com/kinring/kinring/store"
)

// errRekeyed is the cause of what an open store cannot read any more because
// another program gave the vault a new key.
var errRekeyed = errors.New("the vault was rekeyed")

// sealer returns what the store seals and opens with.
func (s *vaultStore) sealer() *sealer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// sealed calls f with the sealer. Where that turns out to be of the time before
// a rekey, the vault is unlocked again, from the sources that it was opened
// with, and f is called once more: before that it has changed nothing.
func (s *vaultStore) sealed(ctx context.Context, f func(k *sealer) error) error {
	k := s.sealer()
	err := f(k)
	if !errors.Is(err, errRekeyed) {
		return err
	}
	fresh, err := s.renew(ctx, k)
	if err != nil {
		return err
	}
	return f(fresh)
}

// renew unlocks the vault again, unless another call did so meanwhile. The
// sealer before is left to the calls that still use it, and to the collector.
func (s *vaultStore) renew(ctx context.Context, old *sealer) (*sealer, error) {
	if k := s.sealer(); k != old {
		return k, nil
	}
	fresh, err := s.file.unlock(ctx, s.keys)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(fresh.vaultID, old.vaultID) {
		return nil, &store.Error{Class: store.ErrConflict, Detail: "another vault has taken the place of " + s.path,
			Remedy: "open it anew, if it is the right one"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = fresh
	return fresh, nil
}

// openCensus opens a sealed census of the connection's snapshot. One that does
// not authenticate may be of a vault that was rekeyed, which its header shows.
func (n *conn) openCensus(k *sealer, box []byte) (census, error) {
	c, err := k.openCensus(box)
	if err == nil {
		return c, nil
	}
	raw, headerErr := n.header()
	if headerErr == nil && !hmac.Equal(mac(k.header, raw.body), raw.mac) {
		err = &store.Error{Class: store.ErrLocked, Err: errRekeyed, Detail: "the vault has another key than it was opened with",
			Remedy: "open it anew"}
	}
	return c, err
}
