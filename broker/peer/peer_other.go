//go:build !linux && !darwin

package peer

import "net"

func of(*net.UnixConn) (Peer, error) { return nil, errNotUnix }
