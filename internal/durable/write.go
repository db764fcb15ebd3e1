package durable

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kinring/kinring/store"
)

// WriteFile replaces the content of a file, or makes the file, in one durable
// step. When it returns nil the new content survives a power failure. An error
// of class ErrOutcomeUnknown means that the content was replaced and may not
// survive one; after any other error nothing has changed.
//
// The file gets the mode. What is replaced must be a regular file of the same
// user: another name's hard link to it keeps the old content.
func WriteFile(ctx context.Context, path string, data []byte, mode fs.FileMode) error {
	_, err := Replace(ctx, path, data, mode)
	return err
}

// CreateFile is WriteFile for a file that must not be there yet: if something
// is, the error is ErrConflict and it is left alone.
func CreateFile(ctx context.Context, path string, data []byte, mode fs.FileMode) error {
	_, err := Create(ctx, path, data, mode)
	return err
}

// Replace is WriteFile and returns the stamp of what it wrote, which is not
// that of what another program may have written over it since.
func Replace(ctx context.Context, path string, data []byte, mode fs.FileMode) (Stamp, error) {
	return write(ctx, path, data, mode, func(root *os.Root, temp, name string) error {
		return root.Rename(temp, name)
	})
}

// Create is CreateFile and returns the stamp of what it wrote.
func Create(ctx context.Context, path string, data []byte, mode fs.FileMode) (Stamp, error) {
	return write(ctx, path, data, mode, func(_ *os.Root, temp, name string) error {
		dir := filepath.Dir(path)
		return Publish(filepath.Join(dir, temp), filepath.Join(dir, name))
	})
}

type placeFunc func(root *os.Root, temp, name string) error

func write(ctx context.Context, path string, data []byte, mode fs.FileMode, place placeFunc) (Stamp, error) {
	if err := store.FromContext(ctx); err != nil {
		return Stamp{}, store.At(err, "write", path, store.Key{})
	}
	dir, name := filepath.Split(path)
	root, err := os.OpenRoot(filepath.Clean(dir + "."))
	if err != nil {
		return Stamp{}, failure("write", path, err)
	}
	defer root.Close()
	if err := checkReplaced(root, path, name); err != nil {
		return Stamp{}, err
	}
	sweep(root, name)
	temp, err := writeTemp(root, name, data, mode)
	if err != nil {
		return Stamp{}, failure("write", path, err)
	}
	defer temp.discard()
	stamp, err := StampOf(filepath.Join(dir, temp.name))
	if err != nil {
		return Stamp{}, err
	}
	if err := store.FromContext(ctx); err != nil {
		return Stamp{}, store.At(err, "write", path, store.Key{})
	}
	if err := place(root, temp.name, name); err != nil {
		return Stamp{}, failure("write", path, err)
	}
	temp.placed = true
	return stamp, unknownIf(syncRoot(root), "write", path)
}

// checkReplaced refuses to replace what ReadFile would not have read.
func checkReplaced(root *os.Root, path, name string) error {
	info, err := root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return failure("write", path, err)
	}
	return check("write", path, nil, info, Limits{})
}

// tempFile is a file that is being written under another name. While it is
// being written it is locked, so that sweep can tell it from one that a killed
// process left behind.
type tempFile struct {
	root   *os.Root
	f      *os.File
	name   string
	placed bool
}

const (
	tempPrefix = ".kinring-"
	tempSuffix = ".tmp"
)

// writeTemp makes a temporary file beside name with the content on disk.
func writeTemp(root *os.Root, name string, data []byte, mode fs.FileMode) (*tempFile, error) {
	t, err := newTemp(root, name)
	if err != nil {
		return nil, err
	}
	if err := t.fill(data, mode); err != nil {
		t.discard()
		return nil, err
	}
	return t, nil
}

func (t *tempFile) fill(data []byte, mode fs.FileMode) error {
	if _, err := t.f.Write(data); err != nil {
		return err
	}
	if err := t.f.Chmod(mode); err != nil {
		return err
	}
	t.setTime()
	if err := t.f.Sync(); err != nil {
		return err
	}
	return t.beforePlacing()
}

// setTime gives the file the time to the nanosecond. The system's own has steps
// of milliseconds, within which a file can be replaced twice and its number be
// given out again: then two writes would have the same stamp. A file system that
// keeps no such times loses nothing.
func (t *tempFile) setTime() { _ = t.root.Chtimes(t.name, time.Time{}, time.Now()) }

// discard closes the file and removes it unless it got its place.
func (t *tempFile) discard() {
	t.f.Close()
	if !t.placed {
		_ = t.root.Remove(t.name)
	}
}

// newTemp returns a locked, empty, private file. A sweep of another process may
// take it for abandoned in the moment before it is locked: then it is made anew.
func newTemp(root *os.Root, name string) (*tempFile, error) {
	for {
		var random [8]byte
		_, _ = rand.Read(random[:]) // never fails, see crypto/rand
		temp := tempPrefix + name + "-" + hex.EncodeToString(random[:]) + tempSuffix
		f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, err
		}
		// Where the file system has no locks, sweep finds no file abandoned.
		if !isBusy(lockTemp(f)) && stillNamed(root, f, temp) {
			return &tempFile{root: root, f: f, name: temp}, nil
		}
		f.Close()
	}
}

func stillNamed(root *os.Root, f *os.File, name string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := root.Lstat(name)
	return err == nil && os.SameFile(mine, there)
}

// sweep removes temporary files of earlier writers of the same name that were
// killed, because they hold secrets. It is a courtesy: failures do not matter
// to the write that is about to happen.
func sweep(root *os.Root, name string) {
	dir, err := root.Open(".")
	if err != nil {
		return
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, n := range names {
		if strings.HasPrefix(n, tempPrefix+name+"-") && strings.HasSuffix(n, tempSuffix) {
			sweepOne(root, n)
		}
	}
}

func sweepOne(root *os.Root, name string) {
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	f, err := root.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return
	}
	abandoned := lockTemp(f) == nil
	if abandoned && removesOpen {
		_ = root.Remove(name)
	}
	f.Close()
	if abandoned && !removesOpen {
		_ = root.Remove(name)
	}
}

// Remove removes a regular file durably. A file that is not there is
// ErrNotFound; ErrOutcomeUnknown means that it is gone but may come back with a
// power failure.
func Remove(ctx context.Context, path string) error {
	if err := store.FromContext(ctx); err != nil {
		return store.At(err, "remove", path, store.Key{})
	}
	dir, name := filepath.Split(path)
	root, err := os.OpenRoot(filepath.Clean(dir + "."))
	if err != nil {
		return failure("remove", path, err)
	}
	defer root.Close()
	info, err := root.Lstat(name)
	if err != nil {
		return failure("remove", path, err)
	}
	if err := check("remove", path, nil, info, Limits{}); err != nil {
		return err
	}
	if err := root.Remove(name); err != nil {
		return failure("remove", path, err)
	}
	return unknownIf(syncRoot(root), "remove", path)
}

func syncRoot(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	return syncDir(dir)
}

// unknownIf reports a directory that could not be synced: what was done in it
// is visible, and may be undone by a power failure.
func unknownIf(err error, op, path string) error {
	if err == nil {
		return nil
	}
	return &store.Error{Class: store.ErrOutcomeUnknown, Op: op, Store: path, Native: nativeName(err), Err: cause(err),
		Detail: "the directory could not be synced", Remedy: "check the disk, then look whether the file is as it should be"}
}
