package vault

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"

	"github.com/kinring/kinring/store"
	"modernc.org/sqlite"
)

// background is what SQLite is called with: its calls are short and local, what
// they might wait for is waited for in patiently, and a call that is broken off
// in its middle would leave the outcome of a write unknown.
var background = context.Background()

// conn is one connection with its statements. It is used by one goroutine at a
// time. It speaks to the driver itself, because database/sql keeps connections
// open, and opens new ones, by rules of its own: here it is a matter of
// correctness which connections a process has.
type conn struct {
	c     driver.Conn
	stmts map[string]statement // by their text
}

// statement is what the driver's statements are.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// openConn opens a connection to a vault.
func openConn(path string, how access) (*conn, error) {
	n, err := dial(path, how)
	if err != nil || how != accessWrite {
		return n, err
	}
	// A quiet reader needs the companions and may make nothing, so they stay in
	// place when the last connection closes.
	if _, err := n.c.(sqlite.FileControl).FileControlPersistWAL("main", 1); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

// dial opens a connection as it is.
func dial(path string, how access) (*conn, error) {
	c, err := (&sqlite.Driver{}).Open(dsn(path, how))
	if err != nil {
		return nil, err
	}
	return &conn{c: c, stmts: map[string]statement{}}, nil
}

// close ends the statements first: SQLite does not let go of its files before.
func (n *conn) close() error {
	var errs []error
	for _, s := range n.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, n.c.Close())...)
}

// prepared returns a statement, prepared at its first use: before that nobody
// knows whether the file has the tables of this format.
func (n *conn) prepared(query string) (statement, error) {
	if s, ok := n.stmts[query]; ok {
		return s, nil
	}
	p, err := n.c.Prepare(query)
	if err != nil {
		return nil, err
	}
	s := p.(statement)
	n.stmts[query] = s
	return s, nil
}

func named(args []any) []driver.NamedValue {
	out := make([]driver.NamedValue, len(args))
	for i, a := range args {
		out[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return out
}

// script runs statements that are run once.
func (n *conn) script(query string, args ...any) error {
	_, err := n.c.(driver.ExecerContext).ExecContext(background, query, named(args))
	return err
}

// exec runs a statement that is run again and again. Its arguments are what the
// driver takes as they are: int64 and []byte.
func (n *conn) exec(query string, args ...any) error {
	s, err := n.prepared(query)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(background, named(args))
	return err
}

// query runs a statement and calls f with every row of its result.
func (n *conn) query(query string, args []any, f func(columns) error) error {
	s, err := n.prepared(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(background, named(args))
	if err != nil {
		return err
	}
	into := make(columns, len(rows.Columns()))
	for err == nil {
		if err = rows.Next(into); err == nil {
			err = f(into)
		}
	}
	if err == io.EOF {
		err = nil
	}
	if closing := rows.Close(); err == nil {
		err = closing
	}
	return err
}

// columns is one row of a result.
type columns []driver.Value

// errType is the error for a value of a type that its column cannot have. The
// same bytes as text, say, would not be found by a search for a blob.
var errType = &store.Error{Class: store.ErrCorrupt, Detail: "the vault's file is damaged: a column has another type", Remedy: restoring}

func (c columns) blob(i int) ([]byte, error) {
	b, ok := c[i].([]byte)
	if !ok {
		return nil, errType
	}
	return b, nil
}

func (c columns) integer(i int) (int64, error) {
	n, ok := c[i].(int64)
	if !ok {
		return 0, errType
	}
	return n, nil
}

// number returns the integer that a PRAGMA gives.
func (n *conn) number(pragma string) (int64, error) {
	var number int64
	err := n.query("PRAGMA "+pragma, nil, func(c columns) (err error) {
		number, err = c.integer(0)
		return err
	})
	return number, err
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
