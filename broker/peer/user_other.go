//go:build !linux && !darwin

package peer

import "net"

func userOf(conn *net.UnixConn) (int, error) {
	p, err := of(conn)
	if err != nil {
		return -1, err
	}
	return p.Identity().UID, p.Close()
}
