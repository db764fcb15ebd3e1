package loginkeychain

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	legacy "github.com/kinring/kinring/internal/source"
	"github.com/kinring/kinring/store"
)

// source is the items of one kind of older build.
type source struct {
	legacy.Door
	layout   layout
	services []string // of the profile's keys; none means all
	program  *mac.Program
	absence  error // why there is no program to call through
	values   values
	kept     kept
}

// kept remembers values that somebody permitted to be read, with their dates, so
// that nobody is asked again in this process for what has not changed.
type kept struct {
	mu     sync.Mutex
	values map[store.Key]dated
}

type dated struct {
	date  string
	value store.Value
}

// of returns the value of an item if it has not changed since it was read.
func (k *kept) of(f found) ([]byte, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	d, ok := k.values[f.item]
	if !ok || f.date.fresh || d.date != f.date.text {
		return nil, false
	}
	return d.value.Bytes(), true
}

// keep notes a value whose date no later write can have.
func (k *kept) keep(f found, value []byte) {
	if f.date.fresh {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.values == nil {
		k.values = map[store.Key]dated{}
	}
	k.values[f.item].value.Wipe()
	k.values[f.item] = dated{f.date.text, store.NewValue(value)}
}

func (k *kept) wipe() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, d := range k.values {
		d.value.Wipe()
	}
	k.values = nil
}

// Close wipes what was remembered, and makes later calls fail.
func (s *source) Close() error {
	s.kept.wipe()
	return s.Door.Close()
}

// values reads and changes the values of items, in whichever way their maker is
// trusted.
type values interface {
	// read returns the value of an item that is there.
	read(ctx context.Context, item store.Key) ([]byte, error)
	// add makes an item; ErrConflict if there is one.
	add(ctx context.Context, item store.Key, value []byte) error
	// replace replaces the value of an item; ErrNotFound if there is none.
	replace(ctx context.Context, item store.Key, value []byte) error
	// remove removes an item; ErrNotFound if there is none.
	remove(ctx context.Context, item store.Key) error
}

func (s *source) Info() store.Info {
	return store.Info{Kind: s.layout.layout, ID: "the login keychain", Capabilities: s.layout.Capabilities()}
}

func (s *source) enter(ctx context.Context, key store.Key) error {
	if err := s.Enter(ctx, key); err != nil {
		return err
	}
	return s.absence
}

func (s *source) enterWrite(ctx context.Context, key store.Key) error {
	if s.layout.readOnly {
		return &store.Error{Class: store.ErrUnsupported, Detail: "the app's other data is encrypted with this key",
			Remedy: "leave it to the app"}
	}
	return s.enter(ctx, key)
}

// found is an item whose value has not been read.
type found struct {
	item store.Key // as it is filed, which need not be the family's key
	date date
}

// find returns the item of a key, by its attributes alone: nobody is asked, and a
// locked keychain answers too.
func (s *source) find(ctx context.Context, key store.Key) (found, error) {
	for _, account := range s.layout.accounts(key.Account) {
		item := store.Key{Service: key.Service, Account: account}
		items, err := s.attributes(ctx, item)
		switch {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return found{}, err
		case len(items) > 1:
			return found{}, &store.Error{Class: store.ErrAmbiguous, Detail: "several keychains of the search list hold the item",
				Remedy: "delete all but one of them with Keychain Access"}
		default:
			return found{item, dateOf(items[0].Attributes)}, nil
		}
	}
	return found{}, s.absent(ctx)
}

// attributes returns the attributes of what is filed under a service and an
// account; an empty one is any.
func (s *source) attributes(ctx context.Context, item store.Key) ([]secitem.Item, error) {
	q := query(item)
	q.All, q.ReturnAttributes = true, true
	items, err := mac.Do(ctx, s.program, item, mac.Reading, func() ([]secitem.Item, error) {
		return s.program.CopyMatching(q.Dict())
	})
	return items, mac.Failure(err)
}

func query(item store.Key) secitem.Query {
	return secitem.Query{Keychain: secitem.Login, Service: item.Service, Account: item.Account}
}

// absent returns ErrNotFound, but only on evidence: macOS answers "no such item"
// also where the keychain's file is missing or cannot be read.
func (s *source) absent(ctx context.Context) error {
	if _, err := s.state(ctx); err != nil {
		return err
	}
	return &store.Error{Class: store.ErrNotFound}
}

func (s *source) state(ctx context.Context) (secitem.KeychainState, error) {
	state, err := mac.Do(ctx, s.program, store.Key{}, mac.Reading, s.program.LoginKeychain)
	if err == nil && !state.Readable {
		err = &store.Error{Class: store.ErrDenied, Detail: "the login keychain's file may not be read", Remedy: "make it readable for this user"}
	}
	return state, mac.Failure(err)
}

// Get returns one item.
func (s *source) Get(ctx context.Context, key store.Key) (store.Item, error) {
	item, err := s.get(ctx, key)
	return item, s.At(err, "get", key)
}

func (s *source) get(ctx context.Context, key store.Key) (store.Item, error) {
	if err := s.enter(ctx, key); err != nil {
		return store.Item{}, err
	}
	f, err := s.find(ctx, key)
	if err != nil {
		return store.Item{}, err
	}
	value, err := s.value(ctx, f)
	if err != nil {
		return store.Item{}, err
	}
	defer clear(value)
	if len(value) > store.MaxValue {
		return store.Item{}, &store.Error{Class: store.ErrTooLarge, Detail: "the item's value is over every store's limit",
			Remedy: "look whether it is the right item"}
	}
	return store.Item{Value: store.NewValue(value), Revision: f.date.revision(key, value)}, nil
}

