package secretservice

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/store"
)

// TestFailureClasses (I4, I9): what each error of a call means. Only an object that
// is gone is not found, and a write that nobody answered is never said to have
// failed.
func TestFailureClasses(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	const (
		other = "org.freedesktop.DBus.Error.Failed"
		busy  = "org.freedesktop.DBus.Error.LimitsExceeded" // of the bus: too many calls at once
	)
	for _, c := range []struct {
		err         error
		read, write error
	}{
		{dbus.Error{Name: isLocked}, store.ErrLocked, store.ErrLocked},
		{dbus.Error{Name: noSession}, store.ErrUnavailable, store.ErrUnavailable},
		{dbus.Error{Name: noSuchObject}, store.ErrNotFound, store.ErrNotFound},
		{dbus.Error{Name: unknownObject}, store.ErrNotFound, store.ErrNotFound},
		{dbus.Error{Name: unknownMethod}, store.ErrNotFound, store.ErrNotFound},
		{dbus.Error{Name: serviceUnknown}, store.ErrNoService, store.ErrNoService},
		{dbus.Error{Name: nameHasNoOwner}, store.ErrNoService, store.ErrNoService},
		{dbus.Error{Name: noReply}, store.ErrNoService, store.ErrOutcomeUnknown},
		{dbus.Error{Name: timeout}, store.ErrNoService, store.ErrOutcomeUnknown},
		{dbus.Error{Name: timedOut}, store.ErrNoService, store.ErrOutcomeUnknown},
		{dbus.Error{Name: disconnected}, store.ErrNoService, store.ErrOutcomeUnknown},
		{dbus.Error{Name: accessDenied}, store.ErrDenied, store.ErrDenied},
		{dbus.Error{Name: notSupported}, store.ErrUnsupported, store.ErrUnsupported},
		{dbus.Error{Name: busy}, store.ErrOutOfReach, store.ErrOutOfReach},
		{dbus.Error{Name: other}, store.ErrOutOfReach, store.ErrOutOfReach},
		{io.EOF, store.ErrNoService, store.ErrOutcomeUnknown},
		{dbus.ErrClosed, store.ErrNoService, store.ErrOutcomeUnknown},
		{context.DeadlineExceeded, store.ErrTimedOut, store.ErrOutcomeUnknown},
	} {
		wantClass(t, "a read that fails with "+c.err.Error(), failure(t.Context(), reads, c.err), c.read)
		wantClass(t, "a write that fails with "+c.err.Error(), failure(t.Context(), writes, c.err), c.write)
		broken := errors.Is(c.err, io.EOF) || errors.Is(c.err, dbus.ErrClosed)
		if got := errors.Is(failure(t.Context(), reads, c.err), errBroken); got != broken {
			t.Errorf("%v: the connection is said to be broken: %v", c.err, got)
		}
	}
	wantClass(t, "a read that is given up", failure(over, reads, context.Canceled), store.ErrCancelled)
	wantClass(t, "a write that is given up", failure(over, writes, context.Canceled), store.ErrOutcomeUnknown)
}
