//go:build unix && !linux

package broker

import "golang.org/x/sys/unix"

// Harden keeps what this process holds out of core dumps.
func Harden() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }
