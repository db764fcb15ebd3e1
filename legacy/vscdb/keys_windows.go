package vscdb

import (
	"path/filepath"

	"github.com/kinring/kinring/legacy/safestorage"
)

// keysOf returns where the app keeps its key on this system.
func keysOf(_, userData string, dpapi safestorage.DPAPI) safestorage.Keys {
	return safestorage.LocalState{Path: filepath.Join(userData, "Local State"), DPAPI: dpapi}
}
