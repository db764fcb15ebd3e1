package authjson

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/internal/source"
	"github.com/kinring/kinring/store"
)

// kept is the file as it was read last, for as long as a batch runs. Without it
// reading each of many entries would read and parse the whole file each time.
type kept struct {
	mu     sync.Mutex
	users  int // batches under way
	stamp  durable.Stamp
	object object
	index  map[string]int // of the members by name; ambiguous where it is there twice
}

// ambiguous is the index of a name that more than one member has.
const ambiguous = -2

// Batch keeps what was read until the last batch ends, and wipes it then.
func (e *entries) Batch() (end func()) {
	k := &e.kept
	k.mu.Lock()
	defer k.mu.Unlock()
	k.users++
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.users--; k.users == 0 {
			k.forget()
		}
	}
}

func (k *kept) forget() {
	clear(k.object.text)
	k.object, k.index, k.stamp = object{}, nil, durable.Stamp{}
}

// batched answers a Get out of what is kept. It reports false if no batch runs.
func (e *entries) batched(ctx context.Context, key store.Key) (item store.Item, ok bool, err error) {
	k := &e.kept
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.users == 0 {
		return store.Item{}, false, nil
	}
	if err := e.renew(ctx); err != nil {
		return store.Item{}, true, err
	}
	i, found := k.index[key.Account]
	switch {
	case !found:
		return store.Item{}, true, source.NothingThere(store.Any(), e.path)
	case i == ambiguous:
		return store.Item{}, true, e.twice(errEntryTwice)
	}
	item, err = e.item(key, k.object.members[i].value.of(k.object.text))
	return item, true, err
}

// renew reads the file anew if it is not the one that is kept. A file that was
// written within the last tick can be written once more and keep its stamp, so
// that such a reading is good for one answer only.
func (e *entries) renew(ctx context.Context) error {
	k := &e.kept
	if now, err := durable.StampOf(e.path); err == nil && k.index != nil && now == k.stamp {
		return nil
	}
	k.forget()
	o, stamp, err := e.stamped(ctx)
	if err != nil {
		return err
	}
	k.object, k.index = o, o.byName()
	if age := time.Since(time.Unix(0, stamp.Modified)); age >= tick {
		k.stamp = stamp
	}
	return nil
}

// byName returns the index of each member by its name.
func (o object) byName() map[string]int {
	index := make(map[string]int, len(o.members))
	for i, m := range o.members {
		name := o.nameOf(m)
		if _, twice := index[name]; twice {
			i = ambiguous
		}
		index[name] = i
	}
	return index
}

// stamped reads the file's object with its stamp. A file that is not there is an
// object without members and without a text.
func (e *entries) stamped(ctx context.Context) (object, durable.Stamp, error) {
	c, err := e.read(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return object{}, durable.Stamp{}, nil
	}
	if err != nil {
		return object{}, durable.Stamp{}, err
	}
	o, err := parseObject(c.data)
	if errors.Is(err, errTooMany) {
		err = &store.Error{Class: store.ErrTooLarge, Store: e.path, Detail: err.Error(), Remedy: "check that it is the right file"}
	}
	if err != nil {
		clear(c.data)
		return object{}, durable.Stamp{}, err
	}
	return o, c.stamp, nil
}
