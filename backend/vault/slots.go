package vault

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/kinring/kinring/store"
)

// Slot describes one way of opening a vault.
type Slot struct {
	// ID names the slot; a vault never has it twice.
	ID uint64
	// Kind is passphrase, keyfile or keyring, or one that this build does not know.
	Kind string
	// KDF names how the slot's key is made.
	KDF string
	// Strength says, for a person, what keeps somebody with the file from opening
	// it.
	Strength string
	// Usable reports whether this process could open the slot.
	Usable bool
}

// Description is what a vault's header says without being opened. Nobody has
// authenticated it: whoever can write to the file can have made it up.
type Description struct {
	Path   string
	ID     string // hexadecimal
	Format int
	Cipher string
	Slots  []Slot
}

// Describe reads a vault's header. It needs no key.
func Describe(ctx context.Context, path string) (Description, error) {
	d, err := describe(ctx, path)
	return d, store.At(err, "describe", kind, store.Key{})
}

func describe(ctx context.Context, path string) (Description, error) {
	f, path, err := openFile(ctx, path)
	if err != nil {
		return Description{}, err
	}
	defer f.release() // nothing was written through it
	_, h, err := f.readHeader(ctx)
	if err != nil {
		return Description{}, err
	}
	return h.describe(path), nil
}

func (h header) describe(path string) Description {
	d := Description{Path: path, ID: hex.EncodeToString(h.Vault), Format: h.Format, Cipher: h.Suite}
	for _, s := range h.Slots {
		d.Slots = append(d.Slots, s.describe())
	}
	return d
}

func (s slot) describe() Slot {
	return Slot{ID: s.ID, Kind: s.Kind, KDF: s.KDF, Strength: s.strength(), Usable: s.usable()}
}

func (s slot) strength() string {
	switch {
	case !s.known():
		return "not known to this build"
	case s.KDF == kdfArgon2id:
		return fmt.Sprintf("that of the passphrase; each guess costs Argon2id with %d MiB and %d passes", s.MemoryKiB>>10, s.Time)
	case s.KDF == kdfPBKDF2:
		return fmt.Sprintf("that of the passphrase; each guess costs PBKDF2-HMAC-SHA-256 with %d iterations", s.Time)
	case s.Kind == kindKeyring:
		return "256 random bits in the keyring; whoever can read this user's keyring and the vault can open it"
	}
	return "256 random bits; whoever can read the key file and the vault can open it"
}

// AddKey makes a key slot for a key more. The options open the vault.
func AddKey(ctx context.Context, options Options, key KeySource) (Slot, error) {
	s, err := addKey(ctx, options, key, cost{})
	return s, store.At(err, "add key", kind, store.Key{})
}

func addKey(ctx context.Context, options Options, key KeySource, c cost) (made Slot, err error) {
	err = withVaultKey(ctx, options, func(u *unlocked) error {
		if len(u.header.Slots) == maxSlots {
			return &store.Error{Class: store.ErrConflict, Detail: fmt.Sprintf("the vault has %d key slots already", maxSlots),
				Remedy: "remove one first"}
		}
		if err := u.checkSecondKeyring(key); err != nil {
			return err
		}
		var next uint64 = 1
		for _, s := range u.header.Slots {
			next = max(next, s.ID+1)
		}
		s, err := u.newSlot(ctx, next, key, c)
		if err != nil {
			return err
		}
		made = s.describe()
		u.header.Slots = append(u.header.Slots, s)
		return u.replaceHeader(ctx)
	})
	return made, err
}

// checkSecondKeyring refuses a second slot for a keyring. The first one's item
// would be its item too, and if that one is missing it must not be made anew
// while a slot waits for it.
func (u *unlocked) checkSecondKeyring(key KeySource) error {
	i := slices.IndexFunc(u.header.Slots, func(s slot) bool { return s.Kind == kindKeyring })
	if key.kind != kindKeyring || i < 0 {
		return nil
	}
	return &store.Error{Class: store.ErrConflict, Detail: fmt.Sprintf("key slot %d is for the keyring already", u.header.Slots[i].ID),
		Remedy: "use it, or remove it first"}
}

