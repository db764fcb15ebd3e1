package peer

import "net"

// Signatures: here it can be found out by whom a program was signed.
const Signatures = true

// userOf takes the user who began to listen, or who connected, as it was noted
// then.
func userOf(conn *net.UnixConn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	return socket{raw}.UID()
}
