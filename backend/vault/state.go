package vault

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"errors"

	"github.com/kinring/kinring/store"
)

// census sums up all rows of a vault: their number and the exclusive or of a
// keyed digest of each row's address and revision. It is sealed in the vault and
// renewed with every write, so that a row that was lost, hidden by damage to a
// page, or put back from an earlier copy is noticed: without it an absence would
// be believed on no evidence. Nobody without the key can see or make one.
type census struct {
	count  uint64
	digest [idSize]byte
}

// add counts a row that comes in, remove one that goes.
func (c *census) add(s *sealer, r row)    { c.count++; c.mix(s, r) }
func (c *census) remove(s *sealer, r row) { c.count--; c.mix(s, r) }

func (c *census) mix(s *sealer, r row) {
	subtle.XORBytes(c.digest[:], c.digest[:], mac(s.rows, tuple(r.id, r.revision)))
}

func (s *sealer) sealCensus(c census) []byte {
	plain := append(binary.BigEndian.AppendUint64(nil, c.count), c.digest[:]...)
	return seal(s.state, plain, tuple([]byte(labelState), s.vaultID))
}

func (s *sealer) openCensus(box []byte) (census, error) {
	var c census
	plain, err := unseal(s.state, box, tuple([]byte(labelState), s.vaultID))
	if err != nil {
		return c, corruptCensus(err)
	}
	if len(plain) != 8+idSize {
		return c, corruptCensus(errors.New("it has a wrong size"))
	}
	c.count = binary.BigEndian.Uint64(plain)
	copy(c.digest[:], plain[8:])
	return c, nil
}

func corruptCensus(err error) error {
	return &store.Error{Class: store.ErrCorrupt, Err: err, Remedy: restoring,
		Detail: "the vault's sum of its rows is damaged"}
}

// verified remembers the last census that was compared with all rows. A census
// is sealed anew with every write, so equal boxes mean an unchanged vault.
type verified struct{ box []byte }

func (v *verified) is(box []byte) bool { return v.box != nil && bytes.Equal(v.box, box) }

// compare reports a census that does not match the rows that were counted.
func (c census) compare(counted census) error {
	if c != counted {
		return &store.Error{Class: store.ErrCorrupt, Remedy: restoring,
			Detail: "the vault does not hold the rows that were written"}
	}
	return nil
}
