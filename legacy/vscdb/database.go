package vscdb

import (
	"context"
	"errors"
	"fmt"
	"sync"

	codes "modernc.org/sqlite/lib"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/internal/litedb"
	"github.com/kinring/kinring/store"
)

// newest is the newest user_version of VS Code's database that is known.
const newest = 1

// How connections are opened. Waiting is ours, see litedb.Patiently. What is
// deleted is overwritten, because it was a secret.
const (
	forReading = "mode=ro"
	forWriting = "mode=rw"
)

var (
	readPragmas  = []string{"trusted_schema(0)", "cell_size_check(1)", "query_only(1)"}
	writePragmas = []string{"trusted_schema(0)", "cell_size_check(1)", "temp_store(memory)",
		"synchronous(full)", "secure_delete(1)"}
)

// turns are taken for the use of a file, one for each path: closing a file of
// one's own, as after a look at its head, gives up the locks that SQLite holds on
// it for this process.
var turns sync.Map // of chan struct{}

// database is one state.vscdb. One call of a process at a time uses it.
type database struct {
	path string
	turn chan struct{}

	mu    sync.Mutex
	users int // batches under way
	// Guarded by the turn:
	kept *litedb.Conn // for as long as a batch runs
	of   durable.Stamp
}

func newDatabase(path string) *database {
	turn, _ := turns.LoadOrStore(path, make(chan struct{}, 1))
	return &database{path: path, turn: turn.(chan struct{})}
}

// check looks at the file by its name only.
func (d *database) check() (durable.Stamp, error) {
	if _, err := durable.Check(d.path, durable.Limits{}); err != nil {
		return durable.Stamp{}, err
	}
	return durable.StampOf(d.path)
}

func (d *database) take(ctx context.Context) error {
	select {
	case d.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return store.FromContext(ctx)
	}
}

// read runs f on a connection that cannot write. f may be run more than once.
func (d *database) read(ctx context.Context, f func(*litedb.Conn) error) error {
	stamp, err := d.check()
	if err != nil {
		return err
	}
	if err := d.take(ctx); err != nil {
		return err
	}
	defer func() { <-d.turn }()
	logged, err := d.logged()
	if err != nil {
		return err
	}
	if logged {
		return translate(d.readLogged(ctx, f))
	}
	db, done, err := d.reader(ctx, stamp)
	if err != nil {
		return translate(err)
	}
	defer done()
	return translate(litedb.Patiently(ctx, litedb.IsBusy, func() error { return f(db) }))
}

