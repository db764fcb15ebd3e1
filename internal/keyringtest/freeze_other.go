//go:build !unix

package keyringtest

import "testing"

// Freeze skips the test.
func (k *GNOME) Freeze(t testing.TB) (thaw func()) {
	t.Helper()
	t.Skip("this system cannot stop a process")
	return nil
}

// Freeze skips the test.
func (k *KWallet) Freeze(t testing.TB) (thaw func()) {
	t.Helper()
	t.Skip("this system cannot stop a process")
	return nil
}
