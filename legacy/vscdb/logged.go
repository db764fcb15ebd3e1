package vscdb

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	codes "modernc.org/sqlite/lib"

	"github.com/kinring/kinring/internal/litedb"
	"github.com/kinring/kinring/store"
)

// VS Code's own state.vscdb has no write-ahead log; the database that newer
// versions share between apps has one. A reader of such a file makes files beside
// it unless it is kept from it.
const (
	// besideLog reads the log that is there, by the memory that its users share, and
	// makes none.
	besideLog = "mode=ro&readonly_shm=1"
	// withoutLog reads a file as it lies there. That it did not change meanwhile is
	// looked at afterwards.
	withoutLog = "mode=ro&immutable=1"
)

// logAt is where a file's head says whether it has a write-ahead log, and hasLog
// what it says then: https://sqlite.org/fileformat2.html, 1.3.
const (
	logAt  = 19
	hasLog = 2
)

// logged reports whether the file has a write-ahead log.
func (d *database) logged() (bool, error) {
	f, err := os.Open(d.path)
	if err != nil {
		if _, gone := d.check(); gone != nil {
			return false, gone
		}
		return false, &store.Error{Class: store.ErrDenied, Err: err, Detail: "it cannot be opened",
			Remedy: "check the owner and the mode of the database and its folder"}
	}
	defer f.Close()
	head := make([]byte, logAt+1)
	if _, err := io.ReadFull(f, head); err != nil {
		return false, nil // no database: SQLite will say so
	}
	return head[logAt] == hasLog, nil
}

// moments is how often a read that meets a log half there is tried, in about half a
// second, before that is the answer: then a crash left it so.
const moments = 50

// readLogged is read for a file with a write-ahead log. The log comes and goes
// with the programs that write.
func (d *database) readLogged(ctx context.Context, f func(*litedb.Conn) error) error {
	left := moments
	return litedb.Patiently(ctx, func(err error) bool { return litedb.IsBusy(err) || errors.Is(err, errMoved) }, func() error {
		before, err := d.check()
		if err != nil {
			return err
		}
		if d.logSize() > 0 {
			err = d.beside(ctx, f)
			switch left--; {
			case !halfThere(err):
				return err
			case left == 0:
				return brokenOff(err)
			}
			return errMoved
		}
		err = d.through(ctx, withoutLog, f)
		if now, gone := d.check(); gone != nil || now != before || d.logSize() > 0 {
			return errMoved
		}
		return err
	})
}

// errAlone says that there is a log, and nothing of the memory that its users
// share: SQLite would make that, on Windows also where it is told not to.
var errAlone = errors.New("there is a write-ahead log without an index")

// beside runs f on the database and the log beside it.
func (d *database) beside(ctx context.Context, f func(*litedb.Conn) error) error {
	if _, err := os.Lstat(d.path + "-shm"); errors.Is(err, fs.ErrNotExist) {
		return errAlone
	}
	return d.through(ctx, besideLog, f)
}

// through runs f on a connection that is opened for it.
func (d *database) through(ctx context.Context, how string, f func(*litedb.Conn) error) error {
	db, err := litedb.Open(ctx, litedb.Address(d.path, how, readPragmas...))
	if err != nil {
		return err
	}
	defer db.Close()
	return f(db)
}

// halfThere reports what SQLite says when the log, or the memory that its users
// share, has just gone or is not yet in order.
func halfThere(err error) bool {
	primary := litedb.Primary(err)
	return err == errAlone || primary == codes.SQLITE_CANTOPEN || primary == codes.SQLITE_READONLY
}

// errMoved says that a file changed while it was read.
var errMoved = &store.Error{Class: store.ErrUnavailable, Reason: store.ErrOutOfReach, Detail: "the database changes all the time", Remedy: "try again"}

// logSize returns the size of the write-ahead log, 0 if there is none.
func (d *database) logSize() int64 {
	info, err := os.Lstat(d.path + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}
