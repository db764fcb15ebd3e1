package broker

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/internal/filelock"
	"github.com/kinring/kinring/store"
)

// lockWait is how long a broker waits for another one that is about to end.
const lockWait = time.Second

// Listen makes the socket of a broker. Its directory is for the user alone before
// there is a socket in it, and is made so if it is missing. A file lock beside the
// socket keeps a second broker away, and lets what an ended one has left be taken
// away: nobody ever connects to find out whether somebody is there.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	l, err := listen(ctx, path)
	if err != nil {
		return nil, store.At(err, "listen", "broker", store.Key{})
	}
	return l, nil
}

func listen(ctx context.Context, path string) (net.Listener, error) {
	if err := client.CheckPath(path); err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := durable.MkdirAll(dir); err != nil {
			return nil, err
		}
	}
	if err := client.CheckSocketDir(dir); err != nil {
		return nil, err
	}
	lock, err := alone(ctx, path)
	if err != nil {
		return nil, err
	}
	l, err := bind(ctx, path)
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return &listener{l, lock}, nil
}

// alone takes the lock that the one broker of a socket holds.
func alone(ctx context.Context, path string) (*filelock.Lock, error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	lock, err := filelock.Acquire(ctx, path+".lock", filelock.Options{Mode: 0o600})
	if errors.Is(err, store.ErrTimedOut) {
		return nil, &store.Error{Class: store.ErrConflict, Detail: "another broker serves " + path, Remedy: "use that one, or end it: kinring serve stop"}
	}
	return lock, err
}

// bind makes the socket, where nothing is or what an ended broker left.
func bind(ctx context.Context, path string) (net.Listener, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode().Type() != fs.ModeSocket:
		return nil, &store.Error{Class: store.ErrDenied, Detail: path + " is there and is no socket", Remedy: "move it out of the way"}
	default:
		if err := client.CheckSocket(path); err != nil {
			return nil, err
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	config := net.ListenConfig{Control: narrow}
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, &store.Error{Class: store.ErrUnavailable, Detail: "the socket " + path + " cannot be made", Err: err, Remedy: "name another place"}
	}
	if err := os.Chmod(path, 0o600); err != nil { // where bind does not take the mode; nobody else gets into the directory
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// listener is a socket with the lock that goes with it.
type listener struct {
	net.Listener
	lock *filelock.Lock
}

// Close takes the socket away before the lock is given up, so that the next
// broker's is not taken away.
func (l *listener) Close() error {
	err := l.Listener.Close()
	if errors.Is(err, net.ErrClosed) {
		return err
	}
	return errors.Join(err, l.lock.Unlock())
}
