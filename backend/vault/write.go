package vault

import (
	"context"
	"encoding/hex"
	"errors"

	"github.com/kinring/kinring/internal/litedb"
	"github.com/kinring/kinring/store"
	codes "modernc.org/sqlite/lib"
)

// Put writes an item if the condition holds.
func (s *vaultStore) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	rev, err := s.put(ctx, key, item, cond)
	return rev, store.At(err, "put", kind, key)
}

func (s *vaultStore) put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	if err := store.CheckKey(key); err != nil {
		return "", err
	}
	if err := store.CheckItem(item, capabilities(false)); err != nil {
		return "", err
	}
	leave, err := s.enterWrite(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	var rev store.Revision
	err = s.sealed(ctx, func(k *sealer) error {
		fresh, err := k.sealRow(key, item)
		if err != nil {
			return err
		}
		rev = revision(fresh)
		return s.change(ctx, k, fresh.id, func(n *conn, old row, there bool, sum *census) error {
			if !cond.Holds(there, revision(old)) {
				return conflict(cond, there)
			}
			if there {
				sum.remove(k, old)
			}
			sum.add(k, fresh)
			return n.put(fresh)
		})
	})
	if err != nil {
		return "", err
	}
	return rev, nil
}

// Delete removes an item if the condition holds.
func (s *vaultStore) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	return store.At(s.delete(ctx, key, cond), "delete", kind, key)
}

func (s *vaultStore) delete(ctx context.Context, key store.Key, cond store.Condition) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	if cond.IsAbsent() {
		return &store.Error{Class: store.ErrInvalid, Detail: "nothing can be deleted where nothing is"}
	}
	leave, err := s.enterWrite(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return s.sealed(ctx, func(k *sealer) error {
		return s.change(ctx, k, k.id(key), func(n *conn, old row, there bool, sum *census) error {
			switch {
			case cond.IsAny() && !there:
				return &store.Error{Class: store.ErrNotFound}
			case !cond.Holds(there, revision(old)):
				return conflict(cond, there)
			}
			sum.remove(k, old)
			return n.delete(old.id)
		})
	})
}

func conflict(cond store.Condition, there bool) error {
	detail := "another write came first"
	switch {
	case cond.IsAbsent():
		detail = "there is an item already"
	case !there:
		detail = "there is no item any more"
	}
	return &store.Error{Class: store.ErrConflict, Detail: detail, Remedy: "read it again"}
}

// enterWrite is enter for calls that write.
func (s *vaultStore) enterWrite(ctx context.Context) (func(), error) {
	if s.readOnly {
		return nil, &store.Error{Class: store.ErrUnsupported, Detail: "the vault was opened for reading only", Remedy: "open it for writing"}
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	failed := s.failed
	s.mu.Unlock()
	if failed != nil {
		leave()
		return nil, &store.Error{Class: store.ErrUnavailable, Reason: store.ErrOutOfReach, Err: failed,
			Detail: "an earlier write failed on the disk, and what it left is not known", Remedy: "close the vault, check the disk, and open it anew"}
	}
	return leave, nil
}

// changeFunc decides on a change and makes it, inside a transaction that nobody
// else can write in. It is given what is at the address, and brings the census
// up to date.
type changeFunc func(n *conn, old row, there bool, sum *census) error

// change runs one write: all of it or nothing happens.
func (s *vaultStore) change(ctx context.Context, k *sealer, id []byte, do changeFunc) error {
	var after outcome
	err := s.transact(ctx, func(n *conn) (err error) {
		after, err = s.prepareChange(ctx, n, k, id, do)
		return err
	})
	if err == nil && after.checked {
		s.setChecked(after.box)
	}
	return err
}

// transact runs do in a transaction that nobody else can write beside, and
// commits what it did if it returns nil.
func (s *vaultStore) transact(ctx context.Context, do func(n *conn) error) error {
	return s.file.write(ctx, func(n *conn) error {
		if err := patiently(ctx, func() error { return n.Exec("BEGIN IMMEDIATE") }); err != nil {
			return translate(err)
		}
		err := do(n)
		if err == nil {
			err = store.FromContext(ctx)
		}
		if err != nil {
			return s.abandon(n, err)
		}
		if err := n.Exec("COMMIT"); err != nil {
			return s.unsettled(n, err)
		}
		return nil
	})
}

// outcome is the sealed census of a change, and whether it is known to match
// all rows.
type outcome struct {
	box     []byte
	checked bool
}

// prepareChange does everything but the commit.
func (s *vaultStore) prepareChange(ctx context.Context, n *conn, k *sealer, id []byte, do changeFunc) (outcome, error) {
	old, there, err := n.row(columnsEntry, id)
	if err != nil {
		return outcome{}, err
	}
	if there {
		// A revision that does not authenticate must neither meet a condition nor
		// break one.
		if _, err := k.openEntry(old); err != nil {
			return outcome{}, err
		}
	} else if err := s.verify(ctx, n, k); err != nil {
		return outcome{}, err
	}
	before, err := n.census()
	if err != nil {
		return outcome{}, err
	}
	sum, err := n.openCensus(k, before)
	if err != nil {
		return outcome{}, err
	}
	if err := do(n, old, there, &sum); err != nil {
		return outcome{}, err
	}
	after := outcome{box: k.sealCensus(sum), checked: s.isChecked(before)}
	return after, n.setCensus(after.box)
}

// abandon rolls back. What failed on the disk before the commit has changed
// nothing, yet whoever goes on writing after it may lose what comes next.
func (s *vaultStore) abandon(n *conn, err error) error {
	rollback := n.Exec("ROLLBACK")
	if litedb.Primary(rollback) == codes.SQLITE_ERROR {
		rollback = nil // SQLite did so itself, as it does after some failures
	}
	if litedb.Primary(err) == codes.SQLITE_IOERR || rollback != nil {
		s.refuseWrites(errors.Join(err, rollback))
	}
	return translate(err)
}

// unsettled judges a commit that failed. Without room, SQLite writes no commit
// record and nothing has happened. After anything else the record may be in the
// log, synced or not, and only a reopened vault can tell.
func (s *vaultStore) unsettled(n *conn, err error) error {
	if litedb.Primary(err) == codes.SQLITE_FULL {
		return s.abandon(n, err)
	}
	s.refuseWrites(err)
	return &store.Error{Class: store.ErrOutcomeUnknown, Err: err, Detail: "the disk failed at the commit",
		Remedy: "check the disk, open the vault anew and read the item"}
}

// refuseWrites makes this store read-only for the rest of its life and drops
// the connection, whose view of the log is not to be trusted. It is called with
// the turn held.
func (s *vaultStore) refuseWrites(err error) {
	s.mu.Lock()
	s.failed = err
	s.mu.Unlock()
	_ = s.file.closeWriter() // it has failed already
}

func revision(r row) store.Revision { return store.Revision(hex.EncodeToString(r.revision)) }
