package secretservice

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/store"
)

// DefaultAsk is how long a person may take to answer a prompt where the options
// do not say.
const DefaultAsk = 2 * time.Minute

// Options say which keyring is meant.
type Options struct {
	// Address is the bus's, in D-Bus's own form; empty means the user's session
	// bus.
	Address string
	// Ask is how long a person may take to answer one prompt of the keyring, within
	// the time of the call; 0 means DefaultAsk. Whether anybody is asked at all is
	// what the call's context says, see store.WithInteraction: if not, what would
	// need a prompt is ErrLocked.
	Ask time.Duration
	// locks is where the fences are; empty means the usual place. Tests have their
	// own.
	locks string
}

// Conn is the item level: the keyring as any program on the desktop sees it. All
// its methods may be called from any number of goroutines.
//
// Their errors are store errors. ErrUnavailable with reason ErrOutOfReach: there
// is no session bus. With reason ErrNoService: nobody serves the API there, the
// provider went away, or there is no default collection. ErrLocked: a person
// would have to unlock it. ErrDenied: a prompt was dismissed. ErrTimedOut: the
// time ran out and nothing was changed. ErrOutcomeUnknown: the provider was told
// to change something and did not answer.
type Conn struct {
	hub    *hub
	ask    time.Duration
	closed atomic.Bool
}

// Connect connects to the bus and looks who serves the keyring.
func Connect(ctx context.Context, options Options) (*Conn, error) {
	c, err := attach(options)
	if err != nil {
		return nil, err
	}
	if err := c.with(ctx, func(p *peer) error { return p.present(ctx) }); err != nil {
		_ = c.Close() // never fails
		return nil, err
	}
	return c, nil
}

// attach joins those who use the bus. It does no I/O on it.
func attach(options Options) (*Conn, error) {
	address := options.Address
	if address == "" {
		var err error
		if address, err = sessionBus(); err != nil {
			return nil, err
		}
	}
	return &Conn{hub: acquireHub(address), ask: cmp.Or(options.Ask, DefaultAsk)}, nil
}

// Close gives the connection back; the last user of a bus closes it. Closing
// twice is no error.
func (c *Conn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.hub.release()
	}
	return nil
}

// with calls f with the provider. If the provider or the bus that was there
// before is not there any more, f is called once more with the one that is:
// unless the outcome is unknown, nobody was reached.
func (c *Conn) with(ctx context.Context, f func(*peer) error) error {
	for again := false; ; again = true {
		if c.closed.Load() {
			return closed()
		}
		l, err := c.hub.enter(ctx)
		if err != nil {
			return err
		}
		var p *peer
		if p, err = l.provider(ctx); err == nil {
			err = f(p)
		}
		lost := c.lost(l, p, err)
		c.hub.leave(l)
		if again || !lost {
			return err
		}
	}
}

func closed() error {
	return &store.Error{Class: store.ErrUnavailable, Detail: "the connection is closed", Remedy: "connect again"}
}

// lost reports whether an operation failed only because it went to a provider or
// through a bus that is not there any more.
func (c *Conn) lost(l *link, p *peer, err error) bool {
	switch {
	case errors.Is(err, store.ErrOutcomeUnknown):
		c.hub.retire(l) // what is still on its way in this process stays there
		return false
	case isGone(err) && p != nil:
		l.forget(p)
		return true
	case errors.Is(err, errBroken):
		c.hub.retire(l) // which for a moment may not know it yet
		return true
	}
	return err != nil && !l.bus.Connected()
}

func isGone(err error) bool {
	name := native(err)
	return name == serviceUnknown || name == nameHasNoOwner
}

// Provider says who serves the keyring: gnome-keyring, kwallet, keepassxc or
// other.
func (c *Conn) Provider(ctx context.Context) (string, error) {
	var kind string
	err := c.with(ctx, func(p *peer) (err error) {
		kind, err = p.kind(ctx)
		return err
	})
	return kind, err
}

// Collection is one keyring of the provider, with items in it.
type Collection struct {
	// Path is the D-Bus path.
	Path  string
	owner string
}

// DefaultCollection returns the collection that new items go to. Where there is
// none the error is ErrUnavailable with reason ErrNoService: a person has not
// made one yet.
func (c *Conn) DefaultCollection(ctx context.Context) (Collection, error) {
	var out Collection
	err := c.with(ctx, func(p *peer) error {
		path, err := p.defaultCollection(ctx)
		out = Collection{string(path), p.name}
		return err
	})
	return out, err
}

func (p *peer) defaultCollection(ctx context.Context) (dbus.ObjectPath, error) {
	var path dbus.ObjectPath
	err := p.ask(ctx, serviceIface+"ReadAlias", []any{"default"}, &path)
	if err == nil && !exists(path) {
		err = &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Err: errNoDefault,
			Remedy: "make one in the desktop's password manager, or sign in to the desktop once"}
	}
	return path, err
}

// errNoDefault says that nobody has made a collection yet.
var errNoDefault = errors.New("the keyring has no default collection")

// Locked reports whether a collection is locked.
func (c *Conn) Locked(ctx context.Context, collection Collection) (bool, error) {
	var is bool
	err := c.on(ctx, collection.owner, func(p *peer) (err error) {
		is, err = p.isLocked(ctx, dbus.ObjectPath(collection.Path))
		return err
	})
	return is, err
}

func (p *peer) isLocked(ctx context.Context, collection dbus.ObjectPath) (bool, error) {
	var locked dbus.Variant
	err := p.at(collection).call(ctx, reads, propertiesIface+"Get", []any{"org.freedesktop.Secret.Collection", "Locked"}, &locked)
	if err != nil {
		return false, standing(err)
	}
	is, ok := locked.Value().(bool)
	if !ok {
		return false, corrupt("the keyring does not say whether the collection is locked")
	}
	return is, nil
}

// standing tells a collection that is gone from an item that is: it says nothing of
// what was in it.
func standing(err error) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Native: native(err), Detail: "the collection went away", Remedy: "try again"}
}

// collections returns all collections of the provider.
func (p *peer) collections(ctx context.Context) ([]dbus.ObjectPath, error) {
	var all dbus.Variant
	err := p.ask(ctx, propertiesIface+"Get", []any{"org.freedesktop.Secret.Service", "Collections"}, &all)
	if err != nil {
		return nil, err
	}
	paths, ok := all.Value().([]dbus.ObjectPath)
	if !ok {
		return nil, corrupt("the keyring does not say which collections it has")
	}
	return paths, nil
}

// on calls f with the provider that an object was found at, and refuses if that
// is not there any more: another one may have something else under the path.
func (c *Conn) on(ctx context.Context, owner string, f func(*peer) error) error {
	return c.with(ctx, func(p *peer) error {
		if p.name != owner {
			return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Detail: "the keyring was restarted meanwhile",
				Remedy: "look for the item again"}
		}
		return f(p)
	})
}
