// Package fence numbers the writes of a key, for stores that have no conditional
// writes of their own. A lock that dies with its holder cannot hold back a call
// that the holder sent before it died; a number that was made durable before the
// call was sent tells such a late write from what was written since. What the
// numbers mean is in docs/FORMATS.md, "Fence".
package fence

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/internal/filelock"
	"github.com/kinring/kinring/internal/lease"
	"github.com/kinring/kinring/store"
)

// Highest is the largest number that is given out. It leaves room to notice that
// none is left.
const Highest = 1<<63 - 1

// every is the pause between two tries to take a lock: it is held for one write,
// which takes some milliseconds.
const every = 2 * time.Millisecond

// Fences keeps the fences of the keys of one store.
type Fences struct {
	// Dir is where the files are: the same for all programs that share the store,
	// whatever their environment.
	Dir string
	// Store is the store's identity, which tells it apart from others whose files
	// are in Dir.
	Store string
}

// Fence is a fence whose lock is held.
type Fence struct {
	// State is what was known when the lock was taken.
	State State
	lock  *filelock.Lock
	path  string
}

func (f Fences) path(key store.Key) string {
	return filepath.Join(f.Dir, lease.FileName(f.Store, key)+".fence")
}

// Read returns a key's fence without waiting for anybody.
func (f Fences) Read(ctx context.Context, key store.Key) (State, error) {
	return read(ctx, f.path(key))
}

func read(ctx context.Context, path string) (State, error) {
	data, _, err := durable.ReadFile(ctx, path, durable.Limits{MaxSize: int64(2 * slotSize), Private: true})
	if errors.Is(err, store.ErrNotFound) {
		return State{}, nil
	}
	if err != nil {
		return State{}, err
	}
	s, err := parse(data)
	return s, store.At(err, "read", path, store.Key{})
}

// Hold takes the lock on a key's fence, and waits for it as long as the context
// lives.
func (f Fences) Hold(ctx context.Context, key store.Key) (*Fence, error) {
	if err := durable.MkdirAll(f.Dir); err != nil {
		return nil, err
	}
	path := f.path(key)
	lock, err := filelock.Acquire(ctx, path+".lock", filelock.Options{Mode: 0o600, Every: every})
	if err != nil {
		return nil, err
	}
	state, err := read(ctx, path)
	if err != nil {
		_ = lock.Unlock() // nothing was done under it
		return nil, err
	}
	return &Fence{State: state, lock: lock, path: path}, nil
}

// Reserve returns the number of the next write, higher than any that was
// reserved or seen. It is durable: nobody ever gets it again.
func (f *Fence) Reserve(seen uint64) (uint64, error) {
	next := f.State
	next.Number = max(seen, f.State.Number) + 1
	return next.Number, f.keep(next)
}

// ReserveDeletion is Reserve for a deletion: the number is the key's floor from
// then on, in that scope.
func (f *Fence) ReserveDeletion(seen uint64, scope string) (uint64, error) {
	next := State{Number: max(seen, f.State.Number) + 1, Scope: scope}
	next.Floor = next.Number
	return next.Number, f.keep(next)
}

// keep writes a state into the slot that does not hold the one before, so that a
// power failure in the middle leaves that.
func (f *Fence) keep(s State) error {
	if s.Number > Highest {
		return &store.Error{Class: store.ErrCorrupt, Op: "reserve", Store: f.path, Detail: "there are no numbers left for writes of this key",
			Remedy: "remove its items from the keyring with another program"}
	}
	fresh := f.State == (State{})
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return failure(f.path, err)
	}
	_, err = file.WriteAt(s.slot(), int64(int(s.Number%2)*slotSize))
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return failure(f.path, err)
	}
	f.State = s
	if fresh {
		return durable.SyncDir(filepath.Dir(f.path))
	}
	return nil
}

func failure(path string, err error) error {
	return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrOutOfReach, Op: "write", Store: path, Err: err,
		Detail: "the number of a write cannot be kept", Remedy: "make the directory writable for this user, and room on its file system"}
}

// Release gives the lock back.
func (f *Fence) Release() error { return f.lock.Unlock() }
