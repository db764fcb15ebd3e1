//go:build !windows

package safestorage

// SystemDPAPI returns nil: DPAPI is a part of Windows.
func SystemDPAPI() DPAPI { return nil }
