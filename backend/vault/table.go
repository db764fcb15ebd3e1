package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/kinring/kinring/store"
)

// The columns of items that are read, in the order of a row: all, all but the
// value, and what the census needs.
const (
	columnsAll    = "id, revision, generation, kind, meta, value"
	columnsEntry  = "id, revision, generation, kind, meta"
	columnsCensus = "id, revision"
)

// asRow makes a row of as many columns as were read.
func asRow(c columns) (r row, err error) {
	blobs := []struct {
		at   int
		into *[]byte
	}{{0, &r.id}, {1, &r.revision}, {4, &r.meta}, {5, &r.value}}
	for _, b := range blobs {
		if b.at < len(c) && err == nil {
			*b.into, err = c.Blob(b.at)
		}
	}
	if len(c) > 3 && err == nil {
		r.generation, err = c.Integer(2)
	}
	if len(c) > 3 && err == nil {
		r.kind, err = c.Integer(3)
	}
	return r, err
}

// row returns some columns of the row at an address, and whether there is one.
func (n *conn) row(columnsRead string, id []byte) (r row, there bool, err error) {
	err = n.Query("SELECT "+columnsRead+" FROM items WHERE id = ?", []any{id}, func(c columns) (err error) {
		there = true
		r, err = asRow(c)
		return err
	})
	return r, there, err
}

// rows calls f with some columns of every row.
func (n *conn) rows(ctx context.Context, columnsRead string, f func(row) error) error {
	return n.Query("SELECT "+columnsRead+" FROM items", nil, func(c columns) error {
		r, err := asRow(c)
		if err != nil {
			return err
		}
		if err := store.FromContext(ctx); err != nil {
			return err
		}
		return f(r)
	})
}

// put writes a row over the one at its address, if there is one.
func (n *conn) put(r row) error {
	return n.Exec(`INSERT INTO items (id, revision, generation, kind, meta, value) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, generation = excluded.generation,
		kind = excluded.kind, meta = excluded.meta, value = excluded.value`,
		r.id, r.revision, r.generation, r.kind, r.meta, r.value)
}

func (n *conn) delete(id []byte) error { return n.Exec("DELETE FROM items WHERE id = ?", id) }

// census returns the sealed census.
func (n *conn) census() ([]byte, error) {
	var box []byte
	err := n.Query("SELECT box FROM state WHERE one = 1 AND length(box) <= ?", []any{int64(maxBox)}, func(c columns) (err error) {
		box, err = c.Blob(0)
		return err
	})
	if err == nil && box == nil {
		err = corruptCensus(errors.New("it is missing, or too large"))
	}
	return box, err
}

func (n *conn) setCensus(box []byte) error {
	return n.Exec("UPDATE state SET box = ? WHERE one = 1", box)
}

// stored is the header as the file holds it, with the version that SQLite's own
// header names.
type stored struct {
	version   int64
	body, mac []byte
}

// decode reads the header. It is not authenticated yet.
func (s stored) decode() (header, error) {
	h, err := decodeHeader(s.body)
	if err == nil && int64(h.Format) != s.version {
		err = corruptHeader(fmt.Errorf("the file says format %d, the header format %d", s.version, h.Format))
	}
	return h, err
}

// sealer derives everything from the vault key and authenticates the header.
func (s stored) sealer(h header, vaultKey []byte) (*sealer, error) {
	k, err := newSealer(vaultKey, h.Vault, h.Suite)
	if err != nil {
		return nil, err
	}
	if err := k.authenticate(s.body, s.mac); err != nil {
		return nil, err
	}
	return k, k.useKept(h.Fingerprints)
}

// header reads what is needed to open the vault. The numbers in SQLite's own
// header come first: they stay where they are in every later format.
func (n *conn) header() (stored, error) {
	var s stored
	id, err := n.Number("application_id")
	if err != nil {
		return s, err
	}
	if id != applicationID {
		return s, noneOfOurs()
	}
	if s.version, err = n.Number("user_version"); err != nil {
		return s, err
	}
	if err := checkFormat(int(s.version)); err != nil {
		return s, err
	}
	if err := n.checkSchema(); err != nil {
		return s, err
	}
	// The lengths are asked of SQLite, which knows them without reading the blobs.
	limits := []any{int64(maxHeader), int64(sha256.Size)}
	err = n.Query("SELECT body, mac FROM header WHERE one = 1 AND length(body) <= ? AND length(mac) <= ?", limits, func(c columns) (err error) {
		if s.body, err = c.Blob(0); err == nil {
			s.mac, err = c.Blob(1)
		}
		return err
	})
	if err == nil && s.body == nil {
		err = corruptHeader(errors.New("it is missing, or too large"))
	}
	return s, err
}

// checkSchema refuses a file whose tables are not defined letter by letter as a
// vault's: a view in the place of a table, or a trigger beside it, is a program
// that SQLite would run, for as long and with as much memory as its author liked.
func (n *conn) checkSchema() error {
	var found []string
	err := n.Query("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid", nil, func(c columns) error {
		text, _ := c[0].(string)
		found = append(found, text+";")
		return nil
	})
	if err == nil && strings.Join(found, "\n") != strings.TrimSpace(schema) {
		err = corruptHeader(errors.New("its tables are not those of a vault"))
	}
	return err
}

func (n *conn) setHeader(body, mac []byte) error {
	return n.Exec("UPDATE header SET body = ?, mac = ? WHERE one = 1", body, mac)
}
