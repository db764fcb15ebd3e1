//go:build unix

package broker

import (
	"context"
	"errors"
	"net"
	"os"

	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/store"
)

// takeOver makes a listener of the one socket that a service manager has made for
// this process. It has to be as private as one of the broker's own.
func takeOver(ctx context.Context, f *os.File) (net.Listener, error) {
	l, err := net.FileListener(f)
	err = errors.Join(err, f.Close()) // the listener has a copy
	if err != nil {
		return nil, activation("what the service manager passed is no socket that listens", err)
	}
	u, ok := l.(*net.UnixListener)
	if !ok {
		return nil, errors.Join(activation("the service manager passed a socket of another kind", nil), l.Close())
	}
	u.SetUnlinkOnClose(false) // the service manager's
	path := u.Addr().String()
	if err := client.CheckSocket(path); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	lock, err := alone(ctx, path)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &listener{l, lock}, nil
}

func activation(what string, cause error) error {
	return &store.Error{Class: store.ErrInvalid, Op: "listen", Store: "broker", Detail: what, Err: cause,
		Remedy: "give the unit one socket, as kinring serve --print-unit shows it"}
}
