package vault

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"github.com/kinring/kinring/store"
	"golang.org/x/crypto/argon2"
)

// Kinds of slots, and how each makes a key of what a person or a file gives.
const (
	kindPassphrase = "passphrase"
	kindKeyFile    = "keyfile"
	kdfArgon2id    = "argon2id"
	kdfHKDF        = "hkdf-sha256"
)

const saltSize = 16 // RFC 9106, section 3.1: 16 bytes are recommended

// cost is the price of one Argon2id.
type cost struct {
	time, memoryKiB uint32
	threads         uint8
}

// defaultCost is the second recommended choice of RFC 9106, section 4.
var defaultCost = cost{time: 3, memoryKiB: 64 << 10, threads: 4}

// Bounds on what a header may ask for: a quarter of a GiB, and as much work as
// passing over one GiB once, which is about five times the default and a
// matter of a second or two on a slow machine.
const (
	maxMemoryKiB = 256 << 10
	maxWorkKiB   = 1 << 20
	maxTime      = 16
	maxThreads   = 16
)

func (c cost) check() error {
	// RFC 9106, section 3.1: memory is at least 8 KiB a lane.
	if c.time < 1 || c.time > maxTime || c.threads < 1 || c.threads > maxThreads ||
		c.memoryKiB < 8*uint32(c.threads) || c.memoryKiB > maxMemoryKiB || c.time*c.memoryKiB > maxWorkKiB {
		return &store.Error{Class: store.ErrUnsupported, Remedy: restoring,
			Detail: fmt.Sprintf("a key slot asks for Argon2id with time %d, memory %d KiB, threads %d, which this build refuses",
				c.time, c.memoryKiB, c.threads)}
	}
	return nil
}

func (s slot) cost() cost { return cost{time: s.Time, memoryKiB: s.MemoryKiB, threads: s.Threads} }

// check bounds a slot. A slot of an unknown kind is let through: another slot
// may open the vault.
func (s slot) check() error {
	if len(s.Salt) > maxSalt || len(s.Box) > maxBox {
		return corruptHeader(fmt.Errorf("key slot %d is too large", s.ID))
	}
	if s.known() && s.KDF == kdfArgon2id {
		return s.cost().check()
	}
	return nil
}

func (s slot) known() bool {
	return s.Kind == kindPassphrase && s.KDF == kdfArgon2id || s.Kind == kindKeyFile && s.KDF == kdfHKDF
}

// aad binds the sealed vault key to its vault, its suite, and everything that
// the slot says of itself.
func (s slot) aad(h header) []byte {
	return tuple([]byte(labelSlot), h.Vault, []byte(h.Suite), number(s.ID), []byte(s.Kind), []byte(s.KDF), s.Salt,
		number(uint64(s.Time)), number(uint64(s.MemoryKiB)), number(uint64(s.Threads)))
}

// newSlot seals the vault key under a secret.
func newSlot(ctx context.Context, h header, id uint64, kind string, secret, vaultKey []byte, c cost) (slot, error) {
	s := slot{ID: id, Kind: kind, KDF: kdfHKDF, Salt: randomBytes(saltSize)}
	if kind == kindPassphrase {
		s.KDF, s.Time, s.MemoryKiB, s.Threads = kdfArgon2id, c.time, c.memoryKiB, c.threads
	}
	key, err := s.derive(ctx, secret)
	if err != nil {
		return s, err
	}
	defer clear(key)
	aead, err := suites[h.Suite](key)
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
	aead, err := suites[h.Suite](key)
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
	if s.KDF == kdfHKDF {
		return hkdf.Key(sha256.New, secret, s.Salt, labelKeyFile, keySize)
	}
	return stretch(ctx, secret, s.Salt, s.cost())
}

// stretching lets one Argon2id run at a time, so that many opens at once do not
// multiply its memory.
var stretching = make(chan struct{}, 1)

// stretch runs Argon2id, which cannot be interrupted: when the context ends
// first, its result is thrown away.
func stretch(ctx context.Context, secret, salt []byte, c cost) ([]byte, error) {
	select {
	case stretching <- struct{}{}:
	case <-ctx.Done():
		return nil, store.FromContext(ctx)
	}
	own := append([]byte{}, secret...)
	done := make(chan []byte, 1)
	go func() {
		defer func() { <-stretching }()
		done <- argon2.IDKey(own, salt, c.time, c.memoryKiB, c.threads, keySize)
		clear(own)
	}()
	select {
	case key := <-done:
		return key, nil
	case <-ctx.Done():
		return nil, store.FromContext(ctx)
	}
}
