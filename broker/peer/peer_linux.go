package peer

import (
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// process is a peer on Linux: SO_PEERCRED tells who connected (unix(7)), and
// SO_PEERPIDFD (Linux 6.5) or else the start time (proc_pid_stat(5), field 22) pins
// the process, so that another one with its number is not taken for it.
type process struct {
	id    Identity
	pidfd int // -1 if the kernel gives none
}

func of(conn *net.UnixConn) (Peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	pidfd, credErr := -1, error(nil)
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if n, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PEERPIDFD); err == nil {
			pidfd = n
		}
	})
	if err == nil {
		err = credErr
	}
	if err != nil {
		return nil, fmt.Errorf("asking who connected: %w", err)
	}
	p := &process{id: Identity{UID: int(cred.Uid), PID: int(cred.Pid)}, pidfd: pidfd}
	p.id.Started, p.id.Label = startTime(p.id.PID), label(p.id.PID)
	if err := p.Check(); err != nil {
		// What was read under the number may be another process's.
		p.id.Started, p.id.Label = "", ""
	}
	return p, nil
}

func (p *process) Identity() Identity { return p.id }

// Proves is false: on Linux whoever runs as the user may do what the user may, so
// that a process which became another program is nobody else.
func (*process) Proves() bool { return false }

// Prove is Check.
func (p *process) Prove() error { return p.Check() }

func (p *process) Check() error {
	if p.pidfd >= 0 {
		fds := []unix.PollFd{{Fd: int32(p.pidfd), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, 0); err == nil && n > 0 {
			return ErrGone
		}
		return nil
	}
	if now := startTime(p.id.PID); now == "" || now != p.id.Started {
		return ErrGone
	}
	return nil
}

func (p *process) Close() error {
	if p.pidfd < 0 {
		return nil
	}
	fd := p.pidfd
	p.pidfd = -1
	return unix.Close(fd)
}

// startTime returns field 22 of the process's stat, in clock ticks since the
// machine started. The name in field 2 may hold anything, so the fields are
// counted from its closing parenthesis.
func startTime(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}

// label returns the path of the executable. A process that may not be dumped hides
// it.
func label(pid int) string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return ""
	}
	return path
}
