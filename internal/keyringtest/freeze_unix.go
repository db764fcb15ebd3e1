//go:build unix

package keyringtest

import (
	"syscall"
	"testing"
)

// Freeze stops the daemon from answering until thaw is called.
func (k *GNOME) Freeze(t testing.TB) (thaw func()) {
	t.Helper()
	k.daemon.signal(t, syscall.SIGSTOP)
	return func() { k.daemon.signal(t, syscall.SIGCONT) }
}

// Freeze stops the daemon from answering until thaw is called.
func (k *KWallet) Freeze(t testing.TB) (thaw func()) {
	t.Helper()
	k.daemon.signal(t, syscall.SIGSTOP)
	return func() { k.daemon.signal(t, syscall.SIGCONT) }
}
