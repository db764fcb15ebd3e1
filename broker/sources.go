package broker

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"

	"github.com/kinring/kinring/broker/policy"
	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// Layout is the name of the layout of sources that clients serve.
const Layout = "client"

// Sources are the legacy sources that clients serve: values that only they can
// read, such as those that an Electron application has encrypted with a key of its
// own. It is a layout: a ring whose profile names a source of layout "client" reads
// it through the client that serves it, and cannot read it while none does.
type Sources struct {
	// seal makes revisions: values of clients have none of their own.
	seal  [32]byte
	mu    sync.Mutex
	names map[string]served // without a connection where nobody serves it now
}

// served is who serves a source.
type served struct {
	by      *conn
	deletes bool
}

// NewSources returns sources that no profile has named yet. Register it with
// store.RegisterLayout.
func NewSources() *Sources {
	s := &Sources{names: map[string]served{}}
	_, _ = rand.Read(s.seal[:]) // it never fails: see its documentation
	return s
}

// Name is what a profile calls the layout.
func (*Sources) Name() string { return Layout }

// Capabilities says that nothing is written to what only a client can read. Whether
// it deletes, each client says for itself.
func (*Sources) Capabilities() store.Capabilities {
	return store.Capabilities{ReadOnly: true, Persistent: true}
}

// Open returns the source. It asks nobody.
func (s *Sources) Open(config store.SourceConfig) (store.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.names[config.Name]; !known {
		s.names[config.Name] = served{}
	}
	return &source{s, config.Name}, nil
}

// Canonical returns its argument: only the client knows the values' form.
func (*Sources) Canonical(value []byte) []byte { return value }

// serve makes a client the one that serves a source. The last one to come serves
// it: it is the one that runs.
func (s *Sources) serve(p wire.Serving, c *conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.names[p.Source]; !known {
		return &store.Error{Class: store.ErrInvalid, Op: "serve", Store: "broker", Detail: "the profile has no source " + visible(p.Source) + " that a client may serve",
			Remedy: "give the profile a legacy source of layout " + Layout}
	}
	s.names[p.Source] = served{c, p.Deletes}
	return nil
}

func (s *Sources) drop(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, now := range s.names {
		if now.by == c {
			s.names[name] = served{}
		}
	}
}

// ask asks the client that serves a source.
func (s *Sources) ask(ctx context.Context, name, method string, params, into any) error {
	s.mu.Lock()
	c := s.names[name].by
	s.mu.Unlock()
	if c == nil || !c.sees(policy.Legacy, "") { // its grant may have ended
		return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService,
			Detail: "the program that can read this source is not connected", Remedy: "start it"}
	}
	return c.ask(ctx, method, params, into)
}

// deletes reports whether the client that serves a source removes values.
func (s *Sources) deletes(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names[name].deletes
}

// source is one source as a store.
type source struct {
	all  *Sources
	name string
}

// Info describes the source.
func (s *source) Info() store.Info {
	return store.Info{Kind: Layout, ID: Layout + " " + s.name, Capabilities: s.all.Capabilities()}
}

// Get asks the client for a value.
func (s *source) Get(ctx context.Context, key store.Key) (store.Item, error) {
	item, err := s.get(ctx, key)
	return item, store.At(err, "get", s.name, key)
}

func (s *source) get(ctx context.Context, key store.Key) (store.Item, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Item{}, err
	}
	if err := store.FromContext(ctx); err != nil {
		return store.Item{}, err
	}
	var item wire.LegacyItem
	if err := s.all.ask(ctx, s.name, wire.MethodLegacyGet, wire.LegacyGet{Source: s.name, Key: wire.Key(key)}, &item); err != nil {
		return store.Item{}, err
	}
	if item.Value == nil {
		return store.Item{}, unanswered("a value")
	}
	defer item.Value.Wipe()
	out := store.Item{Value: store.NewValue(*item.Value), Revision: s.revision(*item.Value)}
	return out, store.CheckItem(out, s.all.Capabilities())
}

// unanswered: what an answer lacks is no evidence of absence.
func unanswered(what string) error {
	return &store.Error{Class: store.ErrCorrupt, Detail: "the program that serves this source answered without " + what}
}

// Put is unsupported.
func (s *source) Put(context.Context, store.Key, store.Item, store.Condition) (store.Revision, error) {
	return "", s.readOnly("put")
}

// revision returns what tells a value from others, as long as this process lives.
func (s *source) revision(value []byte) store.Revision {
	mac := hmac.New(sha256.New, s.all.seal[:])
	mac.Write(value)
	return store.Revision(hex.EncodeToString(mac.Sum(nil)[:16]))
}

// Delete has the client remove a value, if it does that. What is not there needs no
// removing. A condition is checked here and again by the client.
func (s *source) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	item, err := s.Get(ctx, key)
	revision, match := cond.Revision()
	switch {
	case errors.Is(err, store.ErrNotFound), err != nil && match, errors.Is(err, store.ErrNoService):
		return err
	case !s.all.deletes(s.name):
		return cmp.Or(err, s.readOnly("delete"))
	case err == nil && match && revision != item.Revision:
		return store.At(&store.Error{Class: store.ErrConflict, Detail: "the source holds another value"}, "delete", s.name, key)
	}
	p := wire.LegacyDelete{Source: s.name, Key: wire.Key(key)}
	if match {
		value := wire.Secret(item.Value.Bytes())
		defer value.Wipe()
		p.Value = &value
	}
	item.Value.Wipe()
	return store.At(s.all.ask(ctx, s.name, wire.MethodLegacyDelete, p, &nothing{}), "delete", s.name, key)
}

func (s *source) readOnly(op string) error {
	return &store.Error{Class: store.ErrUnsupported, Op: op, Store: s.name, Detail: "only the program that serves this source can change it",
		Remedy: "have it done there"}
}

// List asks the client for the keys.
func (s *source) List(ctx context.Context, service string) ([]store.Entry, error) {
	if err := store.FromContext(ctx); err != nil {
		return nil, store.At(err, "list", s.name, store.Key{})
	}
	var l wire.LegacyKeys
	if err := s.all.ask(ctx, s.name, wire.MethodLegacyList, wire.Serving{Source: s.name}, &l); err != nil {
		return nil, store.At(err, "list", s.name, store.Key{})
	}
	if l.Keys == nil {
		return nil, store.At(unanswered("keys"), "list", s.name, store.Key{})
	}
	var out []store.Entry
	for _, k := range l.Keys {
		if store.CheckKey(k.Store()) == nil && (service == "" || service == k.Service) {
			out = append(out, store.Entry{Key: k.Store()})
		}
	}
	return out, nil
}

// Close has nothing to close: the connection is the client's.
func (*source) Close() error { return nil }
