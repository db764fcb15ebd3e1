package vault

import (
	"context"
	"crypto/fips140"
	"crypto/hkdf"
	"crypto/pbkdf2"
	"crypto/sha256"
	"fmt"

	"github.com/kinring/kinring/store"
	"golang.org/x/crypto/argon2"
)

// Kinds of slots, and how each makes a key of what a person, a file or a
// keyring gives.
const (
	kindPassphrase = "passphrase"
	kindKeyFile    = "keyfile"
	kindKeyring    = "keyring"
	kdfArgon2id    = "argon2id"
	kdfPBKDF2      = "pbkdf2-hmac-sha256"
	kdfHKDF        = "hkdf-sha256"
)

const saltSize = 16 // RFC 9106, section 3.1: 16 bytes are recommended

// cost is the price of stretching a passphrase once: Argon2id's parameters, or
// PBKDF2's iterations as time and nothing else.
type cost struct {
	time, memoryKiB uint32
	threads         uint8
}

// leastArgon2id is the second recommended choice of RFC 9106, section 4.
var leastArgon2id = cost{time: 3, memoryKiB: 64 << 10, threads: 4}

// leastPBKDF2 is what OWASP's cheat sheet on storing passwords asks of
// PBKDF2-HMAC-SHA-256.
var leastPBKDF2 = cost{time: 600_000}

// Bounds on what a header may ask for: a quarter of a GiB, and as much work as
// passing over one GiB once, which is about five times the least and a matter
// of a second or two on a slow machine; for PBKDF2 about seven times.
const (
	maxMemoryKiB  = 256 << 10
	maxWorkKiB    = 1 << 20
	maxTime       = 16
	maxThreads    = 16
	maxIterations = 4_000_000
)

// check bounds a cost of Argon2id.
func (c cost) check() error {
	// RFC 9106, section 3.1: memory is at least 8 KiB a lane.
	if c.time < 1 || c.time > maxTime || c.threads < 1 || c.threads > maxThreads ||
		c.memoryKiB < 8*uint32(c.threads) || c.memoryKiB > maxMemoryKiB || c.time*c.memoryKiB > maxWorkKiB {
		return tooDear(fmt.Sprintf("Argon2id with time %d, memory %d KiB, threads %d", c.time, c.memoryKiB, c.threads))
	}
	return nil
}

// checkIterations bounds a cost of PBKDF2.
func (c cost) checkIterations() error {
	if c.time < 1 || c.time > maxIterations || c.memoryKiB != 0 || c.threads != 0 {
		return tooDear(fmt.Sprintf("PBKDF2 with %d iterations, memory %d KiB, threads %d", c.time, c.memoryKiB, c.threads))
	}
	return nil
}

func tooDear(what string) error {
	return &store.Error{Class: store.ErrUnsupported, Remedy: restoring,
		Detail: "a key slot asks for " + what + ", which this build refuses"}
}

func (s slot) cost() cost { return cost{time: s.Time, memoryKiB: s.MemoryKiB, threads: s.Threads} }

// check bounds a slot. A slot of an unknown kind is let through: another slot
// may open the vault.
func (s slot) check() error {
	if len(s.Salt) > maxSalt || len(s.Box) > maxBox {
		return corruptHeader(fmt.Errorf("key slot %d is too large", s.ID))
	}
	switch {
	case s.known() && s.KDF == kdfArgon2id:
		return s.cost().check()
	case s.known() && s.KDF == kdfPBKDF2:
		return s.cost().checkIterations()
	}
	return nil
}

// known reports whether this build has what the slot needs.
func (s slot) known() bool {
	switch s.Kind {
	case kindPassphrase:
		return s.KDF == kdfArgon2id || s.KDF == kdfPBKDF2
	case kindKeyFile, kindKeyring:
		return s.KDF == kdfHKDF
	}
	return false
}

