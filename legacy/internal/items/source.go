package items

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/kinring/kinring/backend/secretservice"
	"github.com/kinring/kinring/internal/source"
	"github.com/kinring/kinring/store"
)

// items is a legacy source on the desktop's keyring. It connects when it is
// first asked.
type items struct {
	source.Door
	layout   Layout
	services []string

	mu   sync.Mutex
	conn *secretservice.Conn
}

func newSource(l Layout, config store.SourceConfig) *items {
	return &items{Door: source.Door{Name: config.Name}, layout: l, services: config.Services}
}

// place is how errors and status name where the items are.
const place = "the desktop's keyring"

func (s *items) Info() store.Info {
	return store.Info{Kind: s.layout.Kind, ID: place, Capabilities: s.layout.Capabilities()}
}

// connect returns the connection. A failure to connect is the answer of that one
// call, not of later ones.
func (s *items) connect(ctx context.Context) (*secretservice.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		return s.conn, nil
	}
	conn, err := secretservice.Connect(ctx, secretservice.Options{})
	if err != nil {
		return nil, err
	}
	if err := s.Usable(ctx); err != nil { // closed meanwhile
		_ = conn.Close() // never fails
		return nil, err
	}
	s.conn = conn
	return conn, nil
}

// Close gives the connection back. Calls after it fail.
func (s *items) Close() error {
	_ = s.Door.Close() // never fails
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	return s.conn.Close()
}

// found is one item, with its secret as far as it was read.
type found struct {
	conn   *secretservice.Conn
	item   secretservice.Item
	there  bool
	secret []byte
	kind   string // content type
	value  store.Value
	rev    store.Revision
}

// find looks for the key's item as the library does. An item that more than one
// search could mean is ambiguous.
func (s *items) find(ctx context.Context, key store.Key) (found, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return found{}, err
	}
	for _, search := range s.layout.Searches {
		all, err := search.find(ctx, conn, search.Attributes.of(key))
		switch {
		case err != nil:
			return found{}, err
		case len(all) > 1:
			return found{}, &store.Error{Class: store.ErrAmbiguous, Store: place, Detail: "more than one item matches",
				Remedy: "remove the wrong one with the desktop's password manager"}
		case len(all) == 1:
			return found{conn: conn, item: all[0], there: true}, nil
		}
	}
	return found{conn: conn}, nothing(ctx, conn)
}

// find returns the items that have the attributes and are in the search's
// collection.
func (s Search) find(ctx context.Context, conn *secretservice.Conn, attributes map[string]string) ([]secretservice.Item, error) {
	within := ""
	if s.In != nil {
		c, err := s.In(ctx, conn)
		if err != nil || c.Path == "" {
			return nil, err
		}
		within = c.Path + "/"
	}
	all, err := conn.Search(ctx, attributes)
	var out []secretservice.Item
	for _, item := range all {
		if strings.HasPrefix(item.Path, within) {
			out = append(out, item)
		}
	}
	return out, err
}

// attempts bounds how often an item that vanishes between its finding and its
// reading or writing is looked for again: some clients replace one by another.
const attempts = 8

// read finds the key's item and reads its secret.
func (s *items) read(ctx context.Context, key store.Key) (found, error) {
	for range attempts {
		f, err := s.find(ctx, key)
		if err != nil || !f.there {
			return f, err
		}
		err = s.open(ctx, key, &f)
		if !errors.Is(err, store.ErrNotFound) {
			return f, err
		}
	}
	return found{}, replaced()
}

func replaced() error {
	return &store.Error{Class: store.ErrUnavailable, Store: place, Detail: "the item is replaced again and again", Remedy: "try again"}
}

// open reads the secret of an item that was found.
func (s *items) open(ctx context.Context, key store.Key, f *found) error {
	secret, err := f.conn.Secret(ctx, f.item)
	if err != nil {
		return err
	}
	f.secret, f.kind, f.value = secret.Value.Bytes(), secret.ContentType, secret.Value
	if s.layout.Codec != nil {
		value, err := s.layout.Codec.Decode(f.secret)
		if err != nil {
			return &store.Error{Class: store.ErrCorrupt, Store: place, Detail: "the item holds something else than the older build writes: " + err.Error(),
				Remedy: "sign in again with the older build"}
		}
		f.value = store.NewValue(value)
	}
	f.rev = revision(key, f.value)
	return nil
}

// revision names an item by what it holds: the keyring counts time in seconds,
// in which a value can be written twice.
func revision(key store.Key, value store.Value) (rev store.Revision) {
	value.View(func(b []byte) { rev = source.Revision([]byte(key.Service), []byte(key.Account), b) })
	return rev
}

// foreign reports whether a key is of another service than all items are.
func (s *items) foreign(key store.Key) bool {
	return s.layout.Service != "" && key.Service != s.layout.Service
}

func (s *items) Get(ctx context.Context, key store.Key) (store.Item, error) {
	item, err := s.get(ctx, key)
	return item, s.At(err, "get", key)
}

