package file

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/internal/filelock"
	"github.com/kinring/kinring/internal/settled"
	"github.com/kinring/kinring/internal/source"
	"github.com/kinring/kinring/store"
)

const (
	fileMode = 0o600
	// quiet is how long ago the last write must be, in formats in which a part of a
	// file can look whole.
	quiet = 20 * time.Millisecond
	// tries is how often a change begins anew because the file was written meanwhile.
	tries = 5
)

// secret is the one value of a file.
type secret struct {
	source.Door
	path string
	key  store.Key
	edit editor
	// wrote is the stamp that this source wrote last: nobody was in the middle of it.
	wrote atomic.Pointer[durable.Stamp]
}

func (s *secret) Info() store.Info {
	return store.Info{Kind: layoutName, ID: s.path, Capabilities: Layout{}.Capabilities()}
}

// content is what the file held at one moment. text is nil if there is none.
type content struct {
	text    []byte
	stamp   durable.Stamp
	value   []byte
	present bool
}

func (c content) wipe() { clear(c.text); clear(c.value) }

func (c content) revision(key store.Key) store.Revision {
	if !c.present {
		return ""
	}
	return source.Revision([]byte(key.Service), []byte(key.Account), c.value)
}

// read returns the file's content once it is settled. A file that is not there
// has no value.
func (s *secret) read(ctx context.Context) (content, error) {
	f := settled.File{Path: s.path, Limits: durable.Limits{MaxSize: limit}, Whole: s.edit.check, AtOnce: s.mine}
	if !s.edit.endSeen {
		f.Quiet = quiet
	}
	text, stamp, err := f.Read(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return content{}, nil
	}
	if err != nil {
		return content{}, err
	}
	value, present, err := s.edit.value(text)
	if len(value) > store.MaxValue {
		clear(text)
		clear(value)
		return content{}, &store.Error{Class: store.ErrTooLarge, Store: s.path, Detail: fmt.Sprintf("the value has more than %d bytes", store.MaxValue),
			Remedy: "check that it is the right file"}
	}
	if err != nil {
		clear(text)
		return content{}, s.unreadable(err)
	}
	return content{text, stamp, value, present}, nil
}

// unreadable says that the file is whole, and the value is not to be had.
func (s *secret) unreadable(err error) error {
	var own *store.Error
	if errors.As(err, &own) {
		return store.At(err, "", s.path, store.Key{})
	}
	return &store.Error{Class: store.ErrCorrupt, Store: s.path, Detail: err.Error(), Remedy: "correct the file, or the profile's pointer"}
}

// mine reports whether a version is the one that this source wrote last.
func (s *secret) mine(version durable.Stamp) bool {
	own := s.wrote.Load()
	return own != nil && *own == version
}

func (s *secret) Get(ctx context.Context, key store.Key) (store.Item, error) {
	item, err := s.get(ctx, key)
	return item, s.At(err, "get", key)
}

func (s *secret) get(ctx context.Context, key store.Key) (store.Item, error) {
	if err := s.Enter(ctx, key); err != nil {
		return store.Item{}, err
	}
	if key != s.key {
		return store.Item{}, source.NothingThere(store.Any(), s.path)
	}
	c, err := s.read(ctx)
	defer c.wipe()
	switch {
	case err != nil:
		return store.Item{}, err
	case !c.present:
		return store.Item{}, source.NothingThere(store.Any(), s.path)
	}
	return store.Item{Value: store.NewValue(c.value), Revision: c.revision(key)}, nil
}

func (s *secret) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	rev, err := s.put(ctx, key, item, cond)
	return rev, s.At(err, "put", key)
}

func (s *secret) put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	if err := s.Enter(ctx, key); err != nil {
		return "", err
	}
	if err := source.CheckItem(item, Layout{}.Capabilities()); err != nil {
		return "", err
	}
	if key != s.key {
		return "", &store.Error{Class: store.ErrUnsupported, Store: s.path, Detail: "the source holds another key's secret only",
			Remedy: "assign the key to another source"}
	}
	value := item.Value.Bytes()
	defer clear(value)
	err := s.change(ctx, cond, func(c content) error {
		text, err := s.edit.with(c.text, value)
		if err != nil {
			return err
		}
		defer clear(text)
		return s.write(ctx, c, text)
	})
	return content{value: value, present: true}.revision(key), err
}

func (s *secret) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	return s.At(s.delete(ctx, key, cond), "delete", key)
}

