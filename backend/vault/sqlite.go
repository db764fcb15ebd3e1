package vault

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"

	"github.com/kinring/kinring/internal/litedb"
	"github.com/kinring/kinring/store"
	codes "modernc.org/sqlite/lib"
)

// applicationID marks the file as a vault for file(1) and for us: "KRv1".
const applicationID = 0x4b527631

// schema is format 1. The address leads the primary key, and the value stands
// last, so that finding a row and reading its meta box never touches a value's
// pages.
const schema = `
CREATE TABLE header (one INTEGER PRIMARY KEY CHECK (one = 1), body BLOB NOT NULL, mac BLOB NOT NULL) STRICT;
CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), box BLOB NOT NULL) STRICT;
CREATE TABLE items (id BLOB PRIMARY KEY, revision BLOB NOT NULL, generation INTEGER NOT NULL, kind INTEGER NOT NULL, meta BLOB NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
`

// access is how a connection opens the file.
type access string

const (
	// accessQuiet reads without writing anything, not even to the file of
	// shared memory: with readonly_shm SQLite builds its index of the log in
	// its own memory while no writer is there, and uses the writer's while
	// there is one.
	accessQuiet access = "mode=ro&readonly_shm=1"
	// accessRead reads, and takes part in the shared memory. A process that
	// also writes needs it: SQLite keeps one view of that file a process.
	accessRead access = "mode=ro"
	// accessWrite reads and writes.
	accessWrite access = "mode=rw"
)

// longestRow is more than the longest row of a vault has: a value, names, a record
// and what seals them.
const longestRow = store.MaxValue + maxHeader

// pragmas are set on every connection. The log is cut to nothing when the last
// writer closes. The cache of 8 MiB, which is filled as far as it is needed, holds
// the pages of ten thousand items, sealed as they are.
var pragmas = []string{"trusted_schema(0)", "cell_size_check(1)", "temp_store(memory)", "cache_size(-8192)"}

// writePragmas make every commit durable and leave no old content behind.
var writePragmas = []string{"synchronous(full)", "fullfsync(1)", "checkpoint_fullfsync(1)",
	"secure_delete(1)", "journal_size_limit(4194304)"}

// conn is one connection to a vault with its statements. It is used by one
// goroutine at a time.
type conn struct{ *litedb.Conn }

type columns = litedb.Columns

// openConn opens a connection to a vault.
func openConn(ctx context.Context, path string, how access) (*conn, error) {
	n, err := dial(ctx, path, how)
	if err != nil || how != accessWrite {
		return n, err
	}
	// A quiet reader needs the companions and may make nothing, so they stay in
	// place when the last connection closes.
	if err := n.PersistWAL(); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// dial opens a connection as it is.
func dial(ctx context.Context, path string, how access) (*conn, error) {
	all := pragmas
	if how == accessWrite {
		all = slices.Concat(pragmas, writePragmas)
	}
	target := litedb.Address(path, string(how), all...)
	target.Longest = longestRow
	c, err := litedb.Open(ctx, target)
	if err != nil {
		return nil, err
	}
	return &conn{c}, nil
}

// emptyLog moves the log into the file and cuts it to nothing.
func (n *conn) emptyLog() error {
	return n.Query("PRAGMA wal_checkpoint(TRUNCATE)", nil, func(c columns) error {
		busy, err := c.Integer(0)
		if err == nil && busy != 0 {
			err = errors.New("somebody uses the log")
		}
		return err
	})
}

// isUnsettled reports that the shared memory cannot be used by somebody who may
// not write to it: a writer is about to set it up, or died while it did.
func isUnsettled(err error) bool {
	if errors.Is(err, errLog) {
		return true
	}
	switch litedb.Code(err) {
	case codes.SQLITE_READONLY_RECOVERY, codes.SQLITE_READONLY_CANTLOCK, codes.SQLITE_READONLY_CANTINIT, codes.SQLITE_PROTOCOL:
		return true
	}
	return false
}

// patiently calls f until no lock hinders it or the context ends.
func patiently(ctx context.Context, f func() error) error {
	return litedb.Patiently(ctx, func(err error) bool { return litedb.IsBusy(err) || isUnsettled(err) }, f)
}

// translate turns an error of SQLite into a store error. What SQLite says of
// the content, such as a table that it does not find in a file that has one,
// can only come from damage.
func translate(err error) error {
	var own *store.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own
	}
	if errors.Is(err, driver.ErrBadConn) {
		return &store.Error{Class: store.ErrUnavailable, Err: err, Detail: "the connection was lost", Remedy: "open the vault anew"}
	}
	e := &store.Error{Native: fmt.Sprintf("sqlite %d", litedb.Code(err)), Err: err}
	switch litedb.Primary(err) {
	case codes.SQLITE_FULL:
		e.Class, e.Reason, e.Detail, e.Remedy = store.ErrUnavailable, store.ErrOutOfReach, "there is no room for the write", "make room on the file system"
	case codes.SQLITE_READONLY, codes.SQLITE_PERM, codes.SQLITE_AUTH:
		e.Class, e.Detail, e.Remedy = store.ErrDenied, "the vault may not be written", "check the owner and the mode of the vault and its directory"
	case codes.SQLITE_CANTOPEN, codes.SQLITE_NOMEM, codes.SQLITE_NOLFS:
		e.Class, e.Reason, e.Detail, e.Remedy = store.ErrUnavailable, store.ErrOutOfReach, "the vault cannot be opened", "check the vault's directory"
	case codes.SQLITE_IOERR:
		return translateIO(e)
	default:
		e.Class, e.Detail, e.Remedy = store.ErrCorrupt, "the vault's file is damaged", restoring
	}
	return e
}

// translateIO tells a file that ends too soon from a disk that fails.
func translateIO(e *store.Error) error {
	switch litedb.Code(e.Err) {
	case codes.SQLITE_IOERR_SHORT_READ, codes.SQLITE_IOERR_DATA:
		e.Class, e.Detail, e.Remedy = store.ErrCorrupt, "the vault's file is damaged", restoring
		return e
	}
	return failing(e)
}

func failing(e *store.Error) error {
	e.Class, e.Reason, e.Detail, e.Remedy = store.ErrUnavailable, store.ErrOutOfReach, "the disk failed", "check the disk"
	return e
}
