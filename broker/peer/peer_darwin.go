package peer

import (
	"bytes"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/framework"
)

func of(conn *net.UnixConn) (Peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	codes, err := framework.Open()
	if err != nil {
		return nil, fmt.Errorf("macOS's frameworks cannot be called: %w", err)
	}
	return identify(socket{raw}, codes, label)
}

// socket asks the kernel (sys/un.h).
type socket struct{ syscall.RawConn }

func (s socket) UID() (uid int, err error) {
	e := s.Control(func(fd uintptr) {
		var cred *unix.Xucred
		if cred, err = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED); err == nil {
			uid = int(cred.Uid)
		}
	})
	if e != nil {
		err = e
	}
	return uid, err
}

// Token reads eight numbers. The call is meant for another option whose value has
// the same form: a string's, the only other one of 32 bytes, ends at the first zero.
func (s socket) Token() (t secitem.AuditToken, err error) {
	e := s.Control(func(fd uintptr) {
		var value *unix.ICMPv6Filter
		if value, err = unix.GetsockoptICMPv6Filter(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERTOKEN); err == nil {
			t = secitem.NewAuditToken(value.Filt)
		}
	})
	if e != nil {
		err = e
	}
	return t, err
}

// label returns the path of the executable: it stands after the number of
// arguments, which has four bytes (sys/sysctl.h, KERN_PROCARGS2).
func label(pid int) string {
	const count = 4
	found, err := unix.SysctlRaw("kern.procargs2", pid)
	if err != nil || len(found) < count {
		return ""
	}
	path, _, _ := bytes.Cut(found[count:], []byte{0})
	return string(path)
}
