package vscdb

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/kinring/kinring/internal/litedb"
	"github.com/kinring/kinring/legacy/safestorage"
	"github.com/kinring/kinring/store"
)

// source is the secrets of one state.vscdb.
type source struct {
	db      *database
	service string
	safe    *safestorage.Safe
	app     app
	closed  atomic.Bool
}

func (s *source) Info() store.Info {
	return store.Info{Kind: layoutName, ID: s.db.path, Capabilities: Layout{}.Capabilities()}
}

// enter refuses what needs no file to be refused.
func (s *source) enter(ctx context.Context, key store.Key) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	return s.usable(ctx)
}

func (s *source) usable(ctx context.Context) error {
	if s.closed.Load() {
		return &store.Error{Class: store.ErrUnavailable, Detail: "the source is closed", Remedy: "open it again"}
	}
	return store.FromContext(ctx)
}

func (s *source) at(err error, op string, key store.Key) error {
	return store.At(err, op, s.db.path, key)
}

func (s *source) Get(ctx context.Context, key store.Key) (store.Item, error) {
	item, err := s.get(ctx, key)
	return item, s.at(err, "get", key)
}

func (s *source) get(ctx context.Context, key store.Key) (store.Item, error) {
	r, err := s.look(ctx, key)
	if err != nil {
		return store.Item{}, err
	}
	if !r.there {
		return store.Item{}, &store.Error{Class: store.ErrNotFound}
	}
	value, err := s.unseal(ctx, r)
	return store.Item{Value: value, Revision: r.revision()}, err
}

// look reads a key's row and decrypts nothing. A database that is not there
// holds no row.
func (s *source) look(ctx context.Context, key store.Key) (found row, err error) {
	if err := s.enter(ctx, key); err != nil {
		return row{}, err
	}
	if key.Service != s.service {
		return row{}, nil
	}
	err = s.db.read(ctx, func(db *litedb.Conn) (err error) {
		found, err = findRow(db, key.Account)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return found, err
}

// unseal decrypts a row's value. No bytes at all are the empty secret: so says
// Electron, which seals it so on Linux and macOS.
func (s *source) unseal(ctx context.Context, r row) (store.Value, error) {
	sealed, err := r.sealed()
	if err != nil || len(sealed) == 0 {
		return store.Value{}, err
	}
	plain, err := s.safe.Open(ctx, sealed)
	if err != nil {
		return store.Value{}, err
	}
	defer clear(plain)
	if !utf8.Valid(plain) {
		return store.Value{}, &store.Error{Class: store.ErrCorrupt, Detail: "the value decrypts to what is not text, so it is damaged or the key is another one",
			Remedy: "it is left as it is; see that the app's key is the one that it was written with"}
	}
	if len(plain) > store.MaxValue {
		return store.Value{}, &store.Error{Class: store.ErrTooLarge, Detail: fmt.Sprintf("the value has %d bytes", len(plain))}
	}
	return store.NewValue(plain), nil
}

func (s *source) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	rev, err := s.put(ctx, key, item, cond)
	return rev, s.at(err, "put", key)
}

func (s *source) put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	if err := s.checkPut(ctx, key, item); err != nil {
		return "", err
	}
	// Sealing may take a while and ask the keyring: not inside the transaction.
	before, err := s.look(ctx, key)
	switch {
	case err != nil:
		return "", err
	case !cond.Holds(before.there, before.revision()):
		return "", conflict(cond)
	}
	text, err := s.seal(ctx, before, item.Value)
	if err != nil {
		return "", err
	}
	var now row
	err = s.db.write(ctx, func(db *litedb.Conn) error {
		r, err := findRow(db, key.Account)
		switch {
		case err != nil:
			return err
		case !cond.Holds(r.there, r.revision()):
			return conflict(cond)
		}
		now, err = replaceRow(db, key.Account, text)
		return err
	})
	if err != nil {
		return "", s.missing(err)
	}
	return now.revision(), s.untilRestart(ctx)
}

func (s *source) checkPut(ctx context.Context, key store.Key, item store.Item) error {
	if err := s.enter(ctx, key); err != nil {
		return err
	}
	if err := store.CheckItem(item, Layout{}.Capabilities()); err != nil {
		return err
	}
	var text bool
	item.Value.View(func(b []byte) { text = utf8.Valid(b) })
	switch {
	case item.Record.Present():
		return &store.Error{Class: store.ErrUnsupported, Detail: "the source keeps no records", Remedy: "write the value without one"}
	case key.Service != s.service:
		return &store.Error{Class: store.ErrUnsupported, Detail: "the database holds keys of another service only",
			Remedy: "assign the key to another source"}
	case !text:
		return &store.Error{Class: store.ErrInvalid, Detail: "the value is not UTF-8, and the app's secrets are text", Remedy: "encode it as text"}
	}
	return nil
}

