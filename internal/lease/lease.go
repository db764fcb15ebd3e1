// Package lease lets one program at a time, on this machine, replace a key of a
// shared store: a file lock a key, which the kernel drops when its holder ends,
// and a note beside it that outlives a holder which ended in the middle.
package lease

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/internal/filelock"
	"github.com/kinring/kinring/store"
)

// Leases keeps the leases on the keys of one store.
type Leases struct {
	// Dir is where the lock files are. All programs that share the store use the
	// same one, whatever their environment.
	Dir string
	// Store is the store's identity, which tells it apart from others whose locks
	// are in Dir.
	Store string
}

// Lease is a lease that is held.
type Lease struct {
	lock        *filelock.Lock
	note        string
	interrupted bool
	began       bool
}

// Hold takes the lease on a key, and waits for it as long as the context lives.
func (l Leases) Hold(ctx context.Context, key store.Key) (*Lease, error) {
	if err := durable.MkdirAll(l.Dir); err != nil {
		return nil, err
	}
	name := filepath.Join(l.Dir, l.name(key))
	lock, err := filelock.Acquire(ctx, name+".lock", filelock.Options{Mode: 0o600})
	if err != nil {
		return nil, err
	}
	held := &Lease{lock: lock, note: name + ".note"}
	switch _, err := os.Lstat(held.note); {
	case err == nil:
		held.interrupted = true
	case !errors.Is(err, fs.ErrNotExist):
		return nil, errors.Join(failure("look at", held.note, err), lock.Unlock())
	}
	return held, nil
}

// DefaultDir is where the locks of stores are that are no file. It depends on the
// user alone and not on HOME or TMPDIR, because programs of one family may run
// with different ones. Others can make it first, but then it is theirs and
// refused.
func DefaultDir() string {
	if runtime.GOOS == "windows" {
		if dir, err := os.UserCacheDir(); err == nil {
			return filepath.Join(dir, "kinring", "locks")
		}
	}
	return filepath.Join("/var/tmp", "kinring-"+strconv.Itoa(os.Getuid()))
}

func (l Leases) name(key store.Key) string { return FileName(l.Store, key) }

// FileName names a key of a store in a directory of locks. It is the same for
// every program and says nothing about the key.
func FileName(identity string, key store.Key) string {
	h := sha256.New()
	for _, part := range []string{identity, key.Service, key.Account} {
		var size [4]byte
		binary.BigEndian.PutUint32(size[:], uint32(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Interrupted reports whether the holder before ended between Begin and Release,
// or left the note on purpose.
func (l *Lease) Interrupted() bool { return l.interrupted }

// Begin makes the note that Release removes.
func (l *Lease) Begin() error {
	f, err := os.OpenFile(l.note, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return failure("make", l.note, err)
	}
	l.began = true
	return f.Close()
}

// Leave gives the lease back and leaves the note as it is.
func (l *Lease) Leave() error { return l.lock.Unlock() }

// Release gives the lease back. It removes the note if this holder began: who
// came and went without running anything has told nobody of it.
func (l *Lease) Release() error {
	if !l.began {
		return l.Leave()
	}
	err := os.Remove(l.note)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		err = failure("remove", l.note, err)
	}
	return errors.Join(err, l.lock.Unlock())
}

func failure(op, path string, err error) error {
	return &store.Error{Class: store.ErrDenied, Op: op, Store: path, Err: err,
		Detail: "the lease cannot be noted", Remedy: "make the directory writable for this user"}
}
