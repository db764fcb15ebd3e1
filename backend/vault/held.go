package vault

import (
	"bytes"
	"context"
	"encoding/hex"
	"time"

	"github.com/kinring/kinring/store"
)

// Held is the vault key that Unlock left with the system: on Linux in the
// kernel's keyring of the user. It gives nothing where Unlock was not called, the
// time is over, or the system has no such place.
func Held() KeySource {
	return KeySource{kind: kindHeld, rank: rankHeld, name: "the key that unlock left",
		read: func(_ context.Context, vaultID []byte) ([]byte, error) {
			key, err := heldKey(heldName(vaultID))
			if err != nil || len(key) != keySize {
				clear(key)
				return nil, &store.Error{Class: store.ErrLocked, Err: err, Detail: "the vault is not unlocked", Remedy: unlocking}
			}
			return key, nil
		}}
}

// HeldWhile is Held for a program that keeps vaults open. It calls f when it has
// given a key; still says from then on whether Unlock's time goes on.
func HeldWhile(f func(still func() bool)) KeySource {
	source := Held()
	read := source.read
	source.read = func(ctx context.Context, vaultID []byte) ([]byte, error) {
		key, err := read(ctx, vaultID)
		if id := bytes.Clone(vaultID); err == nil {
			f(func() bool {
				again, err := read(context.Background(), id)
				clear(again)
				return err == nil
			})
		}
		return key, err
	}
	return source
}

// heldName names a vault's key in the user's keyring of the kernel.
func heldName(vaultID []byte) string { return "kinring:vault:" + hex.EncodeToString(vaultID) }

// MaxUnlock is the longest time that Unlock takes: a year.
const MaxUnlock = 366 * 24 * time.Hour

// Unlock opens a vault and leaves its key with the system for the time, in which
// any process of the user opens the vault without another key. ErrUnsupported
// where the system has no place for it: a broker holds it there.
func Unlock(ctx context.Context, options Options, d time.Duration) error {
	if d < time.Second || d > MaxUnlock {
		return &store.Error{Class: store.ErrInvalid, Op: "unlock", Store: kind, Detail: "the time is " + d.String(),
			Remedy: "give from 1s to " + MaxUnlock.String()}
	}
	err := withVaultKey(ctx, options, func(u *unlocked) error {
		return holdKey(heldName(u.header.Vault), u.vaultKey, d)
	})
	return store.At(err, "unlock", kind, store.Key{})
}

// Lock takes back what Unlock left, and reports whether there was something. It
// needs no key.
func Lock(ctx context.Context, path string) (bool, error) {
	d, err := Describe(ctx, path)
	if err != nil {
		return false, store.At(err, "lock", kind, store.Key{})
	}
	id, err := hex.DecodeString(d.ID)
	if err != nil {
		return false, err
	}
	was, err := dropKey(heldName(id))
	return was, store.At(err, "lock", kind, store.Key{})
}

// noHolder is the error of systems that hold no keys. The broker is what holds
// them there.
func noHolder(err error) error {
	return &store.Error{Class: store.ErrUnsupported, Err: err, Detail: "this system keeps no keys for a while",
		Remedy: "let the broker hold the vault's key, or use a key file or the keyring"}
}