// seal returns the text of a value in the form in which the app would write it.
// What is in the portal's form stays in it: an app that writes that form reads
// it, and it is the stronger one.
func (s *source) seal(ctx context.Context, before row, v store.Value) (text string, err error) {
	basic, err := s.app.basic(ctx)
	if err != nil {
		return "", err
	}
	form, err := s.safe.Usual(basic)
	if err != nil {
		return "", err
	}
	if old, err := before.sealed(); err == nil && safestorage.IsForm(old, safestorage.LinuxPortal) && !basic {
		form = safestorage.LinuxPortal
	}
	v.View(func(b []byte) {
		var sealed []byte
		if sealed, err = s.safe.Seal(ctx, form, b); err == nil {
			text = encodeBuffer(sealed)
		}
	})
	return text, err
}

// missing says of a database that is not there that it is not made.
func (s *source) missing(err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrAbsentByDesign, Detail: "there is no such database, and only the app makes one",
		Remedy: "start the app once"}
}

// answerTime is how long an app's socket may take to accept a connection. One
// that takes longer is there.
const answerTime = time.Second

// untilRestart returns nil if the app does not run: then what was written counts.
// It is looked at after the write, however much time the caller had for that.
func (s *source) untilRestart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime)
	defer cancel()
	why := s.app.running(ctx)
	if why == "" {
		return nil
	}
	return &store.Error{Class: store.ErrPartial, Done: []string{"the database"}, Missing: []string{"the running app"}, Detail: why,
		Remedy: "it takes effect after a restart of the app, which answers from memory until then"}
}

func (s *source) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	return s.at(s.delete(ctx, key, cond), "delete", key)
}

func (s *source) delete(ctx context.Context, key store.Key, cond store.Condition) error {
	if cond.IsAbsent() {
		return &store.Error{Class: store.ErrInvalid, Detail: "a delete cannot require absence", Remedy: "use any or match"}
	}
	before, err := s.look(ctx, key)
	if err != nil {
		return err
	}
	if !before.there { // then nothing is written at all
		return nothingThere(cond)
	}
	err = s.db.write(ctx, func(db *litedb.Conn) error {
		r, err := findRow(db, key.Account)
		switch {
		case err != nil:
			return err
		case !r.there:
			return nothingThere(cond)
		case !cond.Holds(true, r.revision()):
			return conflict(cond)
		}
		return db.Exec("DELETE FROM ItemTable WHERE key = ?", prefix+key.Account)
	})
	if err != nil {
		return err
	}
	return s.untilRestart(ctx)
}

func conflict(cond store.Condition) error {
	return &store.Error{Class: store.ErrConflict, Detail: fmt.Sprintf("the condition %s does not hold", cond), Remedy: "read the key again"}
}

func nothingThere(cond store.Condition) error {
	if !cond.IsAny() {
		return conflict(cond)
	}
	return &store.Error{Class: store.ErrNotFound}
}

func (s *source) List(ctx context.Context, service string) ([]store.Entry, error) {
	entries, err := s.list(ctx, service)
	return entries, s.at(err, "list", store.Key{})
}

// list names all secrets. One whose name kinring could not use is an error
// beside the others: passed over in silence, it would look as if it were not
// there.
func (s *source) list(ctx context.Context, service string) ([]store.Entry, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if service != "" && service != s.service {
		return nil, nil
	}
	var entries []store.Entry
	var unnamed error
	err := s.db.read(ctx, func(db *litedb.Conn) error {
		entries, unnamed = nil, nil
		return eachRow(db, func(account string, r row) {
			key := store.Key{Service: s.service, Account: account}
			if err := store.CheckKey(key); err != nil {
				unnamed = store.At(err, "", "", key)
				return
			}
			entries = append(entries, store.Entry{Key: key, Revision: r.revision()})
		})
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		err = unnamed
	}
	return entries, err
}

// Stamp is the revision of the key's row, without the value being decrypted: VS
// Code writes the file all the time for other reasons.
func (s *source) Stamp(ctx context.Context, key store.Key) (string, error) {
	r, err := s.look(ctx, key)
	if err != nil {
		return "", s.at(err, "stamp", key)
	}
	if !r.there {
		return "absent", nil
	}
	return string(r.revision()), nil
}

// Batch keeps the database open and the app's key in memory, until end is called.
func (s *source) Batch() (end func()) {
	closeDatabase, forgetKey := s.db.batch(), s.safe.Hold()
	return func() {
		closeDatabase()
		forgetKey()
	}
}

// Close makes every later call fail.
func (s *source) Close() error {
	s.closed.Store(true)
	s.safe.Wipe()
	return nil
}
