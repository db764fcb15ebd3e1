package vault

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/kinring/kinring/internal/litedb"
	"github.com/kinring/kinring/store"
)

// Damage is what is wrong with a vault. The zero Damage is a vault that is whole.
type Damage struct {
	// Rows are the items that cannot be read.
	Rows []DamagedRow
	// Lost says that items are missing, or that some were put back: what is there
	// is not what was written, although each of the other items is authentic.
	Lost bool
	// Structure is what SQLite finds wrong with the file itself.
	Structure []string
}

// Whole reports that nothing is wrong.
func (d Damage) Whole() bool { return len(d.Rows) == 0 && !d.Lost && len(d.Structure) == 0 }

// DamagedRow is an item that cannot be read.
type DamagedRow struct {
	Address string    // hexadecimal, as errors show its beginning
	Key     store.Key // the zero Key where not even that can be read
	Err     error
}

// Check passes over all of a vault, values too, and says what is wrong with it.
func Check(ctx context.Context, options Options) (Damage, error) {
	d, err := checkVault(ctx, options)
	return d, store.At(err, "check", kind, store.Key{})
}

func checkVault(ctx context.Context, options Options) (d Damage, err error) {
	s, err := open(ctx, options)
	if err != nil {
		return d, err
	}
	defer s.Close() // nothing was written through it
	err = s.file.read(ctx, func(n *conn) error {
		return n.Transaction(func() (err error) {
			d, _, err = s.examine(ctx, n)
			return err
		})
	})
	return d, err
}

// Repair removes the items that cannot be read, and takes what is left as the
// whole. It says what was wrong. Nothing but this gets rid of such an item: a Put
// over it, or a Delete, would have to believe what does not authenticate.
//
// Whoever asks for a removed item gets ErrNotFound from then on, and an older
// build's value may be taken over again, also where the item was a marker of a
// deletion. A file whose structure is damaged is left alone: ErrCorrupt.
func Repair(ctx context.Context, options Options) (Damage, error) {
	var d Damage
	err := withVaultKey(ctx, options, func(u *unlocked) error {
		return u.transact(ctx, func(n *conn) (err error) {
			var left census
			if d, left, err = u.examine(ctx, n); err != nil || d.Whole() {
				return err
			}
			if len(d.Structure) > 0 {
				return &store.Error{Class: store.ErrCorrupt, Detail: "the vault's file is damaged: " + d.Structure[0], Remedy: restoring}
			}
			return repair(n, u.current, d, left)
		})
	})
	return d, store.At(err, "repair", kind, store.Key{})
}

func repair(n *conn, k *sealer, d Damage, left census) error {
	for _, r := range d.Rows {
		id, err := hex.DecodeString(r.Address)
		if err != nil {
			return err
		}
		if err := n.delete(id); err != nil {
			return err
		}
	}
	return n.setCensus(k.sealCensus(left))
}

// examine looks at everything, and twice before it says that something is wrong: a
// disk that fails may be all that is.
func (s *vaultStore) examine(ctx context.Context, n *conn) (d Damage, good census, err error) {
	d, good, err = examine(ctx, n, s.sealer())
	if err != nil || d.Whole() {
		return d, good, err
	}
	if err := s.file.readDisk(ctx); err != nil {
		return Damage{}, census{}, err
	}
	return examine(ctx, n, s.sealer())
}

// examine looks at everything on a connection's snapshot, and sums up the rows
// that are authentic.
func examine(ctx context.Context, n *conn, k *sealer) (d Damage, good census, err error) {
	if d.Structure, err = n.integrity(ctx); err != nil {
		return d, good, err
	}
	var all census
	var last []byte
	err = n.rows(ctx, columnsAll, func(r row) error {
		if bytes.Compare(last, r.id) >= 0 {
			return errDisorder // of a tree whose pages have several parents there may be no end
		}
		last = r.id
		all.add(k, r)
		key, err := k.examineRow(r)
		if err != nil {
			d.Rows = append(d.Rows, DamagedRow{hex.EncodeToString(r.id), key, err})
			return nil
		}
		good.add(k, r)
		return nil
	})
	if err != nil && (len(d.Structure) == 0 || ctx.Err() != nil) {
		return d, good, err
	}
	d.Lost, err = n.lost(k, all)
	return d, good, err
}

// examineRow opens all of a row. The key is returned where it is authentic.
func (k *sealer) examineRow(r row) (store.Key, error) {
	e, err := k.openEntry(r)
	if err != nil {
		return store.Key{}, err
	}
	_, err = k.openItem(e.Key, r)
	return e.Key, err
}

// lost reports whether the census says otherwise than the rows that are there.
func (n *conn) lost(k *sealer, counted census) (bool, error) {
	box, err := n.census()
	switch {
	case isDamage(err):
		return true, nil
	case err != nil:
		return false, err
	}
	sum, err := n.openCensus(k, box)
	if errors.Is(err, errRekeyed) {
		return false, err
	}
	return err != nil || sum != counted, nil
}

// maxComplaints is how many of SQLite's complaints are passed on.
const maxComplaints = 20

// integrity returns what SQLite finds wrong with the file's structure.
func (n *conn) integrity(ctx context.Context) ([]string, error) {
	var complaints []string
	err := n.QueryWithin(ctx, fmt.Sprintf("PRAGMA integrity_check(%d)", maxComplaints), nil, func(c columns) error {
		if text, ok := c[0].(string); !ok || text != "ok" {
			complaints = append(complaints, strings.TrimSpace(fmt.Sprint(c[0])))
		}
		return nil
	})
	if isDamage(err) {
		return append(complaints, err.Error()), nil
	}
	return complaints, err
}

// isDamage tells what is wrong with a file from what keeps one from looking at it.
func isDamage(err error) bool {
	return !litedb.IsBusy(err) && errors.Is(translate(err), store.ErrCorrupt)
}
