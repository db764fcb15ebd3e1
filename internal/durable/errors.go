package durable

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/kinring/kinring/store"
)

// Failure turns what the operating system said of a file, in a call of the caller's
// own, into the error that this package would give.
func Failure(op, path string, err error) error { return failure(op, path, err) }

// failure turns an error of the operating system into a store error that names
// the file. A store error is kept.
func failure(op, path string, err error) error {
	var own *store.Error
	if errors.As(err, &own) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return ended(op, path, err)
	}
	e := &store.Error{Op: op, Store: path, Native: nativeName(err), Err: cause(err)}
	switch {
	case errors.Is(err, fs.ErrNotExist) && makes(op):
		// Nobody looked for anything: what is missing is the place for it.
		e.Class, e.Reason, e.Detail, e.Remedy = store.ErrUnavailable, store.ErrOutOfReach, "its directory is not there", "make it, or correct the path"
	case errors.Is(err, fs.ErrNotExist):
		e.Class, e.Detail = store.ErrNotFound, "there is no such file"
	case errors.Is(err, fs.ErrExist):
		e.Class, e.Detail, e.Remedy = store.ErrConflict, "there is a file already", "move it away or name another file"
	case isLink(err):
		e.Class, e.Detail, e.Remedy = store.ErrDenied, "it is or leads through a loop of symbolic links", "name the file itself"
	case isNotDirectory(err):
		e.Class, e.Detail, e.Remedy = store.ErrInvalid, "a part of the path is not a directory", "correct the path"
	case errors.Is(err, fs.ErrPermission), isReadOnly(err):
		e.Class, e.Remedy = store.ErrDenied, "check the owner and the mode of the file and its directories"
	case isFull(err):
		e.Class, e.Reason, e.Remedy = store.ErrUnavailable, store.ErrOutOfReach, "make room on the file system"
	default:
		e.Class, e.Reason, e.Remedy = store.ErrUnavailable, store.ErrOutOfReach, "check the file system"
	}
	return e
}

// makes reports whether an operation makes something.
func makes(op string) bool { return op == "write" || op == "make directory" || op == "sync" }

func ended(op, path string, err error) error {
	class := store.ErrCancelled
	if errors.Is(err, context.DeadlineExceeded) {
		class = store.ErrTimedOut
	}
	return &store.Error{Class: class, Op: op, Store: path, Err: err}
}

// cause strips the operation and the path, which the store error names itself.
func cause(err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		return p.Err
	case errors.As(err, &l):
		return l.Err
	}
	return err
}

func refused(op, path, detail, remedy string) error {
	return &store.Error{Class: store.ErrDenied, Op: op, Store: path, Detail: detail, Remedy: remedy}
}