// RemoveKey removes a key slot, but not the last one that this build can open.
// It does not take back what the key's owner may have copied: somebody with the
// key and an earlier copy of the file has the vault key, until Rekey makes
// another.
func RemoveKey(ctx context.Context, options Options, id uint64) error {
	err := withVaultKey(ctx, options, func(u *unlocked) error {
		i, err := u.index(id)
		if err != nil {
			return err
		}
		u.header.Slots = slices.Delete(u.header.Slots, i, i+1)
		if !slices.ContainsFunc(u.header.Slots, slot.known) {
			return &store.Error{Class: store.ErrConflict, Detail: "it is the last key of the vault", Remedy: "add another one first"}
		}
		return u.replaceHeader(ctx)
	})
	return store.At(err, "remove key", kind, store.Key{})
}

// ChangeKey puts a new key in the place of a slot's, in one step: at no moment
// do both open the vault, or neither.
func ChangeKey(ctx context.Context, options Options, id uint64, key KeySource) (Slot, error) {
	s, err := changeKey(ctx, options, id, key, cost{})
	return s, store.At(err, "change key", kind, store.Key{})
}

func changeKey(ctx context.Context, options Options, id uint64, key KeySource, c cost) (made Slot, err error) {
	err = withVaultKey(ctx, options, func(u *unlocked) error {
		i, err := u.index(id)
		if err != nil {
			return err
		}
		if err := u.checkSecondKeyring(key); err != nil {
			return err
		}
		s, err := u.newSlot(ctx, id, key, c)
		if err != nil {
			return err
		}
		made, u.header.Slots[i] = s.describe(), s
		return u.replaceHeader(ctx)
	})
	return made, err
}

// unlocked is a vault whose key is at hand, for changes of its header.
type unlocked struct {
	*vaultStore
	raw      stored
	header   header
	vaultKey []byte
}

// withVaultKey opens a vault and calls f.
func withVaultKey(ctx context.Context, options Options, f func(u *unlocked) error) error {
	if options.ReadOnly {
		return &store.Error{Class: store.ErrUnsupported, Detail: "the vault was opened for reading only", Remedy: "open it for writing"}
	}
	file, path, err := openFile(ctx, options.Path)
	if err != nil {
		return err
	}
	s := newStore(file, path, options.Keys)
	u := &unlocked{vaultStore: s}
	if err = u.open(ctx); err != nil {
		_ = file.release() // nothing was written through it
		return err
	}
	defer clear(u.vaultKey)
	defer s.Close() // what f did is synced
	return f(u)
}

func (u *unlocked) open(ctx context.Context) (err error) {
	if u.raw, u.header, err = u.file.readHeader(ctx); err != nil {
		return err
	}
	if u.vaultKey, err = unlock(ctx, u.raw, u.header, u.keys); err != nil {
		return err
	}
	u.current, err = u.raw.sealer(u.header, u.vaultKey)
	return err
}

func (u *unlocked) index(id uint64) (int, error) {
	for i, s := range u.header.Slots {
		if s.ID == id {
			return i, nil
		}
	}
	return 0, &store.Error{Class: store.ErrNotFound, Detail: fmt.Sprintf("the vault has no key slot %d", id), Remedy: "see: kinring vault keys"}
}

func (u *unlocked) newSlot(ctx context.Context, id uint64, key KeySource, c cost) (slot, error) {
	secret, err := key.fresh(ctx, u.header.Vault)
	if err != nil {
		return slot{}, err
	}
	defer clear(secret)
	return newSlot(ctx, u.header, id, key.kind, secret, u.vaultKey, c)
}

// replaceHeader writes the header, unless somebody else did since it was read.
func (u *unlocked) replaceHeader(ctx context.Context) error {
	body, err := u.header.encode()
	if err != nil {
		return err
	}
	if err := u.header.check(); err != nil {
		return err
	}
	return u.transact(ctx, func(n *conn) error {
		if err := u.unchanged(n); err != nil {
			return err
		}
		return n.setHeader(body, mac(u.current.header, body))
	})
}

// unchanged is called in the transaction that changes the header.
func (u *unlocked) unchanged(n *conn) error {
	now, err := n.header()
	if err == nil && !(bytes.Equal(now.body, u.raw.body) && bytes.Equal(now.mac, u.raw.mac)) {
		err = &store.Error{Class: store.ErrConflict, Detail: "another program changed the vault's keys meanwhile", Remedy: "try again"}
	}
	return err
}
