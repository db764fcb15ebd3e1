// Package litedb speaks to SQLite, for what keeps secrets in such files. It waits
// for locks itself, as long as the caller's context lives: SQLite's own waiting
// would not see the context.
package litedb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kinring/kinring/store"
	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// background is what SQLite is called with: its calls are short and local, what
// they might wait for is waited for in Patiently, and a call that is broken off
// in its middle would leave the outcome of a write unknown.
var background = context.Background()

// Conn is one connection with its statements. It is used by one goroutine at a
// time. It speaks to the driver itself, because database/sql keeps connections
// open, and opens new ones, by rules of its own: here it is a matter of
// correctness which connections a process has.
type Conn struct {
	c     driver.Conn
	stmts map[string]statement // by their text
	// held is c as database/sql sees it, the only connection of db: the driver sets
	// limits on no other kind.
	db   *sql.DB
	held *sql.Conn
}

// statement is what the driver's statements are.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// connector opens connections with a driver of their own, so that what another part
// of the program has registered with SQLite's does not concern them.
type connector string

func (c connector) Connect(context.Context) (driver.Conn, error) {
	return c.Driver().Open(string(c))
}

func (connector) Driver() driver.Driver { return &sqlite.Driver{} }

// budget is how long reading a schema may take where the context lives longer.
var budget = 10 * time.Second

// Open opens a connection and reads the schema of the file, which ends with the
// context, or with its budget: a few pages can be made to hold one that has no end.
func Open(ctx context.Context, t Target) (*Conn, error) {
	db := sql.OpenDB(connector(t.uri))
	held, err := db.Conn(background)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	n := &Conn{stmts: map[string]statement{}, db: db, held: held}
	err = held.Raw(func(c any) error { n.c = c.(driver.Conn); return nil })
	if err == nil && t.Longest > 0 {
		_, err = sqlite.Limit(held, codes.SQLITE_LIMIT_LENGTH, t.Longest)
	}
	if err == nil {
		err = n.prepare(ctx, t.pragmas)
	}
	if err != nil {
		_ = n.Close() // nothing was written through it
		return nil, err
	}
	return n, nil
}

// prepare sets pragmas and reads the schema, in one script: the driver heeds the
// context from the second statement on, and the first must not need the schema.
// Waiting for locks is the caller's.
func (n *Conn) prepare(ctx context.Context, pragmas []string) error {
	script := "PRAGMA busy_timeout(0);"
	for _, pragma := range pragmas {
		script += "PRAGMA " + pragma + ";"
	}
	bounded, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	_, err := n.c.(driver.ExecerContext).ExecContext(bounded, script+"SELECT 1 FROM sqlite_schema LIMIT 0", nil)
	if err != nil && bounded.Err() != nil && ctx.Err() == nil {
		return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrOutOfReach, Err: err,
			Detail: fmt.Sprintf("its schema is not read after %v", budget), Remedy: "check that it is the right file"}
	}
	return ended(ctx, err)
}

// ended says what the context says where that broke a call off.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return store.FromContext(ctx)
	}
	return err
}

// PersistWAL keeps the companions of a file with a write-ahead log in place when
// its last connection closes.
func (n *Conn) PersistWAL() error {
	_, err := n.c.(sqlite.FileControl).FileControlPersistWAL("main", 1)
	return err
}

// Close ends the statements first: SQLite does not let go of its files before.
func (n *Conn) Close() error {
	var errs []error
	for _, s := range n.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, n.held.Close(), n.db.Close())...)
}

// prepared returns a statement, prepared at its first use: before that nobody
// knows whether the file has the tables of this format.
func (n *Conn) prepared(query string) (statement, error) {
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

// Script runs statements that are run once.
func (n *Conn) Script(query string, args ...any) error {
	_, err := n.c.(driver.ExecerContext).ExecContext(background, query, named(args))
	return err
}

// Exec runs a statement that is run again and again. Its arguments are what the
// driver takes as they are: int64 and []byte.
func (n *Conn) Exec(query string, args ...any) error {
	s, err := n.prepared(query)
	if err != nil {
		return err
	}
	_, err = s.ExecContext(background, named(args))
	return err
}

// Query runs a statement and calls f with every row of its result.
func (n *Conn) Query(query string, args []any, f func(Columns) error) error {
	return n.query(background, query, args, f)
}

// QueryWithin is Query for what takes long before it has its first row: it ends with
// the context.
func (n *Conn) QueryWithin(ctx context.Context, query string, args []any, f func(Columns) error) error {
	return ended(ctx, n.query(ctx, query, args, f))
}

func (n *Conn) query(ctx context.Context, query string, args []any, f func(Columns) error) error {
	s, err := n.prepared(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(ctx, named(args))
	if err != nil {
		return err
	}
	into := make(Columns, len(rows.Columns()))
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

// Columns is one row of a result.
type Columns []driver.Value

// errType is the error for a value of a type that its column cannot have. The
// same bytes as text, say, would not be found by a search for a blob.
var errType = errors.New("a column has another type")

// Blob returns the bytes of a column.
func (c Columns) Blob(i int) ([]byte, error) {
	b, ok := c[i].([]byte)
	if !ok {
		return nil, errType
	}
	return b, nil
}

// Integer returns the number in a column.
func (c Columns) Integer(i int) (int64, error) {
	n, ok := c[i].(int64)
	if !ok {
		return 0, errType
	}
	return n, nil
}

// Number returns the integer that a PRAGMA gives.
func (n *Conn) Number(pragma string) (int64, error) {
	var number int64
	err := n.Query("PRAGMA "+pragma, nil, func(c Columns) (err error) {
		number, err = c.Integer(0)
		return err
	})
	return number, err
}

// Transaction runs f on one snapshot of the file.
func (n *Conn) Transaction(f func() error) error {
	if err := n.Exec("BEGIN"); err != nil {
		return err
	}
	err := f()
	if rollback := n.Exec("ROLLBACK"); err == nil {
		err = rollback
	}
	return err
}
