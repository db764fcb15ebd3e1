//go:build linux || darwin

package vault

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/kinring/kinring/store"
)

// watches: the system tells of writes to a file. Every commit writes to the log;
// the vault's file itself is not watched, because on macOS that would open it,
// and closing it drops SQLite's locks.
const watches = true

// What a writer writes to the log is told at once, but a reader sees it only once
// it is synced and committed, of which nothing tells. So after each sign of a
// write the vault is looked at again and again, with pauses that double: a change
// is seen at the latest after twice the time that the disk took, and nobody looks
// where nobody writes.
const (
	firstLook = time.Millisecond
	lastLook  = 30 * time.Second
)

// Watch implements store.Watcher. It cannot tell which keys changed.
func (s *vaultStore) Watch(ctx context.Context, changed func(store.Key)) error {
	return store.At(s.watch(ctx, changed), "watch", kind, store.Key{})
}

func (s *vaultStore) watch(ctx context.Context, changed func(store.Key)) error {
	w, err := fsnotify.NewWatcher()
	if err == nil {
		defer w.Close()
		err = w.Add(s.path + companions[0])
	}
	if err != nil {
		return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrOutOfReach, Err: err,
			Detail: "the system does not tell of writes to the vault", Remedy: "raise its limit of watches, or poll"}
	}
	seen, err := s.glance(ctx)
	if err != nil {
		return whileAlive(ctx, err)
	}
	changed(store.Key{})
	return s.follow(ctx, w, seen, changed)
}

// follow looks at the vault after each sign of a write, until the context or the
// store ends.
func (s *vaultStore) follow(ctx context.Context, w *fsnotify.Watcher, seen []byte, changed func(store.Key)) error {
	timer := time.NewTimer(firstLook) // a write may have come before the watch
	defer timer.Stop()
	pause := 2 * firstLook
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.life.Done():
			return errClosed
		case event := <-w.Events:
			if event.Has(fsnotify.Remove) || event.Has(fsnotify.Rename) {
				return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService,
					Detail: "the vault's log was moved away", Remedy: "open the vault anew"}
			}
			pause = firstLook
		case err := <-w.Errors: // some were missed, say because too many came at once
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrOutOfReach, Err: err,
					Detail: "the system no longer tells of writes to the vault", Remedy: "watch it again"}
			}
			pause = firstLook
		case <-timer.C:
		}
		now, err := s.glance(ctx)
		if err != nil {
			return whileAlive(ctx, err)
		}
		if !bytes.Equal(now, seen) {
			seen = now
			changed(store.Key{})
		}
		if pause < lastLook {
			timer.Reset(pause)
			pause *= 2
		}
	}
}

// glance returns the sealed census, which every write renews.
func (s *vaultStore) glance(ctx context.Context) (box []byte, err error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	err = s.file.read(ctx, func(n *conn) (err error) {
		box, err = n.census()
		return err
	})
	return box, err
}

// whileAlive drops the error of a look that the context ended.
func whileAlive(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
