//go:build !linux

package main

import "context"

// platformStore returns nothing: this build knows no keyring of the system.
func platformStore(context.Context) (kind, why string, err error) {
	return "", "it is the only store in this build that keeps secrets", nil
}
