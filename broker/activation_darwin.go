package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/framework"
)

// activated is the name of the socket among an agent's Sockets (launchd.plist(5)).
const activated = "broker"

// Activated returns the socket that launchd has made for this process, or nil if
// it made none. It can be asked once.
func Activated(ctx context.Context) (net.Listener, error) {
	f, err := framework.Open()
	if err != nil {
		return nil, activation("macOS's frameworks cannot be called", err)
	}
	fds, err := f.ActivatedSockets(activated)
	switch {
	case errors.Is(err, syscall.ESRCH), errors.Is(err, syscall.ENOENT), errors.Is(err, secitem.ErrUnimplemented):
		return nil, nil // not launchd's, without a socket, or a system that makes none
	case err != nil:
		return nil, activation("launchd does not hand over its sockets", err)
	case len(fds) != 1:
		for _, fd := range fds {
			err = errors.Join(err, syscall.Close(fd))
		}
		return nil, activation(fmt.Sprintf("launchd passed %d sockets", len(fds)), err)
	}
	syscall.CloseOnExec(fds[0])
	return takeOver(ctx, os.NewFile(uintptr(fds[0]), "socket"))
}
