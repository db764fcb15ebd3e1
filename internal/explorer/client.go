package explorer

import (
	"context"
	"strconv"
	"strings"

	"github.com/kinring/kinring/store"
)

// client is a store as a process sees it: each call becomes a scheduling point.
type client struct {
	p     *process
	store uint8
	caps  store.Capabilities
	newer bool // the process is of a later version and writes its own records
}

// keyingClient is a client of a store that derives fingerprint keys.
type keyingClient struct{ client }

// FingerprintKey returns the same secret to every process. It is no scheduling
// point, because it depends on nothing that changes.
func (keyingClient) FingerprintKey(context.Context) ([]byte, error) {
	return []byte(strings.Repeat("k", 32)), nil
}

func (c client) Info() store.Info {
	return store.Info{Kind: "model", ID: "model", Capabilities: c.caps}
}

func (c client) Close() error { return nil }

func (c client) Get(ctx context.Context, key store.Key) (store.Item, error) {
	a := c.p.do(ctx, call{verb: verbGet, store: c.store, slot: c.p.slots.slot(key)})
	if a.kind() != ansItem {
		return store.Item{}, failure(a)
	}
	return c.incoming(c.p.decode(itemID(a.number()))), nil
}

func (c client) Put(ctx context.Context, key store.Key, i store.Item, when store.Condition) (store.Revision, error) {
	rev := c.p.revise()
	put := call{verb: verbPut, store: c.store, slot: c.p.slots.slot(key), item: c.p.encode(c.outgoing(i), rev)}
	put.cond, put.rev = conditionOf(when)
	if a := c.p.do(ctx, put); a.kind() != ansDone {
		return "", failure(a)
	}
	return rev.text(), nil
}

func (c client) Delete(ctx context.Context, key store.Key, when store.Condition) error {
	c.p.revise()
	del := call{verb: verbDelete, store: c.store, slot: c.p.slots.slot(key)}
	del.cond, del.rev = conditionOf(when)
	if a := c.p.do(ctx, del); a.kind() != ansDone {
		return failure(a)
	}
	return nil
}

func (c client) List(ctx context.Context, service string) ([]store.Entry, error) {
	a := c.p.do(ctx, call{verb: verbList, store: c.store})
	if a.kind() != ansList {
		return nil, failure(a)
	}
	var entries []store.Entry
	for slot, id := range c.p.lists[a.number()] {
		if id == 0 || service != "" && c.p.slots.keys[slot].Service != service {
			continue
		}
		i := c.incoming(c.p.decode(id))
		entries = append(entries, store.Entry{Key: c.p.slots.keys[slot], Record: i.Record, Revision: i.Revision})
	}
	return entries, nil
}

// active asks the older build's configuration whether it uses the source. That it
// uses a later one depends on nothing, so only the first can fail to tell.
func (c client) active(ctx context.Context) (bool, error) {
	if c.store != firstLegacy {
		return true, nil
	}
	if a := c.p.do(ctx, call{verb: verbActive, store: c.store}); a.kind() != ansDone {
		return false, failure(a)
	}
	return false, nil
}

// stamp is the prompt-free stamp of a source.
func (c client) stamp(ctx context.Context, key store.Key) (string, error) {
	a := c.p.do(ctx, call{verb: verbStamp, store: c.store, slot: c.p.slots.slot(key)})
	if a.kind() != ansStamp {
		return "", failure(a)
	}
	return "s" + strconv.Itoa(int(a.number())), nil
}

// The records of a later version, as the current one sees them: a head that it
// knows, and a text that it keeps. The process of that version reads all of it.
const laterHead = "kr2;"

func (c client) outgoing(i store.Item) store.Item {
	if text := i.Record.String(); c.newer && strings.HasPrefix(text, "kr1;") {
		i.Record, _ = store.ParseRecord(laterHead + strings.TrimPrefix(text, "kr1;"))
	}
	return i
}

func (c client) incoming(i store.Item) store.Item {
	if text := i.Record.String(); c.newer && strings.HasPrefix(text, laterHead) {
		i.Record, _ = store.ParseRecord("kr1;" + strings.TrimPrefix(text, laterHead))
	}
	return i
}

func conditionOf(w store.Condition) (cond, revision) {
	if w.IsAbsent() {
		return condAbsent, 0
	}
	rev, match := w.Revision()
	if !match {
		return condAny, 0
	}
	return condMatch, revisionOf(rev)
}

// failure returns the error that an honest store gives with an answer.
func failure(a answer) error {
	switch a.kind() {
	case ansAbsent:
		return &store.Error{Class: store.ErrNotFound}
	case ansConflict:
		return &store.Error{Class: store.ErrConflict}
	case ansUnknown, ansUnknownCancelled:
		return &store.Error{Class: store.ErrOutcomeUnknown}
	case ansCancelled:
		return &store.Error{Class: store.ErrCancelled}
	case ansOutOfReach:
		return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrOutOfReach}
	case ansNoStore:
		return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrAbsentByDesign}
	}
	return &store.Error{Class: store.ErrLocked}
}
