package storetest

import (
	"context"
	"sync"
	"testing"

	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/store"
)

// recordBug changes each record on its way in, knowing the one before.
func recordBug(change func(old, now store.Record) store.Record) func(store.Store) bent {
	return putBug(func(s store.Store) putFunc {
		return func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			old, _ := s.Get(ctx, k)
			i.Record = change(old.Record, i.Record)
			return s.Put(ctx, k, i, cond)
		}
	})
}

// keepHead keeps of a newer record what it understands.
func keepHead(_, now store.Record) store.Record {
	if now.Readable() {
		return now
	}
	return store.Record{Version: store.RecordVersion, Kind: now.Kind, Generation: now.Generation}
}

var recordBugs = []bug{
	{name: "drops records", meant: []string{"I1/record", "I2/marker"},
		bend: recordBug(func(store.Record, store.Record) store.Record { return store.Record{} })},
	{name: "keeps the record of the write before", meant: []string{"I1/record"}, bend: recordBug(func(old, now store.Record) store.Record {
		if now.Present() {
			return now
		}
		return old
	})},
	{name: "cuts records short", meant: []string{"limit/record"}, bend: recordBug(func(_, now store.Record) store.Record {
		for len(now.String()) > store.MaxRecord {
			now.Digest = now.Digest[1:]
		}
		return now
	})},
	{name: "keeps the head of a newer record", meant: []string{"I1/record-newer"}, bend: recordBug(keepHead)},
	{name: "reads a marker as absence", meant: []string{"I2/marker"}, bend: func(s store.Store) bent {
		return bent{Store: s, get: func(ctx context.Context, k store.Key) (store.Item, error) {
			i, err := s.Get(ctx, k)
			if err == nil && i.Record.Kind == store.KindMarker {
				return store.Item{}, &store.Error{Class: store.ErrNotFound}
			}
			return i, err
		}}
	}},
	{name: "accepts records that it does not keep", meant: []string{"I2/record-refused"}, bend: func(s store.Store) bent {
		b := recordBug(func(store.Record, store.Record) store.Record { return store.Record{} })(s)
		b.info = func() store.Info {
			i := s.Info()
			i.Capabilities.Records = false
			return i
		}
		return b
	}},
}

// remembered is a side table of items by key, kept by stores that share memory
// with their callers.
type remembered struct {
	mu    sync.Mutex
	items map[store.Key]store.Item
}

func (r *remembered) note(k store.Key, i store.Item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.items == nil {
		r.items = map[store.Key]store.Item{}
	}
	r.items[k] = i
}

// of returns what is remembered, if it is the item with that revision.
func (r *remembered) of(k store.Key, i store.Item) (store.Item, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old, ok := r.items[k]
	return old, ok && old.Revision == i.Revision
}

// keepsGiven returns on Get what the caller of Put still holds.
func keepsGiven(s store.Store) bent {
	var given remembered
	return bent{Store: s,
		put: func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (rev store.Revision, err error) {
			i.Revision, err = s.Put(ctx, k, i, cond)
			if err == nil {
				given.note(k, i)
			}
			return i.Revision, err
		},
		get: func(ctx context.Context, k store.Key) (store.Item, error) {
			i, err := s.Get(ctx, k)
			if old, ok := given.of(k, i); ok && err == nil {
				return old, nil
			}
			return i, err
		},
	}
}

// keepsTaken returns on Get what the caller of an earlier Get still holds.
func keepsTaken(s store.Store) bent {
	var taken remembered
	return bent{Store: s, get: func(ctx context.Context, k store.Key) (store.Item, error) {
		i, err := s.Get(ctx, k)
		if err != nil {
			return i, err
		}
		if old, ok := taken.of(k, i); ok {
			return old, nil
		}
		taken.note(k, i)
		return i, nil
	}}
}

var aliasingBugs = []bug{
	{name: "keeps what it was given", meant: []string{"I1/aliasing-put", "I1/aliasing-record"}, bend: keepsGiven},
	{name: "hands out what it keeps", meant: []string{"I1/aliasing-get", "I1/aliasing-record"}, bend: keepsTaken},
	{name: "wipes what it handed out", meant: []string{"I1/aliasing-get"}, bend: func(s store.Store) bent {
		var taken remembered
		return bent{Store: s,
			get: func(ctx context.Context, k store.Key) (store.Item, error) {
				i, err := s.Get(ctx, k)
				taken.note(k, i)
				return i, err
			},
			put: func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
				rev, err := s.Put(ctx, k, i, cond)
				taken.mu.Lock()
				defer taken.mu.Unlock()
				taken.items[k].Value.Wipe()
				return rev, err
			},
		}
	}},
}

// TestKeepsNoRecords: a store that refuses records and conditions instead of
// ignoring them is sound.
func TestKeepsNoRecords(t *testing.T) {
	Run(t, Target{Open: func(testing.TB) store.Store { return modest(memory.New()) }})
}

// modest promises as little as a store may and takes small values only.
func modest(s store.Store) store.Store {
	caps := store.Capabilities{MaxValue: 2560} // as a Windows credential: CRED_MAX_CREDENTIAL_BLOB_SIZE
	unsupported := &store.Error{Class: store.ErrUnsupported}
	return bent{Store: s,
		info: func() store.Info { i := s.Info(); i.Capabilities = caps; return i },
		put: func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			if err := store.CheckItem(i, caps); err != nil {
				return "", store.At(err, "put", "modest", k)
			}
			if i.Record.Present() || !cond.IsAny() {
				return "", store.At(unsupported, "put", "modest", k)
			}
			return s.Put(ctx, k, i, cond)
		},
		del: func(ctx context.Context, k store.Key, cond store.Condition) error {
			if isMatch(cond) {
				return store.At(unsupported, "delete", "modest", k)
			}
			return s.Delete(ctx, k, cond)
		},
	}
}
