//go:build !linux

package vault

import "time"

func holdKey(string, []byte, time.Duration) error { return noHolder(nil) }

func heldKey(string) ([]byte, error) { return nil, noHolder(nil) }

func dropKey(string) (bool, error) { return false, noHolder(nil) }
