//go:build !linux

package main

// hasKernelKeyring: only Linux has one.
func hasKernelKeyring() bool { return false }