// usable reports whether this process may do what the slot needs.
func (s slot) usable() bool { return s.known() && (s.KDF != kdfArgon2id || !fips140.Enforced()) }

// aad binds the sealed vault key to its vault, its suite, and everything that
// the slot says of itself.
func (s slot) aad(h header) []byte {
	return tuple([]byte(labelSlot), h.Vault, []byte(h.Suite), number(s.ID), []byte(s.Kind), []byte(s.KDF), s.Salt,
		number(uint64(s.Time)), number(uint64(s.MemoryKiB)), number(uint64(s.Threads)))
}

// newSlot seals the vault key under a secret. A zero cost is calibrated.
func newSlot(ctx context.Context, h header, id uint64, kind string, secret, vaultKey []byte, c cost) (slot, error) {
	s := slot{ID: id, Kind: kind, KDF: kdfHKDF, Salt: randomBytes(saltSize)}
	if kind == kindPassphrase {
		s.KDF = suites[h.Suite].kdf
		c, err := priced(ctx, s.KDF, c)
		if err != nil {
			return s, err
		}
		s.Time, s.MemoryKiB, s.Threads = c.time, c.memoryKiB, c.threads
	}
	key, err := s.derive(ctx, secret)
	if err != nil {
		return s, err
	}
	defer clear(key)
	aead, err := newCipher(h.Suite, key)
	if err != nil {
		return s, err
	}
	s.Box = seal(aead, vaultKey, s.aad(h))
	return s, nil
}

// open returns the vault key, or errAuthentic if the secret is not the slot's
// or the slot is damaged: the two cannot be told apart.
func (s slot) open(ctx context.Context, h header, secret []byte) ([]byte, error) {
	key, err := s.derive(ctx, secret)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	aead, err := newCipher(h.Suite, key)
	if err != nil {
		return nil, err
	}
	vaultKey, err := unseal(aead, s.Box, s.aad(h))
	if err != nil || len(vaultKey) != keySize {
		return nil, errAuthentic
	}
	return vaultKey, nil
}

// derive makes the slot's key of a secret.
func (s slot) derive(ctx context.Context, secret []byte) ([]byte, error) {
	switch s.KDF {
	case kdfHKDF:
		label := labelKeyFile
		if s.Kind == kindKeyring {
			label = labelKeyring
		}
		return hkdf.Key(sha256.New, secret, s.Salt, label, keySize)
	case kdfPBKDF2:
		return stretch(ctx, secret, s.Salt, s.cost(), pbkdf2Key)
	}
	return stretch(ctx, secret, s.Salt, s.cost(), argon2idKey)
}

// stretcher makes a key of keySize bytes from a passphrase.
type stretcher func(secret, salt []byte, c cost) ([]byte, error)

func argon2idKey(secret, salt []byte, c cost) ([]byte, error) {
	return argon2.IDKey(secret, salt, c.time, c.memoryKiB, c.threads, keySize), nil
}

func pbkdf2Key(secret, salt []byte, c cost) ([]byte, error) {
	return pbkdf2.Key(sha256.New, string(secret), salt, int(c.time), keySize)
}

// stretching lets one Argon2id run at a time, so that many opens at once do not
// multiply its memory.
var stretching = make(chan struct{}, 1)

// stretch runs a key derivation, which cannot be interrupted: when the context
// ends first, its result is thrown away.
func stretch(ctx context.Context, secret, salt []byte, c cost, run stretcher) ([]byte, error) {
	select {
	case stretching <- struct{}{}:
	case <-ctx.Done():
		return nil, store.FromContext(ctx)
	}
	type result struct {
		key []byte
		err error
	}
	own := append([]byte{}, secret...)
	done := make(chan result, 1)
	go func() {
		defer func() { <-stretching }()
		key, err := run(own, salt, c)
		clear(own)
		done <- result{key, err}
	}()
	select {
	case r := <-done:
		return r.key, r.err
	case <-ctx.Done():
		return nil, store.FromContext(ctx)
	}
}
