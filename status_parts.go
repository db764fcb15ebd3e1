package kinring

import (
	"context"
	"slices"
	"sync"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// parts is into how many parts the keys of a status are divided, and keysOfPart
// is how many keys are worth a part of their own.
const (
	parts      = 8
	keysOfPart = 4
)

// inParts is the engine's Status of keys, in parts at the same time: most of it is
// waiting for the answers of stores. A person is asked one thing after the other.
func (r *Ring) inParts(ctx context.Context, asking bool, keys []store.Key) ([]KeyStatus, error) {
	size := max(keysOfPart, (len(keys)+parts-1)/parts)
	if asking {
		size = max(1, len(keys))
	}
	divided := slices.Collect(slices.Chunk(keys, size))
	found := make([]coexist.Overview, len(divided))
	errs := make([]error, len(divided))
	var all sync.WaitGroup
	for i, part := range divided {
		all.Go(func() { found[i], errs[i] = r.engine.Status(ctx, asking, part...) })
	}
	all.Wait()
	var out []KeyStatus
	for i, err := range errs {
		if err != nil {
			return nil, err
		}
		out = append(out, found[i].Keys...)
	}
	return out, nil
}
