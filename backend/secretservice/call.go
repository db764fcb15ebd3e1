package secretservice

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/store"
)

// callLimit ends a call that nobody limits otherwise. It is libdbus's default:
// a provider that takes longer has failed every other program as well.
const callLimit = 25 * time.Second

// effect says what an unanswered call may have done.
type effect bool

const (
	reads  effect = false
	writes effect = true
)

// target is an object of one program on the bus, by the program's unique name:
// no other program ever answers for it, and none is started.
type target struct {
	link *link
	name string
	path dbus.ObjectPath
}

// call makes one call and stores what it returns in out.
func (t target) call(ctx context.Context, e effect, method string, args []any, out ...any) error {
	if err := store.FromContext(ctx); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	reply := t.send(limited, method, dbus.FlagNoAutoStart, args)
	if reply.Err != nil {
		return failure(ctx, e, reply.Err)
	}
	if len(out) == 0 {
		return nil
	}
	if err := reply.Store(out...); err != nil {
		return &store.Error{Class: store.ErrCorrupt, Err: err, Detail: "the keyring answers otherwise than the API says",
			Native: method, Remedy: "update the keyring"}
	}
	return nil
}

// send makes a call as long as the context lives. It may be left behind: to
// write to a bus that reads no more blocks, and cannot be called off.
func (t target) send(ctx context.Context, method string, flags dbus.Flags, args []any) *dbus.Call {
	answered := make(chan *dbus.Call, 1)
	go func() { answered <- t.link.bus.Object(t.name, t.path).CallWithContext(ctx, method, flags, args...) }()
	select {
	case reply := <-answered:
		return reply
	case <-ctx.Done():
		return &dbus.Call{Err: ctx.Err()}
	}
}

// post makes a call whose answer does not matter.
func (t target) post(method string, args ...any) {
	go t.link.bus.Object(t.name, t.path).Call(method, dbus.FlagNoAutoStart|dbus.FlagNoReplyExpected, args...)
}

// native returns the D-Bus name of an error, or nothing.
func native(err error) string {
	var e dbus.Error
	if errors.As(err, &e) {
		return e.Name
	}
	var own *store.Error
	if errors.As(err, &own) {
		return own.Native
	}
	return ""
}

// Names of errors. The first group is the API's, the second the bus's.
const (
	isLocked      = "org.freedesktop.Secret.Error.IsLocked"
	noSession     = "org.freedesktop.Secret.Error.NoSession"
	noSuchObject  = "org.freedesktop.Secret.Error.NoSuchObject"
	unknownObject = "org.freedesktop.DBus.Error.UnknownObject"
	unknownMethod = "org.freedesktop.DBus.Error.UnknownMethod"

	serviceUnknown = "org.freedesktop.DBus.Error.ServiceUnknown"
	nameHasNoOwner = "org.freedesktop.DBus.Error.NameHasNoOwner"
	noReply        = "org.freedesktop.DBus.Error.NoReply"
	timeout        = "org.freedesktop.DBus.Error.Timeout"
	timedOut       = "org.freedesktop.DBus.Error.TimedOut"
	disconnected   = "org.freedesktop.DBus.Error.Disconnected"
	accessDenied   = "org.freedesktop.DBus.Error.AccessDenied"
	notSupported   = "org.freedesktop.DBus.Error.NotSupported"
)

// failure gives an error of a call its class. An error that the provider itself
// sent means that it did not do what it was asked to.
func failure(ctx context.Context, e effect, err error) error {
	name := native(err)
	out := &store.Error{Native: name, Err: err}
	switch name {
	case isLocked:
		return locked(err)
	case noSuchObject, unknownObject, unknownMethod:
		out.Class, out.Detail, out.Remedy = store.ErrNotFound, "the keyring has no such object any more", "look for it again"
	case noSession:
		out.Class, out.Reason, out.Detail, out.Remedy = store.ErrUnavailable, store.ErrNoService, "the keyring has forgotten the session", "try again"
	case serviceUnknown, nameHasNoOwner:
		return gone(err)
	case accessDenied:
		out.Class, out.Detail, out.Remedy = store.ErrDenied, "the bus or the keyring refuses this program", "let the program talk to "+serviceName
	case notSupported:
		out.Class, out.Detail, out.Remedy = store.ErrUnsupported, "the keyring cannot do this", "use another keyring"
	case "", noReply, timeout, timedOut, disconnected:
		return unanswered(ctx, e, err)
	default:
		out.Class, out.Reason, out.Detail, out.Remedy = store.ErrUnavailable, store.ErrOutOfReach, "the keyring failed", "see the keyring's own log"
	}
	return out
}

// locked says that a person has to unlock something.
func locked(err error) error {
	return &store.Error{Class: store.ErrLocked, Native: native(err), Err: err, Detail: "the keyring is locked",
		Remedy: "unlock the keyring, for example by signing in to the desktop"}
}

// hiding says that a collection is locked, so that nobody knows what is in it.
func hiding(collection dbus.ObjectPath) error {
	return &store.Error{Class: store.ErrLocked, Detail: "the keyring's collection " + path.Base(string(collection)) + " is locked and may hide it",
		Remedy: "unlock it, for example by signing in to the desktop"}
}

// gone says that the provider was not there to be asked.
func gone(err error) error {
	return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Native: native(err), Err: err,
		Detail: "nobody serves the keyring on the session bus",
		Remedy: "start a keyring, such as gnome-keyring, KWallet or KeePassXC with its Secret Service enabled"}
}

// errBroken says that the connection to the bus broke.
var errBroken = errors.New("the connection broke")

// unanswered classifies a call that was sent and got no answer.
func unanswered(ctx context.Context, e effect, err error) error {
	if e == writes {
		return unknown(err)
	}
	ended := store.FromContext(ctx)
	if ended != nil && !errors.Is(ended, store.ErrTimedOut) {
		return ended
	}
	if ended != nil || errors.Is(err, context.DeadlineExceeded) {
		return &store.Error{Class: store.ErrTimedOut, Err: err, Detail: "the keyring does not answer", Remedy: "give it more time, or restart it"}
	}
	out := &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Native: native(err), Err: err,
		Detail: "the keyring went away", Remedy: "try again"}
	if out.Native == "" { // what a program on the bus sends has a name
		out.Err = fmt.Errorf("%w: %w", errBroken, err)
	}
	return out
}

func unknown(err error) error {
	return &store.Error{Class: store.ErrOutcomeUnknown, Native: native(err), Err: err,
		Detail: "the keyring was told and did not answer", Remedy: "look whether it took place"}
}
