//go:build unix

package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/store"
)

// firstPassed is the first descriptor that a service manager passes
// (sd_listen_fds(3)).
const firstPassed = 3

// Activated returns the socket that a service manager has made for this process,
// or nil if it made none. The variables that tell of it are removed, so that no
// child takes it for its own.
func Activated(ctx context.Context) (net.Listener, error) {
	pid, fds := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS")
	if pid != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if err := os.Unsetenv(name); err != nil {
			return nil, err
		}
	}
	if fds != "1" {
		return nil, activation(fmt.Sprintf("the service manager passed %q sockets", fds), nil)
	}
	f := os.NewFile(firstPassed, "socket")
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
		Remedy: "give the unit one ListenStream, as kinring serve --print-unit shows it"}
}
