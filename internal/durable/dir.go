package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kinring/kinring/store"
)

// MkdirAll makes a directory and its missing parents, each for the user alone,
// and durably. It leaves directories that exist as they are, and fails as
// CheckDir does if the last one is not fit for secrets.
func MkdirAll(path string) error {
	if err := mkdirMissing(filepath.Clean(path)); err != nil {
		return failure("make directory", path, err)
	}
	return CheckDir(path)
}

func mkdirMissing(path string) error {
	_, err := os.Stat(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(path)
	if parent == path {
		return err
	}
	if err := mkdirMissing(parent); err != nil {
		return err
	}
	// Somebody else may make it at the same time; CheckDir judges the result.
	if err := mkdirPrivate(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(parent)
}

// CheckDir refuses a directory in which another user could put or replace
// files: one of a foreign owner, or one that others may write to.
func CheckDir(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return failure("open", path, err)
	}
	if !info.IsDir() {
		return &store.Error{Class: store.ErrInvalid, Op: "open", Store: path,
			Detail: "it is not a directory", Remedy: "correct the path"}
	}
	who, err := ownershipOf(path, nil, info)
	switch {
	case err != nil:
		return failure("open", path, err)
	case who.foreign:
		return refused("open", path, "the directory belongs to "+who.owner, "use a directory of your own")
	case who.writers != "":
		return refused("open", path, "others may write to the directory: "+who.writers, dirNarrowing)
	}
	return nil
}

// SyncDir makes what was made, renamed or removed in a directory durable.
func SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return failure("sync", path, err)
	}
	defer dir.Close()
	if err := syncDir(dir); err != nil {
		return failure("sync", path, err)
	}
	return nil
}

// Publish gives a finished file its name unless the name is taken: then the
// error is ErrConflict and both files stay as they are. The caller syncs the
// directory.
func Publish(from, to string) error {
	if err := publish(from, to); err != nil {
		return failure("write", to, err)
	}
	return nil
}
