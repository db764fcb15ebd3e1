package vault

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/kinring/kinring/store"
)

// unlocking is the remedy where a key is needed and none was given.
const unlocking = "give the vault's key file or passphrase file"

// kindHeld is the kind of a source that has the vault key itself: no slot is of
// that kind.
const kindHeld = "held"

// unlock tries every source on every slot of its kind, and returns the vault
// key of the first that fits.
func unlock(ctx context.Context, raw stored, h header, sources []KeySource) ([]byte, error) {
	if len(sources) == 0 {
		return nil, &store.Error{Class: store.ErrLocked, Detail: "no key was given for the vault", Remedy: unlocking}
	}
	t := trial{stored: raw, header: h}
	for _, source := range ranked(sources) {
		key, err := t.try(ctx, source)
		if key != nil || err != nil {
			return key, err
		}
	}
	return nil, t.failed()
}

func ranked(sources []KeySource) []KeySource {
	out := slices.Clone(sources)
	slices.SortStableFunc(out, func(a, b KeySource) int { return a.rank - b.rank })
	return out
}

// trial keeps what was tried, for the error at the end.
type trial struct {
	stored stored
	header header
	tried  []string // sources that opened no slot
	absent error    // the last source that had nothing to give
}

// try returns the vault key if the source gives it, neither key nor error if
// the next source is to be tried.
func (t *trial) try(ctx context.Context, source KeySource) ([]byte, error) {
	slots := t.slotsFor(source)
	if len(slots) == 0 && source.kind != kindHeld {
		return nil, nil
	}
	secret, err := source.read(ctx, t.header.Vault)
	if nothingToGive(err) {
		t.absent = err
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if source.kind == kindHeld {
		return t.held(secret)
	}
	defer clear(secret)
	for _, s := range slots {
		key, err := s.open(ctx, t.header, secret)
		if !errors.Is(err, errAuthentic) {
			return key, err
		}
	}
	t.tried = append(t.tried, source.name)
	return nil, nil
}

// nothingToGive reports an error of a source that leaves the others to be tried.
func nothingToGive(err error) bool { return errors.Is(err, store.ErrLocked) }

// held judges a vault key that Unlock kept. One that is of the time before a
// rekey is passed over.
func (t *trial) held(vaultKey []byte) ([]byte, error) {
	s, err := newSealer(vaultKey, t.header.Vault, t.header.Suite)
	if err != nil {
		return nil, err
	}
	defer s.wipe()
	if s.authenticate(t.stored.body, t.stored.mac) != nil {
		clear(vaultKey)
		return nil, nil
	}
	return vaultKey, nil
}

func (t *trial) slotsFor(source KeySource) []slot {
	var out []slot
	for _, s := range t.header.Slots {
		if s.usable() && s.Kind == source.kind {
			out = append(out, s)
		}
	}
	return out
}

func (t *trial) failed() error {
	switch {
	case len(t.tried) > 0:
		return &store.Error{Class: store.ErrDenied, Detail: "wrong key: the vault is not opened by " + strings.Join(t.tried, " or "),
			Remedy: "give the key or passphrase that the vault was made with"}
	case t.absent != nil:
		return t.absent
	case !slices.ContainsFunc(t.header.Slots, slot.known):
		return unsupported("no key slot of the vault is of a kind that this build knows")
	case !slices.ContainsFunc(t.header.Slots, slot.usable):
		return &store.Error{Class: store.ErrUnsupported, Detail: "all key slots of the vault use Argon2id, which GODEBUG=fips140=only forbids",
			Remedy: "where that is not set, add a key file, or rekey the vault to " + CipherAESGCM}
	}
	return &store.Error{Class: store.ErrLocked, Detail: "the vault is opened by: " + strings.Join(t.kinds(), ", "), Remedy: unlocking}
}

func (t *trial) kinds() []string {
	var out []string
	for _, s := range t.header.Slots {
		if s.usable() && !slices.Contains(out, s.Kind) {
			out = append(out, s.Kind)
		}
	}
	return out
}
