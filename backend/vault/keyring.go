package vault

import (
	"context"
	"encoding/hex"
	"errors"

	"github.com/kinring/kinring/store"
)

// KeyringService is the service of the items that hold keys of vaults; the
// account is the vault's id in hexadecimal.
const KeyringService = "kinring vault"

// Keyring says where a key in another store is, say in the system's keyring.
type Keyring struct {
	// Name is what errors call the store, such as secret-service.
	Name string
	// Open opens the store, for each read anew. It is closed after.
	Open func(ctx context.Context) (store.Store, error)
	// Key is the item's; the zero Key stands for KeyringService and the vault's id.
	Key store.Key
}

// KeyInKeyring is a key in another store. It is made where a slot is made for
// it, unless it is there already. Opening a vault never makes one: a vault is
// sealed with the key that was there, and another one would only hide that it is
// missing.
func KeyInKeyring(k Keyring) KeySource {
	return KeySource{kind: kindKeyring, rank: rankKeyring, name: "the key in " + k.Name, read: k.read, prepare: k.prepare}
}

// itemKey returns the key of the item for a vault.
func (k Keyring) itemKey(vaultID []byte) store.Key {
	if k.Key != (store.Key{}) {
		return k.Key
	}
	return store.Key{Service: KeyringService, Account: hex.EncodeToString(vaultID)}
}

func (k Keyring) with(ctx context.Context, f func(s store.Store) error) error {
	s, err := k.Open(ctx)
	if err != nil {
		return store.At(err, "open", k.Name, store.Key{})
	}
	err = f(s)
	if closing := s.Close(); err == nil {
		err = closing
	}
	return err
}

func (k Keyring) read(ctx context.Context, vaultID []byte) (secret []byte, err error) {
	key := k.itemKey(vaultID)
	err = k.with(ctx, func(s store.Store) error {
		item, err := s.Get(ctx, key)
		if errors.Is(err, store.ErrNotFound) {
			return &store.Error{Class: store.ErrLocked, Store: k.Name, Key: key.Redacted(),
				Detail: "the vault's key is not there; it is never made anew, since another one would not open the vault",
				Remedy: "bring the item back from a backup of " + k.Name + ", or use another key of the vault"}
		}
		if err != nil {
			return err
		}
		text := item.Value.Bytes()
		defer clear(text)
		secret, err = parseKeyFile(k.Name, text)
		return err
	})
	return secret, k.passable(err)
}

// passable turns what keeps one from a keyring into ErrLocked, so that the next
// source is tried: without a bus, say, a key file may be there. What a person
// refused stays refused.
func (k Keyring) passable(err error) error {
	for _, class := range []*store.Class{store.ErrUnavailable, store.ErrUnsupported, store.ErrTimedOut} {
		if errors.Is(err, class) {
			return &store.Error{Class: store.ErrLocked, Store: k.Name, Err: err, Detail: "the vault's key is out of reach",
				Remedy: "see that the keyring runs and is unlocked, or use another key of the vault"}
		}
	}
	return err
}

// prepare makes the item unless it is there. One that an init before left when it
// was broken off is as good as a new one: no vault was sealed with it, and nobody
// else knows it.
func (k Keyring) prepare(ctx context.Context, vaultID []byte) error {
	return k.with(ctx, func(s store.Store) error {
		text := newKeyText()
		defer clear(text)
		_, err := s.Put(ctx, k.itemKey(vaultID), store.Item{Value: store.NewValue(text)}, store.Absent())
		if errors.Is(err, store.ErrConflict) {
			return nil
		}
		return err
	})
}

// ForgetKeyring removes the item of a vault's key from another store, after the
// slot for it was removed. An item that is not there is no error.
func ForgetKeyring(ctx context.Context, path string, k Keyring) error {
	d, err := Describe(ctx, path)
	if err != nil {
		return err
	}
	for _, s := range d.Slots {
		if s.Kind == kindKeyring {
			return &store.Error{Class: store.ErrConflict, Op: "forget key", Store: k.Name,
				Detail: "a key slot of the vault still needs it", Remedy: "remove the slot first"}
		}
	}
	id, err := hex.DecodeString(d.ID)
	if err != nil {
		return err
	}
	return k.with(ctx, func(s store.Store) error {
		err := s.Delete(ctx, k.itemKey(id), store.Any())
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
}
