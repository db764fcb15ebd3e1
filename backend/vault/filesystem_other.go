//go:build !linux && !darwin && !windows

package vault

// networkFileSystem cannot tell here.
func networkFileSystem(string) (string, error) { return "", nil }
