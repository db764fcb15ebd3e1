//go:build !darwin

package mac

import (
	"runtime"

	"github.com/kinring/kinring/store"
)

func system() (*Program, error) {
	return nil, &store.Error{Class: store.ErrUnavailable, Reason: store.ErrAbsentByDesign,
		Detail: "there is no keychain on " + runtime.GOOS, Remedy: "use another store"}
}
