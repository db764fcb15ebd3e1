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

// overview is the engine's Status, in parts at the same time: most of it is waiting
// for the answers of stores.
func (r *Ring) overview(ctx context.Context, keys []store.Key) (coexist.Overview, error) {
	var out coexist.Overview
	if len(keys) == 0 {
		l, _ := r.engine.Names(ctx) // what could not be named is in the listing
		out.Incomplete = l.Incomplete
		for _, k := range l.Keys {
			keys = append(keys, k.Key)
		}
	}
	if len(keys) == 0 {
		return out, nil
	}
	divided := slices.Collect(slices.Chunk(keys, max(keysOfPart, (len(keys)+parts-1)/parts)))
	found := make([]coexist.Overview, len(divided))
	errs := make([]error, len(divided))
	var all sync.WaitGroup
	for i, part := range divided {
		all.Go(func() { found[i], errs[i] = r.engine.Status(ctx, false, part...) })
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			return coexist.Overview{}, err
		}
		out.Keys = append(out.Keys, found[i].Keys...)
	}
	return out, nil
}
