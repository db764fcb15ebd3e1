package explorer

import (
	"context"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// leases hands out the two leases of the model. There is one key: a lease on any
// other is the turn to write to its legacy sources.
type leases struct{ p *process }

func (l leases) Hold(ctx context.Context, key store.Key) (coexist.Lease, error) {
	slot := uint8(theTurn)
	if key == mainKey {
		slot = theLease
	}
	a := l.p.do(ctx, call{verb: verbHold, slot: slot})
	if a.kind() != ansHeld {
		return nil, failure(a)
	}
	return &lease{p: l.p, slot: slot, interrupted: a.number() != 0}, nil
}

type lease struct {
	p           *process
	slot        uint8
	interrupted bool
	over        bool
}

func (l *lease) Interrupted() bool { return l.interrupted }

// Begin and Release do not end with the operation's context: they are about a
// file that is there already.

func (l *lease) Begin() error { return l.tell(verbBegin) }

func (l *lease) Release() error { return l.end(verbRelease) }

func (l *lease) Leave() error { return l.end(verbLeave) }

func (l *lease) end(v verb) error {
	if l.over {
		return nil
	}
	l.over = true
	return l.tell(v)
}

func (l *lease) tell(v verb) error {
	if a := l.p.do(l.p.anyway(), call{verb: v, slot: l.slot}); a.kind() != ansDone {
		return failure(a)
	}
	return nil
}

// grace is the context in which a result is saved after all.
func (p *process) grace(context.Context) (context.Context, context.CancelFunc) {
	return p.anyway(), func() {}
}
