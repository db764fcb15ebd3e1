//go:build unix && !linux && !darwin

package vscdb

import "time"

// startOf says that it is not known when a process began.
func startOf(int) (time.Time, bool) { return time.Time{}, false }
