package vscdb

import (
	"github.com/kinring/kinring/legacy/safestorage"
	"github.com/kinring/kinring/legacy/safestorage/keyring"
)

// keysOf returns where the app keeps its keys on this system. Each system has a
// file of its own, so that a program links the libraries of its own system only.
func keysOf(app, _ string, _ safestorage.DPAPI) safestorage.Keys { return keyring.Keys{App: app} }