// reader returns the connection that a batch keeps, if it is still one to the
// file of that name, or another.
func (d *database) reader(ctx context.Context, stamp durable.Stamp) (*litedb.Conn, func(), error) {
	if d.kept != nil && (d.of.Device != stamp.Device || d.of.File != stamp.File) {
		d.drop()
	}
	if d.kept != nil {
		return d.kept, func() {}, nil
	}
	db, err := connect(ctx, litedb.Address(d.path, forReading, readPragmas...))
	if err != nil {
		return nil, nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.users > 0 {
		d.kept, d.of = db, stamp
		return db, func() {}, nil
	}
	return db, func() { _ = db.Close() }, nil // it wrote nothing
}

// connect opens a connection. Some pragmas read the file, which may be busy.
func connect(ctx context.Context, address litedb.Target) (db *litedb.Conn, err error) {
	err = litedb.Patiently(ctx, litedb.IsBusy, func() (err error) {
		db, err = litedb.Open(ctx, address)
		return err
	})
	return db, err
}

func (d *database) drop() {
	if d.kept != nil {
		_ = d.kept.Close() // it wrote nothing
	}
	d.kept = nil
}

// batch keeps one connection for many reads, until end is called.
func (d *database) batch() (end func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.users++
	return func() {
		d.mu.Lock()
		d.users--
		last := d.users == 0
		d.mu.Unlock()
		if last {
			d.turn <- struct{}{} // no holder waits for anything but the file's lock
			d.drop()
			<-d.turn
		}
	}
}

// write runs f in one transaction that holds the write lock. If f fails nothing
// is changed.
func (d *database) write(ctx context.Context, f func(*litedb.Conn) error) error {
	if _, err := d.check(); err != nil {
		return err
	}
	if err := d.take(ctx); err != nil {
		return err
	}
	defer func() { <-d.turn }()
	db, err := connect(ctx, litedb.Address(d.path, forWriting, writePragmas...))
	if err != nil {
		return translate(err)
	}
	err = transact(ctx, db, f)
	if closing := db.Close(); err == nil && closing != nil {
		err = nil // it is committed: that the file was not closed in peace changes nothing
	}
	return translate(err)
}

func transact(ctx context.Context, db *litedb.Conn, f func(*litedb.Conn) error) error {
	err := litedb.Patiently(ctx, litedb.IsBusy, func() error { return db.Script("BEGIN IMMEDIATE") })
	if err != nil {
		return err
	}
	if err = supported(db); err == nil {
		err = f(db)
	}
	if err != nil {
		return errors.Join(err, rollback(db))
	}
	// Committing waits for readers.
	err = litedb.Patiently(ctx, litedb.IsBusy, func() error { return db.Script("COMMIT") })
	if err == nil {
		return nil
	}
	if undone := rollback(db); undone != nil {
		return &store.Error{Class: store.ErrOutcomeUnknown, Err: err, Detail: "the database failed while it committed",
			Remedy: "read the key again"}
	}
	return err
}

// rollback undoes a transaction. SQLite may have done so itself.
func rollback(db *litedb.Conn) error {
	err := db.Script("ROLLBACK")
	if litedb.Primary(err) == codes.SQLITE_ERROR {
		return nil // there is no transaction any more
	}
	return err
}

// supported refuses to write to a database of a form that nobody here knows.
func supported(db *litedb.Conn) error {
	version, err := db.Number("user_version")
	if err == nil && version > newest {
		return &store.Error{Class: store.ErrUnsupported, Detail: fmt.Sprintf("the database has the form %d, known is %d", version, newest),
			Remedy: "update this program"}
	}
	return err
}

// brokenOff says of an error of SQLite that a crash is behind it.
func brokenOff(err error) error {
	return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrOutOfReach, Native: native(err), Err: err,
		Detail: "a write was broken off and left its journal", Remedy: "start the app: it puts the database right"}
}

// native names the code of an error of SQLite's, if it is one.
func native(err error) string {
	if code := litedb.Code(err); code != 0 {
		return fmt.Sprintf("sqlite %d", code)
	}
	return ""
}

// translate turns an error of SQLite into a store error.
func translate(err error) error {
	var own *store.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own
	}
	e := &store.Error{Native: native(err), Err: err}
	switch litedb.Code(err) {
	case codes.SQLITE_READONLY_ROLLBACK, codes.SQLITE_READONLY_RECOVERY, codes.SQLITE_READONLY_CANTLOCK, codes.SQLITE_READONLY_CANTINIT:
		return brokenOff(err)
	}
	switch litedb.Primary(err) {
	case codes.SQLITE_READONLY, codes.SQLITE_PERM, codes.SQLITE_AUTH:
		e.Class, e.Remedy = store.ErrDenied, "check the owner and the mode of the database and its folder"
	case codes.SQLITE_FULL, codes.SQLITE_CANTOPEN, codes.SQLITE_IOERR, codes.SQLITE_NOMEM, codes.SQLITE_PROTOCOL:
		e.Class, e.Reason, e.Remedy = store.ErrUnavailable, store.ErrOutOfReach, "check the file system"
	default:
		e.Class, e.Detail, e.Remedy = store.ErrCorrupt, "it is not the database that the app keeps its state in", "it is left as it is; see that the path is right"
	}
	return e
}
