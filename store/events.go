package store

import "context"

// Watcher is implemented by stores that tell of changes, also of those that
// other processes make; their Capabilities say Events.
type Watcher interface {
	// Watch calls changed for each key that may have been written or deleted,
	// until the context ends, and then returns nil. It calls changed with the zero
	// Key once it is in place, and whenever it cannot tell which keys changed: then
	// any may have. Calls to changed come one after the other and must not block.
	Watch(ctx context.Context, changed func(Key)) error
}
