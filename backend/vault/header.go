package vault

import (
	"bytes"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kinring/kinring/store"
)

// The versions of vault that this build reads and writes. A new vault has the
// first, which every build reads. Rekey makes the second, because the
// fingerprint key must outlive the vault key that it was derived from, and
// nothing else does.
const (
	format        = 1
	formatRekeyed = 2
)

// Limits of a header, so that one that was made up costs little to refuse.
const (
	maxHeader = 64 << 10 // bytes of the encoded header
	maxSlots  = 8
	maxSalt   = 64 // bytes
	maxBox    = 256
)

// header says how a vault is sealed and what opens it. It is stored as JSON,
// byte for byte as it was authenticated.
type header struct {
	Format int    `json:"format"`
	Vault  []byte `json:"vault"`
	Suite  string `json:"suite"`
	Slots  []slot `json:"slots"`
	// Fingerprints is the sealed fingerprint key, in format 2 only.
	Fingerprints []byte `json:"fingerprints,omitempty"`
}

// slot holds the vault key, sealed for one way of opening the vault. Time,
// MemoryKiB and Threads are Argon2id's and stay zero where it is not used; for
// PBKDF2 Time is the number of iterations.
type slot struct {
	ID        uint64 `json:"id"`
	Kind      string `json:"kind"`
	KDF       string `json:"kdf"`
	Salt      []byte `json:"salt"`
	Time      uint32 `json:"time,omitempty"`
	MemoryKiB uint32 `json:"memory_kib,omitempty"`
	Threads   uint8  `json:"threads,omitempty"`
	Box       []byte `json:"box"`
}

func (h header) encode() ([]byte, error) { return json.Marshal(h) }

// decodeHeader reads a header that is not authenticated yet. What a newer
// format looks like is not known, so its number is read first and alone.
func decodeHeader(body []byte) (header, error) {
	var h header
	if len(body) > maxHeader {
		return h, corruptHeader(fmt.Errorf("it has %d bytes", len(body)))
	}
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(body, &head); err != nil {
		return h, corruptHeader(errors.New("it is not JSON"))
	}
	if err := checkFormat(head.Format); err != nil {
		return h, err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		return h, corruptHeader(fmt.Errorf("it has other fields than format %d has", head.Format))
	}
	return h, h.check()
}

func (h header) check() error {
	if _, known := suites[h.Suite]; !known {
		return unsupported(fmt.Sprintf("the vault is sealed with %q", h.Suite))
	}
	if len(h.Vault) != vaultIDSize || len(h.Slots) == 0 || len(h.Slots) > maxSlots {
		return corruptHeader(errors.New("its vault id or its number of slots is wrong"))
	}
	if (h.Format == formatRekeyed) != (len(h.Fingerprints) > 0) || len(h.Fingerprints) > maxBox {
		return corruptHeader(errors.New("its fingerprint key is not as its format has it"))
	}
	for _, s := range h.Slots {
		if err := s.check(); err != nil {
			return err
		}
	}
	return nil
}

// authenticate compares the header with the MAC that was made when it was
// written. It is possible only after a slot gave the vault key.
func (s *sealer) authenticate(body, sum []byte) error {
	if !hmac.Equal(mac(s.header, body), sum) {
		return corruptHeader(errAuthentic)
	}
	return nil
}

// checkFormat tells a vault of a newer build from one that is damaged.
func checkFormat(n int) error {
	switch {
	case n > formatRekeyed:
		return unsupported(fmt.Sprintf("the vault has format %d, this build reads up to %d", n, formatRekeyed))
	case n < format:
		return corruptHeader(fmt.Errorf("there is no format %d", n))
	}
	return nil
}

func unsupported(detail string) error {
	return &store.Error{Class: store.ErrUnsupported, Detail: detail, Remedy: "use a newer kinring"}
}

func corruptHeader(err error) error {
	return &store.Error{Class: store.ErrCorrupt, Detail: "the vault's header is damaged", Err: err, Remedy: restoring}
}
