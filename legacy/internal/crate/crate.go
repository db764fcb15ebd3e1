// Package crate says where the Rust crate keyring files its items, for layouts of
// programs that use it and add something of their own.
package crate

import (
	"fmt"
	"runtime"

	"github.com/kinring/kinring/store"
)

// layouts name the crate's layout on a system: in the desktop's keyring, and in
// the login keychain of a Mac.
var layouts = map[string]string{"linux": "rustkeyring", "darwin": "mackeyring"}

// Layout returns the crate's layout on this system. It is ErrUnsupported where
// this version knows none, and whatever store.LayoutFor says of one that the
// program does not link.
func Layout() (store.Layout, error) { return LayoutOn(runtime.GOOS) }

// LayoutOn is Layout on another system.
func LayoutOn(system string) (store.Layout, error) {
	name, known := layouts[system]
	if !known {
		return nil, &store.Error{Class: store.ErrUnsupported, Op: "open", Detail: fmt.Sprintf("where the keyring crate files its items on %s is not known to this version", system),
			Remedy: "leave the source out here"}
	}
	return store.LayoutFor(name)
}
