package kinring_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/store"
)

// telling is a driver whose store tells of changes: of those that the test says.
type telling struct {
	*driver
	tell  chan store.Key
	watch atomic.Int32 // watches that are in place
	gets  atomic.Int32
}

func (d *telling) Open(ctx context.Context, f store.Family) (store.Store, error) {
	s, err := d.driver.Open(ctx, f)
	if err != nil {
		return nil, err
	}
	return teller{s, d}, nil
}

type teller struct {
	store.Store
	driver *telling
}

func (s teller) Info() store.Info {
	info := s.Store.Info()
	info.Capabilities.Events = true
	return info
}

func (s teller) Get(ctx context.Context, key store.Key) (store.Item, error) {
	s.driver.gets.Add(1)
	return s.Store.Get(ctx, key)
}

func (s teller) Watch(ctx context.Context, changed func(store.Key)) error {
	s.driver.watch.Add(1)
	defer s.driver.watch.Add(-1)
	changed(store.Key{})
	for {
		select {
		case <-ctx.Done():
			return nil
		case key, more := <-s.driver.tell:
			if !more {
				return &store.Error{Class: store.ErrUnavailable}
			}
			changed(key)
		}
	}
}

// TestWatchListensToTheStore: where the store tells of changes nobody polls, a
// change of another key is not looked at, and when the store stops telling the
// changes are still found.
func TestWatchListensToTheStore(t *testing.T) {
	d := &telling{driver: newDriver(t), tell: make(chan store.Key)}
	ring, err := kinring.Open(t.Context(), notes(t.TempDir()), kinring.WithStore(d), kinring.WithStateDir(""))
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	key, err := ring.Family().Key("auth")
	if err != nil {
		t.Fatal(err)
	}
	write := func(value string) {
		if _, err := d.shared.Put(t.Context(), key, store.Item{Value: store.NewValue([]byte(value))}, store.Any()); err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan kinring.Event)
	go func() {
		defer close(told)
		for event := range ring.Watch(ctx, "auth") {
			told <- event
		}
	}()
	<-told
	d.tell <- key // the watch is in place once it takes this
	d.tell <- store.Key{Service: "another", Account: "key"}
	write("1")
	d.tell <- store.Key{}
	if event := <-told; !event.Present || event.Err != nil {
		t.Errorf("%+v", event)
	}
	if n := d.watch.Load(); n != 1 {
		t.Errorf("%d watches", n)
	}
	if n := d.gets.Load(); n > 5 {
		t.Errorf("%d looks at a store that told of five things at most", n)
	}
	close(d.tell)
	write("2")
	if event := <-told; !event.Present {
		t.Errorf("%+v", event)
	}
	cancel()
	for range told {
	}
}
