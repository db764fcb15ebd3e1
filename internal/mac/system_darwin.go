package mac

import (
	"sync"

	"github.com/kinring/kinring/internal/secitem/framework"
	"github.com/kinring/kinring/store"
)

var system = sync.OnceValues(func() (*Program, error) {
	f, err := framework.Open()
	if err != nil {
		return nil, &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Err: err,
			Detail: "macOS's frameworks cannot be called", Remedy: "use macOS 12 or later"}
	}
	return New(f), nil
})