func (s *secret) delete(ctx context.Context, key store.Key, cond store.Condition) error {
	if err := s.Enter(ctx, key); err != nil {
		return err
	}
	if err := source.CheckDelete(cond); err != nil {
		return err
	}
	if key != s.key {
		return source.NothingThere(cond, s.path)
	}
	return s.change(ctx, cond, func(c content) error {
		if !c.present {
			return source.NothingThere(cond, s.path)
		}
		if s.edit.tree == nil {
			return s.remove(ctx, c)
		}
		text, err := s.edit.without(c.text)
		if err != nil {
			return err
		}
		defer clear(text)
		return s.write(ctx, c, text)
	})
}

// errMoved says that the file was written since it was read.
var errMoved = errors.New("the file was written meanwhile")

// change runs do under the lock if the condition holds for what the file holds,
// and again if the file was written meanwhile. What can be refused is refused
// before a lock file is made.
func (s *secret) change(ctx context.Context, cond store.Condition, do func(c content) error) error {
	if err := s.looked(ctx, cond, func(content) error { return s.checkWritable() }); err != nil {
		return err
	}
	lock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	for range tries {
		if err = s.looked(ctx, cond, do); !errors.Is(err, errMoved) {
			return err
		}
	}
	return &store.Error{Class: store.ErrUnavailable, Store: s.path, Err: err, Detail: "another program keeps writing it", Remedy: "try again"}
}

// lock takes a lock that kinring's programs alone know: it keeps two of them from
// undoing each other's change of the same file.
func (s *secret) lock(ctx context.Context) (*filelock.Lock, error) {
	dir, base := filepath.Split(s.path)
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	return filelock.Acquire(ctx, filepath.Join(dir, "."+base+".kinring-lock"), filelock.Options{Mode: fileMode})
}

func (s *secret) looked(ctx context.Context, cond store.Condition, do func(c content) error) error {
	c, err := s.read(ctx)
	if err != nil {
		return err
	}
	defer c.wipe()
	if !cond.Holds(c.present, c.revision(s.key)) {
		return source.Conflict(cond)
	}
	return do(c)
}

// checkWritable honours a file that its owner made read-only, which replacing it
// would not.
func (s *secret) checkWritable() error {
	info, err := durable.Check(s.path, durable.Limits{})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil && info.Mode().Perm()&0o200 == 0 {
		err = &store.Error{Class: store.ErrDenied, Store: s.path, Detail: "the file is read-only", Remedy: "make it writable"}
	}
	return err
}

// checkDir makes the file's directory if there is none.
func checkDir(dir string) error {
	_, err := durable.StampOf(dir) // of a directory this fails, and says why
	if errors.Is(err, store.ErrNotFound) {
		return durable.MkdirAll(dir)
	}
	return nil
}

// write replaces the file that was read, or makes it if there was none.
func (s *secret) write(ctx context.Context, c content, text []byte) error {
	if len(text) > limit {
		return &store.Error{Class: store.ErrTooLarge, Store: s.path, Detail: fmt.Sprintf("the file would grow over %d bytes", limit),
			Remedy: "remove what is not needed there"}
	}
	place := durable.Replace
	if c.text == nil {
		place = durable.Create
	} else if err := s.unmoved(c); err != nil {
		return err
	}
	stamp, err := place(ctx, s.path, text, fileMode)
	if c.text == nil && errors.Is(err, store.ErrConflict) {
		return errMoved
	}
	if err == nil {
		s.wrote.Store(&stamp)
	}
	return err
}

// remove removes the file that was read.
func (s *secret) remove(ctx context.Context, c content) error {
	if err := s.unmoved(c); err != nil {
		return err
	}
	return durable.Remove(ctx, s.path)
}

// unmoved is the last look before a change.
func (s *secret) unmoved(c content) error {
	if now, err := durable.StampOf(s.path); err != nil || now != c.stamp {
		return errMoved
	}
	return nil
}

func (s *secret) List(ctx context.Context, service string) ([]store.Entry, error) {
	if err := s.Usable(ctx); err != nil {
		return nil, s.At(err, "list", store.Key{})
	}
	if service != "" && service != s.key.Service {
		return nil, nil
	}
	c, err := s.read(ctx)
	defer c.wipe()
	if err != nil || !c.present {
		return nil, s.At(err, "list", store.Key{})
	}
	return []store.Entry{{Key: s.key, Revision: c.revision(s.key)}}, nil
}

// Stamp tells cheaply, without reading the file, whether it changed. A file that
// is not there has a stamp too. The stamp is the whole file's.
func (s *secret) Stamp(ctx context.Context, key store.Key) (string, error) {
	if err := s.Enter(ctx, key); err != nil {
		return "", s.At(err, "stamp", key)
	}
	now, err := durable.StampOf(s.path)
	if errors.Is(err, store.ErrNotFound) {
		return "absent", nil
	}
	if err != nil {
		return "", s.At(err, "stamp", key)
	}
	return fmt.Sprintf("%x-%x-%x-%x", now.Device, now.File, now.Size, now.Modified), nil
}
