package vault

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/kinring/kinring/store"
)

// RekeyOptions say how a vault is given a new key.
type RekeyOptions struct {
	// Cipher is what the vault is sealed with from then on; empty means what it is
	// sealed with now.
	Cipher string
	// Drop removes the key slots whose keys the sources do not give. Without it
	// such a slot is ErrLocked, and nothing is done.
	Drop bool
}

// Rekey makes a new vault key and seals everything anew, in one step: whoever
// had the old vault key, say from a removed slot and an earlier copy of the
// file, cannot open what is written from then on. Each slot needs its own key
// among the options' sources, because a slot cannot be sealed without. Programs
// that have the vault open unlock it again by themselves.
//
// The vault has format 2 afterwards, which builds before this one refuse.
// Revisions, records and the fingerprint key stay as they are.
func Rekey(ctx context.Context, options Options, how RekeyOptions) (Description, error) {
	d, err := rekey(ctx, options, how, cost{})
	return d, store.At(err, "rekey", kind, store.Key{})
}

func rekey(ctx context.Context, options Options, how RekeyOptions, c cost) (d Description, err error) {
	err = withVaultKey(ctx, options, func(u *unlocked) error {
		cipher := cmp.Or(how.Cipher, u.header.Suite)
		if err := CheckCipher(cipher); err != nil {
			return err
		}
		r := rekeying{unlocked: u, vaultKey: randomBytes(keySize)}
		defer clear(r.vaultKey)
		if err := r.newHeader(ctx, cipher, how.Drop, c); err != nil {
			return err
		}
		if err := r.transact(ctx, func(n *conn) error { return r.run(ctx, n) }); err != nil {
			return err
		}
		r.forgetLog(ctx)
		_, _ = dropKey(heldName(u.header.Vault)) // it opens nothing any more
		d = r.header.describe(u.path)
		return nil
	})
	return d, err
}

// rekeying is a rekey under way. What is embedded is the vault as it was.
type rekeying struct {
	*unlocked
	vaultKey []byte
	header   header
	sealer   *sealer
}

// newHeader makes the header that the vault is to have: the same slots under
// the new vault key.
func (r *rekeying) newHeader(ctx context.Context, cipher string, drop bool, c cost) (err error) {
	old := r.unlocked.header
	r.header = header{Format: formatRekeyed, Vault: old.Vault, Suite: cipher}
	if r.sealer, err = newSealer(r.vaultKey, old.Vault, cipher); err != nil {
		return err
	}
	r.sealer.fingerprints = bytes.Clone(r.current.fingerprints)
	r.header.Fingerprints = r.sealer.keepFingerprints(r.sealer.fingerprints)
	var missing []string
	secrets := secrets{vault: old.Vault, sources: ranked(r.keys), read: map[int][]byte{}}
	defer secrets.wipe()
	for _, s := range old.Slots {
		secret, err := secrets.of(ctx, old, s)
		if err != nil {
			return err
		}
		if secret == nil {
			missing = append(missing, fmt.Sprintf("%d (%s)", s.ID, s.Kind))
			continue
		}
		fresh, err := newSlot(ctx, r.header, s.ID, s.Kind, secret, r.vaultKey, c)
		if err != nil {
			return err
		}
		r.header.Slots = append(r.header.Slots, fresh)
	}
	return r.checkSlots(missing, drop)
}

func (r *rekeying) checkSlots(missing []string, drop bool) error {
	if len(missing) > 0 && !drop || len(r.header.Slots) == 0 {
		return &store.Error{Class: store.ErrLocked, Detail: "the keys of these slots were not given: " + strings.Join(missing, ", "),
			Remedy: "give each of them, or drop those slots"}
	}
	return r.header.check()
}

// run moves all rows from the old key to the new one. It is called in a
// transaction, on whose snapshot every row is counted before: what is lost must
// not be sealed as whole.
func (r *rekeying) run(ctx context.Context, n *conn) error {
	if err := r.unchanged(n); err != nil {
		return err
	}
	box, err := n.census()
	if err != nil {
		return err
	}
	var ids [][]byte
	err = r.count(ctx, n, r.current, box, columnsCensus, func(old row) error {
		ids = append(ids, bytes.Clone(old.id))
		return nil
	})
	if err != nil {
		return err
	}
	var sum census
	for _, id := range ids {
		if err := r.move(ctx, n, id, &sum); err != nil {
			return err
		}
	}
	return r.seal(n, sum)
}

// move seals one row anew. Its revision stays: it is the same write.
func (r *rekeying) move(ctx context.Context, n *conn, id []byte, sum *census) error {
	if err := store.FromContext(ctx); err != nil {
		return err
	}
	old, there, err := n.row(columnsAll, id)
	if err != nil {
		return err
	}
	if !there {
		return errDisorder
	}
	entry, err := r.current.openEntry(old)
	if err != nil {
		return err
	}
	item, err := r.current.openItem(entry.Key, old)
	if err != nil {
		return err
	}
	fresh, err := r.sealer.sealRowAs(entry.Key, item, old.revision)
	if err != nil {
		return err
	}
	sum.add(r.sealer, fresh)
	if err := n.delete(id); err != nil {
		return err
	}
	return n.put(fresh)
}

// seal writes what authenticates the whole.
func (r *rekeying) seal(n *conn, sum census) error {
	body, err := r.header.encode()
	if err != nil {
		return err
	}
	if err := n.setHeader(body, mac(r.sealer.header, body)); err != nil {
		return err
	}
	if err := n.setCensus(r.sealer.sealCensus(sum)); err != nil {
		return err
	}
	return n.Script(fmt.Sprintf("PRAGMA user_version = %d", r.header.Format))
}

// forgetLog moves the log into the file and empties it, so that what the old key
// opens is gone from both. Where a reader is in its way the log goes when the
// last writer closes the vault.
func (r *rekeying) forgetLog(ctx context.Context) {
	_ = r.file.write(ctx, (*conn).emptyLog)
}

// secrets reads each source at most once, so that nobody is asked twice.
type secrets struct {
	vault   []byte
	sources []KeySource
	read    map[int][]byte // by the index of the source; nil where it had nothing
}

// of returns the secret that opens a slot, or nil if no source gives it.
func (s secrets) of(ctx context.Context, h header, want slot) ([]byte, error) {
	for i, source := range s.sources {
		if source.kind != want.Kind || !want.usable() {
			continue
		}
		secret, err := s.get(ctx, i)
		if secret == nil || err != nil {
			if err != nil {
				return nil, err
			}
			continue
		}
		vaultKey, err := want.open(ctx, h, secret)
		clear(vaultKey)
		if err == nil {
			return secret, nil
		}
		if err != errAuthentic {
			return nil, err
		}
	}
	return nil, nil
}

func (s secrets) get(ctx context.Context, i int) ([]byte, error) {
	if secret, done := s.read[i]; done {
		return secret, nil
	}
	secret, err := s.sources[i].read(ctx, s.vault)
	if nothingToGive(err) {
		secret, err = nil, nil
	}
	if err == nil {
		s.read[i] = secret
	}
	return secret, err
}

func (s secrets) wipe() {
	for _, secret := range s.read {
		clear(secret)
	}
}
