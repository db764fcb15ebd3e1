package vscdb

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/kinring/kinring/internal/litedb"
	"github.com/kinring/kinring/store"
)

// prefix is what the keys of secrets begin with, and afterPrefix the text that
// sorts after all of those.
const (
	prefix      = "secret://"
	afterPrefix = "secret:/0"
)

// row is one secret as it stands in the table. The zero row is none.
type row struct {
	there bool
	id    int64
	kind  string // SQLite's type of the value
	size  int64  // bytes of the value
	text  []byte // the value, unless it is too large
}

// revision names one write: VS Code replaces a row, and a row that replaces
// another has a new number. The value in it is sealed.
func (r row) revision() store.Revision {
	if !r.there {
		return ""
	}
	sum := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, uint64(r.id)), r.text...))
	return store.Revision(base64.RawURLEncoding.EncodeToString(sum[:16]))
}

// sealed returns the bytes in the value.
func (r row) sealed() ([]byte, error) {
	switch {
	case r.size > maxText:
		return nil, &store.Error{Class: store.ErrTooLarge, Detail: fmt.Sprintf("the value has %d bytes", r.size),
			Remedy: fmt.Sprintf("no secret has more than %d there; see what wrote it", maxText)}
	case r.kind != "text" && r.kind != "blob":
		return nil, notABuffer("it is of SQLite's type " + r.kind)
	}
	return decodeBuffer(r.text)
}

// columns are those of a row. What is too large is not read at all.
const columns = `rowid, typeof(value), coalesce(length(CAST(value AS BLOB)), 0),
	CASE WHEN length(CAST(value AS BLOB)) <= ? THEN CAST(value AS BLOB) END, key`

// findRow returns the row of an account.
func findRow(db *litedb.Conn, account string) (found row, err error) {
	err = db.Query("SELECT "+columns+" FROM ItemTable WHERE key = ?", []any{int64(maxText), prefix + account}, func(c litedb.Columns) error {
		if found.there {
			return &store.Error{Class: store.ErrAmbiguous, Detail: "the key is there more than once",
				Remedy: "the table is not as the app makes it; see what wrote it"}
		}
		found, err = asRow(c)
		return err
	})
	if err != nil {
		return row{}, err
	}
	return found, nil
}

// eachRow calls f with all secrets and their accounts.
func eachRow(db *litedb.Conn, f func(account string, r row)) error {
	return db.Query("SELECT "+columns+" FROM ItemTable WHERE key >= ? AND key < ?", []any{int64(maxText), prefix, afterPrefix}, func(c litedb.Columns) error {
		r, err := asRow(c)
		name, ok := c[4].(string)
		if err == nil && ok {
			f(name[len(prefix):], r)
		}
		return err
	})
}

func asRow(c litedb.Columns) (r row, err error) {
	r.there = true
	if r.id, err = c.Integer(0); err != nil {
		return r, err
	}
	if r.size, err = c.Integer(2); err != nil {
		return r, err
	}
	r.kind, _ = c[1].(string)
	r.text, _ = c[3].([]byte)
	return r, nil
}

// replaceRow puts a value under an account as VS Code does, and returns the row.
func replaceRow(db *litedb.Conn, account, text string) (row, error) {
	if err := db.Exec("INSERT OR REPLACE INTO ItemTable (key, value) VALUES (?, ?)", prefix+account, text); err != nil {
		return row{}, err
	}
	return findRow(db, account)
}
