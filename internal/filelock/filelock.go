// Package filelock takes the kernel's advisory lock on a file, the way the
// programs that kinring shares files with take theirs: flock on Unix,
// LockFileEx on Windows. The kernel drops a lock when its holder ends, however
// it ends, so that a lock file that is left behind holds nobody up.
package filelock

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/kinring/kinring/store"
)

// errBusy says that another holder has the lock.
var errBusy = errors.New("the lock is held")

// errUnsupported says that the file's file system has no such locks.
var errUnsupported = errors.New("the file system has no locks")

// DefaultEvery is the pause between two tries where Options name none.
const DefaultEvery = 10 * time.Millisecond

// Options say how a lock is taken.
type Options struct {
	// Mode is the mode of the lock file if it has to be made, before the umask.
	Mode fs.FileMode
	// Every is the pause between two tries; 0 means DefaultEvery.
	Every time.Duration
}

// Lock is a held lock.
type Lock struct{ f *os.File }

// Unlock releases the lock and leaves the file where it is: whoever waits for
// the lock waits on that very file.
func (l *Lock) Unlock() error { return l.f.Close() }

// Acquire takes the exclusive lock on the file at path, which it makes if it is
// missing, and waits for it as long as the context lives. It tries again and
// again instead of sleeping in the kernel, where nothing could call it off. A
// wait that ends with the context is store.ErrTimedOut or store.ErrCancelled.
func Acquire(ctx context.Context, path string, o Options) (*Lock, error) {
	if o.Every <= 0 {
		o.Every = DefaultEvery
	}
	pause := time.NewTimer(0)
	defer pause.Stop()
	for busy := false; ; busy = true {
		select {
		case <-ctx.Done():
			return nil, gaveUp(ctx, path, busy)
		case <-pause.C:
		}
		if ctx.Err() != nil { // both were ready
			return nil, gaveUp(ctx, path, busy)
		}
		l, err := try(path, o.Mode)
		if !errors.Is(err, errBusy) {
			return l, err
		}
		pause.Reset(o.Every)
	}
}

// try makes one attempt. A file that was replaced between opening and locking
// counts as busy: the lock that others will take is on the new one.
func try(path string, mode fs.FileMode) (*Lock, error) {
	f, err := openLockFile(path, mode)
	if err != nil {
		return nil, openError(path, err)
	}
	if err := checkRegular(f); err != nil {
		f.Close()
		return nil, notRegular(path, err)
	}
	if err := lockNow(f); err != nil {
		f.Close()
		return nil, lockError(path, err)
	}
	if !stillThere(f, path) {
		f.Close()
		return nil, errBusy
	}
	return &Lock{f}, nil
}

var errNotRegular = errors.New("not a regular file")

func checkRegular(f *os.File) error {
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	return err
}

func stillThere(f *os.File, path string) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Lstat(path)
	return err == nil && os.SameFile(held, named)
}

// gaveUp says why the wait is over. Who never tried does not know of another holder.
func gaveUp(ctx context.Context, path string, busy bool) error {
	err := store.FromContext(ctx).(*store.Error)
	if !busy {
		return err
	}
	err.Detail = "another program holds the lock " + path
	err.Remedy = "wait until it is done, or end it"
	return err
}

func openError(path string, err error) error {
	e := &store.Error{Class: store.ErrUnavailable, Detail: "the lock file " + path + " cannot be opened", Err: err,
		Remedy: "see that its folder exists and that it is a regular file"}
	if errors.Is(err, fs.ErrPermission) {
		e.Class, e.Remedy = store.ErrDenied, "give yourself write permission for it and for its folder"
	}
	return e
}

func notRegular(path string, err error) error {
	return &store.Error{Class: store.ErrUnavailable, Detail: "the lock file " + path + " is no regular file", Err: err,
		Remedy: "move it out of the way"}
}

func lockError(path string, err error) error {
	switch {
	case errors.Is(err, errBusy):
		return errBusy
	case errors.Is(err, errUnsupported):
		return &store.Error{Class: store.ErrUnsupported, Detail: "the lock file " + path + " cannot be locked", Err: err,
			Remedy: "keep the folder on a file system that has locks"}
	}
	return &store.Error{Class: store.ErrUnavailable, Detail: "the lock file " + path + " cannot be locked", Err: err,
		Remedy: "try again"}
}