func (s *items) get(ctx context.Context, key store.Key) (store.Item, error) {
	if err := s.Enter(ctx, key); err != nil {
		return store.Item{}, err
	}
	if s.foreign(key) {
		return store.Item{}, source.NothingThere(store.Any(), place)
	}
	f, err := s.read(ctx, key)
	defer clear(f.secret)
	switch {
	case err != nil:
		return store.Item{}, err
	case !f.there:
		return store.Item{}, source.NothingThere(store.Any(), place)
	case f.value.Len() > store.MaxValue:
		return store.Item{}, &store.Error{Class: store.ErrTooLarge, Store: place, Detail: "the item is larger than any value", Remedy: "check what it is"}
	}
	return store.Item{Value: f.value, Revision: f.rev}, nil
}

func (s *items) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	rev, err := s.put(ctx, key, item, cond)
	return rev, s.At(err, "put", key)
}

func (s *items) put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	if err := s.Enter(ctx, key); err != nil {
		return "", err
	}
	if err := source.CheckItem(item, s.layout.Capabilities()); err != nil {
		return "", err
	}
	if s.foreign(key) {
		return "", source.WrongService(place)
	}
	for range attempts {
		err := s.putOnce(ctx, key, item.Value, cond)
		if !errors.Is(err, store.ErrNotFound) {
			return revision(key, item.Value), err
		}
	}
	return "", replaced()
}

// putOnce makes a write if the condition holds. It is ErrNotFound if the item was
// removed in between.
func (s *items) putOnce(ctx context.Context, key store.Key, value store.Value, cond store.Condition) error {
	f, err := s.read(ctx, key)
	defer clear(f.secret)
	switch {
	case err != nil:
		return err
	case !cond.Holds(f.there, f.rev):
		return source.Conflict(cond)
	}
	return s.write(ctx, key, f, value)
}

// write gives a value to the item that was found, or to a new one.
func (s *items) write(ctx context.Context, key store.Key, f found, value store.Value) error {
	secret := secretservice.Secret{Value: value, ContentType: s.layout.ContentType}
	if s.layout.Codec != nil {
		plain := value.Bytes()
		defer clear(plain)
		text, err := s.layout.Codec.Encode(key, plain, f.secret)
		if err != nil {
			return err
		}
		secret.Value = store.NewValue(text)
		clear(text)
	}
	if f.there {
		return f.conn.SetSecret(ctx, f.item, secret)
	}
	home, err := s.home(ctx, f.conn)
	if err != nil {
		return err
	}
	_, err = f.conn.Create(ctx, home, secretservice.NewItem{
		Label: fill(s.layout.Label, key), Attributes: s.layout.Attributes.of(key), Secret: secret, Replace: true})
	return err
}

func (s *items) home(ctx context.Context, conn *secretservice.Conn) (secretservice.Collection, error) {
	c, err := s.layout.Home(ctx, conn)
	if err == nil && c.Path == "" {
		err = &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Store: place,
			Detail: "the older build's collection does not exist", Remedy: "start the older build once, or make the collection"}
	}
	return c, err
}

func (s *items) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	return s.At(s.delete(ctx, key, cond), "delete", key)
}

func (s *items) delete(ctx context.Context, key store.Key, cond store.Condition) error {
	if err := s.Enter(ctx, key); err != nil {
		return err
	}
	if err := source.CheckDelete(cond); err != nil {
		return err
	}
	if s.foreign(key) {
		return source.NothingThere(cond, place)
	}
	f, err := s.find(ctx, key)
	if err == nil && f.there && !cond.IsAny() {
		f, err = s.read(ctx, key)
		defer clear(f.secret)
	}
	switch {
	case err != nil:
		return err
	case !f.there:
		return source.NothingThere(cond, place)
	case !cond.Holds(true, f.rev):
		return source.Conflict(cond)
	}
	err = f.conn.Delete(ctx, f.item)
	if errors.Is(err, store.ErrNotFound) { // since it was found
		return source.NothingThere(cond, place)
	}
	return err
}

// settled is how long ago, by the keyring's clock of seconds, an item must have
// been written for its time to tell that write from a later one.
const settled = 2 * time.Second

// Stamp tells cheaply, without reading the secret, whether the item changed. It
// is empty while a later write could look the same.
func (s *items) Stamp(ctx context.Context, key store.Key) (string, error) {
	stamp, err := s.stamp(ctx, key)
	return stamp, s.At(err, "stamp", key)
}

func (s *items) stamp(ctx context.Context, key store.Key) (string, error) {
	if err := s.Enter(ctx, key); err != nil {
		return "", err
	}
	f, err := s.find(ctx, key)
	if err != nil || !f.there {
		return "absent", err
	}
	p, err := f.conn.Properties(ctx, f.item)
	if err != nil {
		return "", err
	}
	written := time.Unix(int64(p.Modified), 0)
	if p.Modified == 0 || time.Since(written) < settled {
		return "", nil
	}
	return f.item.Path + "@" + written.UTC().Format(time.RFC3339), nil
}
