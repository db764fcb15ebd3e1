package peer

import (
	"cmp"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

func userOf(conn *net.UnixConn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	var cred *unix.Ucred
	var credErr error
	err = raw.Control(func(fd uintptr) { cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := cmp.Or(err, credErr); err != nil {
		return -1, fmt.Errorf("asking who is there: %w", err)
	}
	return int(cred.Uid), nil
}
