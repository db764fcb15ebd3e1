package mac

import (
	"sync"

	"github.com/kinring/kinring/store"
)

// System returns this process on this Mac.
func System() (*Program, error) { return system() }

var system = sync.OnceValues(func() (*Program, error) {
	return nil, &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Detail: "this build cannot call macOS's frameworks"}
})
