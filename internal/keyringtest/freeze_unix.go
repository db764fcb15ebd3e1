//go:build unix

package keyringtest

import (
	"syscall"
	"testing"
)

// Freeze stops the daemon from answering until thaw is called.
func (d daemon) Freeze(t testing.TB) (thaw func()) {
	t.Helper()
	d.signal(t, syscall.SIGSTOP)
	return func() { d.signal(t, syscall.SIGCONT) }
}
