// Package durable reads and writes small private files so that neither a crash
// nor another user of the machine can come between.
//
// Reading never follows a symbolic link in the last part of a path, never reads
// more than it was told to, and checks the owner and the mode of the very file
// that it opened. Writing replaces a file in one step: a reader, and the
// machine after a power failure, see the old content or the new, never a
// mixture and never nothing.
//
// All errors are store errors that name the file and what to do. A file that
// is not there is store.ErrNotFound; whatever else hinders looking is not.
//
// Calls on regular files end when the file system answers; only pipes, which
// may keep a reader waiting for ever, are watched together with the context.
package durable

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/kinring/kinring/store"
)

// Limits says what a file must be like to be read.
type Limits struct {
	// MaxSize is the largest number of bytes; more is ErrTooLarge.
	MaxSize int64
	// Private refuses a regular file that others than its owner may read or
	// write.
	Private bool
	// AnyOwner accepts a file that belongs to another user.
	AnyOwner bool
	// Pipes accepts a named pipe and, as /dev/fd/N, a pipe or a socket that the
	// process inherited. Windows has neither.
	Pipes bool
}

// Stamp tells cheaply whether a file is still the one that was read: equal
// stamps mean the same file, not written since. The zero Stamp is no file's.
type Stamp struct {
	Device, File uint64 // the file's identity
	Size         int64
	Modified     int64 // nanoseconds since 1970
}

// ReadFile returns the content of a file and its stamp from the moment before
// the content was read.
func ReadFile(ctx context.Context, path string, limits Limits) ([]byte, Stamp, error) {
	if err := store.FromContext(ctx); err != nil {
		return nil, Stamp{}, store.At(err, "read", path, store.Key{})
	}
	f, err := openRead(path, limits)
	if err != nil {
		return nil, Stamp{}, failure("read", path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, Stamp{}, failure("read", path, err)
	}
	if err := check("read", path, f, info, limits); err != nil {
		return nil, Stamp{}, err
	}
	data, err := readAll(ctx, path, f, info, limits.MaxSize)
	if err != nil {
		return nil, Stamp{}, failure("read", path, err)
	}
	return data, stampOf(f, info), nil
}

// Check looks at a file without opening it, and returns what it saw if ReadFile
// would read it under the same limits. The size is not looked at.
func Check(path string, limits Limits) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, failure("open", path, err)
	}
	return info, check("open", path, nil, info, limits)
}

func check(op, path string, f *os.File, info fs.FileInfo, limits Limits) error {
	if err := checkType(op, path, info.Mode(), limits); err != nil {
		return err
	}
	if inherited(path, limits) && !info.Mode().IsRegular() {
		return nil // whoever started this process chose the pipe
	}
	who, err := ownershipOf(path, f, info)
	if err != nil {
		return failure(op, path, err)
	}
	if who.foreign && !limits.AnyOwner {
		return refused(op, path, "the file belongs to "+who.owner, "use a file of your own")
	}
	if limits.Private && info.Mode().IsRegular() && who.wide != "" {
		return refused(op, path, "others may use the file: "+who.wide, narrowing)
	}
	return nil
}

func checkType(op, path string, mode fs.FileMode, limits Limits) error {
	switch {
	case mode.IsRegular():
		return nil
	case mode&fs.ModeSymlink != 0:
		return refused(op, path, "it is a symbolic link", "name the file itself")
	case mode&fs.ModeNamedPipe != 0 && limits.Pipes:
		return nil
	case mode&fs.ModeSocket != 0 && inherited(path, limits):
		return nil
	}
	return &store.Error{Class: store.ErrCorrupt, Op: op, Store: path,
		Detail: "it is not a file but a " + typeName(mode), Remedy: "move it away or name another file"}
}

func typeName(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeNamedPipe != 0:
		return "named pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode&fs.ModeDevice != 0:
		return "device"
	}
	return "special file"
}

func readAll(ctx context.Context, path string, f *os.File, info fs.FileInfo, limit int64) ([]byte, error) {
	if !info.Mode().IsRegular() {
		return readPipe(ctx, path, f, limit)
	}
	if info.Size() > limit {
		return nil, tooLarge(path, limit)
	}
	// Read at offsets: an inherited file's own offset may be anywhere, and is
	// shared with whoever else has it open.
	data, err := io.ReadAll(io.NewSectionReader(f, 0, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = tooLarge(path, limit)
	}
	return data, err
}

func tooLarge(path string, limit int64) error {
	return &store.Error{Class: store.ErrTooLarge, Op: "read", Store: path,
		Detail: fmt.Sprintf("the file has more than %d bytes", limit), Remedy: "check that it is the right file"}
}

// StampOf returns the stamp of a file without opening it; a symbolic link is
// not followed.
func StampOf(path string) (Stamp, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return Stamp{}, failure("look at", path, err)
	}
	if err := checkType("look at", path, info.Mode(), Limits{}); err != nil {
		return Stamp{}, err
	}
	return stampOfPath(path, info)
}
