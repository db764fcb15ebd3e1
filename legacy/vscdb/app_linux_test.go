package vscdb

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAppIsTooBusyToAnswer: an app that takes no connection at the moment is there
// all the same.
func TestAppIsTooBusyToAnswer(t *testing.T) {
	h := newHome(t)
	path := filepath.Join(h.dir, "1.99-main.sock")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for range 4 { // until nobody else is let in
		conn, err := (&net.Dialer{}).DialContext(context.Background(), "unix", path)
		if err != nil {
			break
		}
		defer conn.Close()
	}
	if why := h.app().running(t.Context()); !strings.Contains(why, path) {
		t.Errorf("an app that takes no connection: %q", why)
	}
}
