package main

import "golang.org/x/sys/unix"

// hasKernelKeyring reports whether this kernel, or container, keeps keys.
func hasKernelKeyring() bool {
	_, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true)
	return err == nil
}
