package broker

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Harden keeps what this process holds out of core dumps, and other processes of
// the user from reading its memory by /proc or a debugger (prctl(2),
// PR_SET_DUMPABLE).
func Harden() error {
	return errors.Join(
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}),
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0),
	)
}
