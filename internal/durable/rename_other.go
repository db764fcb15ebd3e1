//go:build unix && !linux && !darwin

package durable

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameNoReplace fails: these systems have no rename that does not replace.
func renameNoReplace(from, to string) error {
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: unix.ENOTSUP}
}
