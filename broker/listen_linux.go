package broker

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// narrow gives the socket its mode before it has a name: bind takes it over
// (net/unix/af_unix.c, unix_bind_bsd).
func narrow(_, _ string, raw syscall.RawConn) error {
	var err error
	if e := raw.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) }); e != nil {
		return e
	}
	return err
}
