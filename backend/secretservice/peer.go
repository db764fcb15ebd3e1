package secretservice

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/store"
)

// peer is one running provider, from the moment when it took the name until it
// ends. Its sessions end with it.
type peer struct {
	link *link
	name string // unique on the bus and never given out again
	turn turn   // who agrees on a key
	open *session

	named    sync.Mutex
	provider string // which of the known ones it is, once that was asked
}

// broker is the message bus itself.
func (l *link) broker() target {
	return target{l, "org.freedesktop.DBus", "/org/freedesktop/DBus"}
}

// identity returns the bus's own name, which no other bus ever has.
func (l *link) identity(ctx context.Context) (string, error) {
	l.mu.Lock()
	id := l.id
	l.mu.Unlock()
	if id != "" {
		return id, nil
	}
	if err := l.broker().call(ctx, reads, busIface+"GetId", nil, &id); err != nil {
		return "", err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.id = id
	return id, nil
}

// provider returns who owns the name.
func (l *link) provider(ctx context.Context) (*peer, error) {
	if err := l.turn.take(ctx); err != nil {
		return nil, err
	}
	defer l.turn.give()
	l.mu.Lock()
	p := l.peer
	l.mu.Unlock()
	if p != nil {
		return p, nil
	}
	var name string
	if err := l.broker().call(ctx, reads, busIface+"GetNameOwner", []any{serviceName}, &name); err != nil {
		return nil, err
	}
	p = &peer{link: l, name: name, turn: newTurn()}
	l.mu.Lock()
	l.peer = p
	l.mu.Unlock()
	return p, nil
}

// forget makes the next call look for the provider again.
func (l *link) forget(p *peer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.peer == p {
		l.peer = nil
	}
}

// present asks the bus whether the provider is still the one.
func (p *peer) present(ctx context.Context) error {
	var name string
	err := p.link.broker().call(ctx, reads, busIface+"GetNameOwner", []any{serviceName}, &name)
	if err == nil && name != p.name {
		p.link.forget(p)
	}
	return err
}

// Pauses before a service that answers like none is asked again.
const (
	notYet      = 5 * time.Millisecond
	mostNotYets = 40
)

// ask makes a call to the service itself that changes nothing. gnome-keyring now
// and then answers a program's first call as if it had no such method, because it
// has not yet noted that the program is there. That is no absence of anything.
func (p *peer) ask(ctx context.Context, method string, args []any, out ...any) error {
	var err error
	for range mostNotYets {
		if err = p.at(servicePath).call(ctx, reads, method, args, out...); !errors.Is(err, store.ErrNotFound) {
			return err
		}
		pause(ctx, notYet)
	}
	return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrOutOfReach, Native: native(err), Err: err,
		Detail: "the keyring does not serve this program", Remedy: "restart the keyring"}
}

// at returns an object of the provider.
func (p *peer) at(path dbus.ObjectPath) target { return target{p.link, p.name, path} }

// mostAgreements is how many agreements are made for one session: one in sixty
// is refused, and never so many in a row.
const mostAgreements = 8

// session returns the encrypted session, which it opens if there is none.
func (p *peer) session(ctx context.Context) (*session, error) {
	if err := p.turn.take(ctx); err != nil {
		return nil, err
	}
	defer p.turn.give()
	for n := 0; p.open == nil; n++ {
		if n == mostAgreements {
			return nil, corrupt("the keyring sends public numbers that no key can be made from")
		}
		var err error
		if p.open, err = p.agree(ctx); err != nil {
			return nil, err
		}
	}
	return p.open, nil
}

// agree opens a session; nil if its key is not sure.
func (p *peer) agree(ctx context.Context) (*session, error) {
	ours, err := newAgreement()
	if err != nil {
		return nil, err
	}
	var output dbus.Variant
	var path dbus.ObjectPath
	err = p.ask(ctx, serviceIface+"OpenSession", []any{algorithm, dbus.MakeVariant(ours.public())}, &output, &path)
	if err != nil {
		return nil, err
	}
	theirs, ok := output.Value().([]byte)
	if !ok {
		return nil, corrupt("the keyring sends no public number")
	}
	key, sure, err := ours.key(theirs)
	if err != nil {
		return nil, err
	}
	if !sure {
		p.at(path).post(sessionIface + "Close")
		return nil, nil
	}
	return &session{path, key}, nil
}

// drop makes the next call agree on a new session.
func (p *peer) drop(ctx context.Context, s *session) {
	if p.turn.take(ctx) != nil {
		return
	}
	defer p.turn.give()
	if p.open == s {
		p.open = nil
	}
}

// inSession calls f with the session, and once more with a new one if the
// provider does not know it: then nothing has happened.
func (p *peer) inSession(ctx context.Context, f func(*session) error) error {
	for again := false; ; again = true {
		s, err := p.session(ctx)
		if err != nil {
			return err
		}
		if err = f(s); again || native(err) != noSession {
			return err
		}
		p.drop(ctx, s)
	}
}

// gnome is the provider that searches what is locked, by digests.
const gnome = "gnome-keyring"

// kwallet is KDE's, and keepassxc that of the password manager.
const (
	kwallet   = "kwallet"
	keepassxc = "keepassxc"
)

// providers are the names that the known providers own beside the API's.
var providers = []struct{ name, provider string }{
	{"org.gnome.keyring", gnome},
	{"org.kde.kwalletd5", kwallet},
	{"org.kde.kwalletd6", kwallet},
	{"org.keepassxc.KeePassXC.MainWindow", keepassxc},
}

// kind returns which of the known providers it is, or "other".
func (p *peer) kind(ctx context.Context) (string, error) {
	p.named.Lock()
	kind := p.provider
	p.named.Unlock()
	if kind != "" {
		return kind, nil
	}
	kind, err := p.askKind(ctx)
	if err == nil {
		p.named.Lock()
		p.provider = kind
		p.named.Unlock()
	}
	return kind, err
}

func (p *peer) askKind(ctx context.Context) (string, error) {
	for _, known := range providers {
		var owner string
		err := p.link.broker().call(ctx, reads, busIface+"GetNameOwner", []any{known.name}, &owner)
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrNoService) {
			return "", err
		}
		if owner == p.name {
			return known.provider, nil
		}
	}
	return "other", nil
}
