//go:build !unix

package keyringtest

import "testing"

// Freeze skips the test.
func (daemon) Freeze(t testing.TB) (thaw func()) {
	t.Helper()
	t.Skip("this system cannot stop a process")
	return nil
}
