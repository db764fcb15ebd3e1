// Package peer finds out who is at the other end of a local socket: from the
// kernel, and where a platform binds identity to code, from the code's signature.
// It says who, and not what they may do.
package peer

import (
	"errors"
	"net"
)

// Identity is who is at the other end.
type Identity struct {
	UID int
	PID int
	// Started tells this process apart from others that had or get its number;
	// empty if the platform does not tell.
	Started string
	// Label is the path of the executable, as far as it can be seen. It may be
	// empty, and proves nothing.
	Label string
	// Team and Identifier are from the code's signature, where the platform has
	// checked it.
	Team, Identifier string
	// Unproven says why they are empty, where the platform would have checked a
	// signature.
	Unproven string
	// Inherited: whoever started this program gave it the connection.
	Inherited bool
}

// Process names the process for bookkeeping, so that one that ended and one that
// got its number do not share a limit.
func (i Identity) Process() string { return key(i.PID) + " " + i.Started }

func key(n int) string {
	if n == 0 {
		return "-"
	}
	var b [20]byte
	p := len(b)
	for ; n > 0; n /= 10 {
		p--
		b[p] = byte('0' + n%10)
	}
	return string(b[p:])
}

// Peer is an identified end of a connection. Close it with the connection.
type Peer interface {
	Identity() Identity
	// Check looks again and fails unless the same process is still there, and where
	// Proves is true, with the same program.
	Check() error
	// Proves reports whether the platform asks for the exchange of a nonce, because
	// who is there can change under an open connection. If so, Prove is called after
	// the nonce has come back, and Check after each message and before it is acted on.
	Proves() bool
	// Prove is a Check that also looks at the program's code again.
	Prove() error
	Close() error
}

// ErrGone says that the process at the other end has ended or become another.
var ErrGone = errors.New("the program at the other end is no longer the one that connected")

// errNotUnix says that a connection is of another kind.
var errNotUnix = errors.New("only local sockets tell who is at the other end")

// Of identifies the other end of a local socket.
func Of(conn net.Conn) (Peer, error) {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, errNotUnix
	}
	return of(u)
}

// Parent is the peer of a program whose connection is its standard input and
// output: whoever started it, as the same user.
func Parent(uid, pid int) Peer {
	return inherited{Identity{UID: uid, PID: pid, Inherited: true}}
}

type inherited struct{ id Identity }

func (p inherited) Identity() Identity { return p.id }
func (inherited) Check() error         { return nil }
func (inherited) Proves() bool         { return false }
func (inherited) Prove() error         { return nil }
func (inherited) Close() error         { return nil }
