//go:build unix && !darwin

package broker

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
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
	return takeOver(ctx, os.NewFile(firstPassed, "socket"))
}
