package vault

import (
	"context"
	"database/sql"
	"errors"

	"github.com/kinring/kinring/store"
	"modernc.org/sqlite"
)

// background is what SQLite is called with: its calls are short and local, what
// they might wait for is waited for in patiently, and a call that is broken off
// in its middle would leave the outcome of a write unknown.
var background = context.Background()

// conn is one connection with its statements. It is used by one goroutine at a
// time.
type conn struct {
	db    *sql.DB
	c     *sql.Conn
	full  *sql.Stmt
	state *sql.Stmt
}

func openConn(path string, how access) (*conn, error) {
	db, c, err := connect(path, how)
	if err != nil {
		return nil, err
	}
	n := &conn{db: db, c: c}
	if how == accessWrite {
		err = n.keepLog()
	}
	if err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *conn) close() error {
	var errs []error
	for _, s := range []*sql.Stmt{n.full, n.state} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(append(errs, n.c.Close(), n.db.Close())...)
}

// keepLog leaves the log and the file of shared memory in place when the last
// connection closes, because a quiet reader needs them and may make nothing.
func (n *conn) keepLog() error {
	return n.c.Raw(func(c any) error {
		_, err := c.(sqlite.FileControl).FileControlPersistWAL("main", 1)
		return err
	})
}

// prepared returns a statement, prepared at its first use: before that nobody
// knows whether the file has the tables of this format.
func (n *conn) prepared(s **sql.Stmt, query string) (*sql.Stmt, error) {
	if *s != nil {
		return *s, nil
	}
	p, err := n.c.PrepareContext(background, query)
	if err == nil {
		*s = p
	}
	return p, err
}

func (n *conn) exec(query string, args ...any) error {
	_, err := n.c.ExecContext(background, query, args...)
	return err
}

// transaction runs f on one snapshot of the vault.
func (n *conn) transaction(f func() error) error {
	if err := n.exec("BEGIN"); err != nil {
		return err
	}
	err := f()
	if rollback := n.exec("ROLLBACK"); err == nil {
		err = rollback
	}
	return err
}

// row returns the row at an address, and whether there is one.
func (n *conn) row(id []byte) (row, bool, error) {
	r := row{id: id}
	query, err := n.prepared(&n.full, "SELECT revision, generation, kind, meta, value FROM items WHERE id = ?")
	if err != nil {
		return r, false, err
	}
	err = query.QueryRowContext(background, id).Scan(&r.revision, &r.generation, &r.kind, &r.meta, &r.value)
	return found(r, err)
}

// rowWithoutValue is row for those who need not read the value.
func (n *conn) rowWithoutValue(id []byte) (row, bool, error) {
	r := row{id: id}
	err := n.c.QueryRowContext(background, "SELECT revision, generation, kind, meta FROM items WHERE id = ?", id).
		Scan(&r.revision, &r.generation, &r.kind, &r.meta)
	return found(r, err)
}

func found(r row, err error) (row, bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	return r, err == nil, err
}

// census returns the sealed census.
func (n *conn) census() ([]byte, error) {
	query, err := n.prepared(&n.state, "SELECT box FROM state WHERE one = 1")
	if err != nil {
		return nil, err
	}
	var box []byte
	err = query.QueryRowContext(background).Scan(&box)
	if errors.Is(err, sql.ErrNoRows) {
		err = corruptCensus(errors.New("it is missing"))
	}
	return box, err
}

// rows calls f with every row, without values and, unless meta is set, without
// meta boxes.
func (n *conn) rows(ctx context.Context, meta bool, f func(row) error) error {
	columns := "id, revision, generation, kind, x''"
	if meta {
		columns = "id, revision, generation, kind, meta"
	}
	rows, err := n.c.QueryContext(background, "SELECT "+columns+" FROM items")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.id, &r.revision, &r.generation, &r.kind, &r.meta); err != nil {
			return err
		}
		if err := store.FromContext(ctx); err != nil {
			return err
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// put writes a row over the one at its address, if there is one.
func (n *conn) put(r row) error {
	return n.exec(`INSERT INTO items (id, revision, generation, kind, meta, value) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, generation = excluded.generation,
		kind = excluded.kind, meta = excluded.meta, value = excluded.value`,
		r.id, r.revision, r.generation, r.kind, r.meta, r.value)
}

func (n *conn) delete(id []byte) error { return n.exec("DELETE FROM items WHERE id = ?", id) }

func (n *conn) setCensus(box []byte) error {
	return n.exec("UPDATE state SET box = ? WHERE one = 1", box)
}

// stored is the header as the file holds it.
type stored struct{ body, mac []byte }

// header reads what is needed to open the vault. The numbers in SQLite's own
// header come first: they stay where they are in every later format.
func (n *conn) header() (stored, error) {
	var s stored
	var id, version int
	if err := n.c.QueryRowContext(background, "PRAGMA application_id").Scan(&id); err != nil {
		return s, err
	}
	if id != applicationID {
		return s, &store.Error{Class: store.ErrCorrupt, Detail: "the file is no vault of kinring's", Remedy: "name the right file, or restore it from a backup"}
	}
	if err := n.c.QueryRowContext(background, "PRAGMA user_version").Scan(&version); err != nil {
		return s, err
	}
	if err := checkFormat(version); err != nil {
		return s, err
	}
	err := n.c.QueryRowContext(background, "SELECT body, mac FROM header WHERE one = 1").Scan(&s.body, &s.mac)
	if errors.Is(err, sql.ErrNoRows) {
		err = corruptHeader(errors.New("it is missing"))
	}
	return s, err
}
