package peer

import "net"

// UserOf returns which user runs the program at the other end of a local socket. It
// is for clients, which ask nothing else of a broker, and costs a tenth of Of.
func UserOf(conn net.Conn) (uid int, err error) {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return -1, errNotUnix
	}
	return userOf(u)
}
