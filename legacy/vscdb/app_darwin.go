package vscdb

import (
	"time"

	"golang.org/x/sys/unix"
)

// startOf returns when a process began.
func startOf(pid int) (time.Time, bool) {
	p, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(p.Proc.P_starttime.Unix()), true
}
