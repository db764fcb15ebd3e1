//go:build !linux && !darwin

package vault

import (
	"context"

	"github.com/kinring/kinring/store"
)

// watches: Windows tells of writes to a file when it is closed, which is too late.
const watches = false

// Watch is unsupported here: whoever wants to know polls.
func (s *vaultStore) Watch(context.Context, func(store.Key)) error {
	return &store.Error{Class: store.ErrUnsupported, Op: "watch", Store: kind, Detail: "this system does not tell of writes to a vault",
		Remedy: "poll it"}
}
