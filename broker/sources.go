package broker

import (
	"context"
	"sync"

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
	mu    sync.Mutex
	names map[string]*conn // nil where nobody serves it now
}

// NewSources returns sources that no profile has named yet. Register it with
// store.RegisterLayout.
func NewSources() *Sources { return &Sources{names: map[string]*conn{}} }

// Name is what a profile calls the layout.
func (*Sources) Name() string { return Layout }

// Capabilities says that nothing is written to what only a client can read.
func (*Sources) Capabilities() store.Capabilities {
	return store.Capabilities{ReadOnly: true, Persistent: true}
}

// Open returns the source. It asks nobody.
func (s *Sources) Open(config store.SourceConfig) (store.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.names[config.Name]; !known {
		s.names[config.Name] = nil
	}
	return &source{s, config.Name}, nil
}

// Canonical returns its argument: only the client knows the values' form.
func (*Sources) Canonical(value []byte) []byte { return value }

// serve makes a client the one that serves a source. The last one to come serves
// it: it is the one that runs.
func (s *Sources) serve(name string, c *conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.names[name]; !known {
		return &store.Error{Class: store.ErrInvalid, Op: "serve", Store: "broker", Detail: "the profile has no source " + visible(name) + " that a client may serve",
			Remedy: "give the profile a legacy source of layout " + Layout}
	}
	s.names[name] = c
	return nil
}

func (s *Sources) drop(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, by := range s.names {
		if by == c {
			s.names[name] = nil
		}
	}
}

// ask asks the client that serves a source.
func (s *Sources) ask(ctx context.Context, name, method string, params, into any) error {
	s.mu.Lock()
	c := s.names[name]
	s.mu.Unlock()
	if c == nil {
		return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService,
			Detail: "the program that can read this source is not connected", Remedy: "start it"}
	}
	return c.ask(ctx, method, params, into)
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
		return store.Item{}, &store.Error{Class: store.ErrCorrupt, Detail: "the program that serves this source answered without a value"}
	}
	defer item.Value.Wipe()
	out := store.Item{Value: store.NewValue(*item.Value)}
	return out, store.CheckItem(out, s.all.Capabilities())
}

// Put is unsupported.
func (s *source) Put(context.Context, store.Key, store.Item, store.Condition) (store.Revision, error) {
	return "", s.readOnly("put")
}

// Delete removes nothing. What is not there needs no removing.
func (s *source) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	if cond.IsAny() {
		if _, err := s.Get(ctx, key); err != nil {
			return err
		}
	}
	return s.readOnly("delete")
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
