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

// name is the same for every program and says nothing about the key.
func (l Leases) name(key store.Key) string {
	h := sha256.New()
	for _, part := range []string{l.Store, key.Service, key.Account} {
		var size [4]byte
		binary.BigEndian.PutUint32(size[:], uint32(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Interrupted reports whether the holder before ended between Begin and Release.
func (l *Lease) Interrupted() bool { return l.interrupted }

// Begin leaves the note that Release removes.
func (l *Lease) Begin() error {
	f, err := os.OpenFile(l.note, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return failure("make", l.note, err)
	}
	return f.Close()
}

// Release removes the note and gives the lease back.
func (l *Lease) Release() error {
	err := os.Remove(l.note)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		err = failure("remove", l.note, err)
	}
	return errors.Join(err, l.lock.Unlock())
}

// Abandon gives the lease back and leaves the note where it is, as if this process
// had ended: the next holder is told.
func (l *Lease) Abandon() error { return l.lock.Unlock() }

func failure(op, path string, err error) error {
	return &store.Error{Class: store.ErrDenied, Op: op, Store: path, Err: err,
		Detail: "the lease cannot be noted", Remedy: "make the directory writable for this user"}
}
