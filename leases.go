package kinring

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/internal/lease"
	"github.com/kinring/kinring/store"
)

// leases hands out leases on the keys of the shared store.
type leases struct{ shared *sharedStore }

// lockDirer is implemented by stores that have a place of their own for locks.
type lockDirer interface{ LockDir() string }

// Hold takes the lease on a key for all programs that share the store. A store
// that belongs to this process alone needs none: the ring's queue is enough.
func (l leases) Hold(ctx context.Context, key store.Key) (coexist.Lease, error) {
	opened, err := l.shared.open(ctx)
	switch {
	case beyond(err):
		return noLease{}, nil // whoever shares the store cannot be met from here
	case err != nil:
		return nil, err
	}
	if l, ok, err := brokered(ctx, opened, key); ok {
		return l, err
	}
	info := opened.Info()
	if !info.Capabilities.Persistent {
		return noLease{}, nil
	}
	dir := defaultLockDir()
	if d, ok := opened.(lockDirer); ok {
		dir = d.LockDir()
	}
	held, err := lease.Leases{Dir: dir, Store: info.Kind + " " + info.ID}.Hold(ctx, key)
	if err != nil {
		return nil, err
	}
	return proxied(ctx, held), nil
}

type noLease struct{}

func (noLease) Interrupted() bool { return false }
func (noLease) Begin() error      { return nil }
func (noLease) Release() error    { return nil }

// defaultLockDir depends on the user alone and not on HOME or TMPDIR, because
// programs of one family may run with different ones. Others can make it first,
// but then it is theirs and refused.
func defaultLockDir() string {
	if runtime.GOOS == "windows" {
		if dir, err := os.UserCacheDir(); err == nil {
			return filepath.Join(dir, "kinring", "locks")
		}
	}
	return filepath.Join("/var/tmp", "kinring-"+strconv.Itoa(os.Getuid()))
}