// value returns the value of an item: the one that was read before, if it has not
// changed since, or what may cost a question.
func (s *source) value(ctx context.Context, f found) ([]byte, error) {
	if value, known := s.kept.of(f); known {
		return value, nil
	}
	value, err := s.values.read(ctx, f.item)
	if err == nil {
		s.kept.keep(f, value)
	}
	return value, err
}

// Put writes the item if the condition holds.
func (s *source) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	rev, err := s.put(ctx, key, item, cond)
	return rev, s.At(err, "put", key)
}

func (s *source) put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	if err := s.enterWrite(ctx, key); err != nil {
		return "", err
	}
	if err := legacy.CheckItem(item, s.layout.Capabilities()); err != nil {
		return "", err
	}
	value := item.Value.Bytes()
	defer clear(value)
	if err := s.write(ctx, key, value, cond); err != nil {
		return "", err
	}
	f, err := s.find(ctx, key)
	if err != nil {
		f.date = date{text: "gone", fresh: true} // it was written, and nothing will match it
	}
	return f.date.revision(key, value), nil
}

// tries bounds how often a write starts again because the item came or went
// meanwhile.
const tries = 100

func (s *source) write(ctx context.Context, key store.Key, value []byte, cond store.Condition) error {
	var err error
	for range tries {
		var f found
		f, err = s.find(ctx, key)
		missing := errors.Is(err, store.ErrNotFound)
		if err != nil && !missing {
			return err
		}
		if err := s.holds(ctx, key, f, !missing, cond); err != nil {
			return err
		}
		if missing {
			err = s.values.add(ctx, store.Key{Service: key.Service, Account: s.layout.accounts(key.Account)[0]}, value)
		} else {
			err = s.values.replace(ctx, f.item, value)
		}
		if class := store.ClassOf(err); class != store.ErrConflict && class != store.ErrNotFound {
			return err
		}
		if !cond.IsAny() {
			return legacy.Conflict(cond)
		}
	}
	return err
}

// holds checks a condition against what was found.
func (s *source) holds(ctx context.Context, key store.Key, f found, present bool, cond store.Condition) error {
	rev, isMatch := cond.Revision()
	if !isMatch || !present {
		if !cond.Holds(present, "") {
			return legacy.Conflict(cond)
		}
		return nil
	}
	same, sure := f.date.is(rev)
	if same && !sure {
		value, err := s.value(ctx, f)
		if errors.Is(err, store.ErrNotFound) {
			return legacy.Conflict(cond)
		}
		if err != nil {
			return err
		}
		same = f.date.digested(key, value) == rev
		clear(value)
	}
	if !same {
		return legacy.Conflict(cond)
	}
	return nil
}

// Delete removes the item if the condition holds.
func (s *source) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	return s.At(s.delete(ctx, key, cond), "delete", key)
}

func (s *source) delete(ctx context.Context, key store.Key, cond store.Condition) error {
	if err := s.enterWrite(ctx, key); err != nil {
		return err
	}
	if err := legacy.CheckDelete(cond); err != nil {
		return err
	}
	f, err := s.find(ctx, key)
	if errors.Is(err, store.ErrNotFound) && !cond.IsAny() {
		return legacy.Conflict(cond)
	}
	if err != nil {
		return err
	}
	if err := s.holds(ctx, key, f, true, cond); err != nil {
		return err
	}
	err = s.values.remove(ctx, f.item)
	if errors.Is(err, store.ErrNotFound) && !cond.IsAny() {
		return legacy.Conflict(cond)
	}
	return err
}

// List names the items of a service by their attributes. One that several
// keychains hold is named once.
func (s *source) List(ctx context.Context, service string) ([]store.Entry, error) {
	entries, err := s.list(ctx, service)
	return entries, s.At(err, "list", store.Key{})
}

func (s *source) list(ctx context.Context, service string) ([]store.Entry, error) {
	if err := cmp.Or(s.Usable(ctx), s.absence); err != nil {
		return nil, err
	}
	services := []string{service}
	if service == "" && len(s.services) > 0 {
		services = s.services
	}
	var entries []store.Entry
	for _, service := range services {
		items, err := s.attributes(ctx, store.Key{Service: service})
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		entries = append(entries, entriesOf(items)...)
	}
	if len(entries) > 0 {
		return entries, nil
	}
	_, err := s.state(ctx)
	return nil, err
}

func entriesOf(items []secitem.Item) (entries []store.Entry) {
	seen := map[store.Key]bool{}
	for _, i := range items {
		key := store.Key{Service: i.Attributes.String(secitem.KeyService), Account: i.Attributes.String(secitem.KeyAccount)}
		if store.CheckKey(key) == nil && !seen[key] {
			seen[key] = true
			entries = append(entries, store.Entry{Key: key})
		}
	}
	return entries
}

// Stamp changes whenever the value may have changed. It is empty, which says
// nothing, for an item that was written so recently that one more write could
// leave its date as it is.
func (s *source) Stamp(ctx context.Context, key store.Key) (string, error) {
	if err := s.enter(ctx, key); err != nil {
		return "", s.At(err, "stamp", key)
	}
	f, err := s.find(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "absent", nil
	case err != nil:
		return "", s.At(err, "stamp", key)
	case f.date.fresh:
		return "", nil
	}
	return f.date.text, nil
}
