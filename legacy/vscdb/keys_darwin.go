package vscdb

import (
	"github.com/kinring/kinring/legacy/loginkeychain"
	"github.com/kinring/kinring/legacy/safestorage"
)

// keysOf returns where the app keeps its key on this system.
func keysOf(app, _ string, _ safestorage.DPAPI) safestorage.Keys {
	return loginkeychain.SafeStorage{App: app}
}
