//go:build !linux && !darwin && !windows

package vscdb

import "github.com/kinring/kinring/legacy/safestorage"

// keysOf returns nothing: the app does not come to this system.
func keysOf(_, _ string, _ safestorage.DPAPI) safestorage.Keys { return nil }
