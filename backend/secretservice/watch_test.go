package secretservice

import (
	"context"
	"testing"

	"github.com/kinring/kinring/store"
)

// news are the keys that a watch tells of.
type news chan store.Key

// watched begins to watch.
func watched(t *testing.T, s *keyring) news {
	t.Helper()
	told := make(news, 4096)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Watch(ctx, func(k store.Key) { told <- k }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	told.of(store.Key{}) // it is in place
	return told
}

// of waits until a key is told, or that any may have changed.
func (n news) of(want store.Key) {
	for k := range n {
		if k == want {
			return
		}
	}
}

// TestWatch (I10): what another process writes and deletes is told by its key,
// what concerns other programs' items is not, and a keyring that was restarted
// may have changed anything.
func TestWatch(t *testing.T) {
	d := newDesk(t)
	s := d.open(t)
	mustPut(t, s, "before", "old")
	told := watched(t, s)
	other := d.hire(t)
	other.ready(t)
	do := func(r request) {
		t.Helper()
		if _, err := other.perform(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	do(request{Kind: "set", Key: "before", Value: "new"})
	told.of(key("before"))
	do(request{Kind: "set", Key: "fresh", Value: "value"})
	told.of(key("fresh"))
	do(request{Kind: "delete", Key: "before"})
	told.of(key("before"))
	do(request{Kind: "delete", Key: "fresh"})
	told.of(key("fresh"))
	mustCreate(t, s.conn, newItem("somebody else's"))
	mustPut(t, s, "m marker", "value")
	told.of(key("m marker"))
	d.Restart(t)
	told.of(store.Key{})
	mustPut(t, s, "m marker", "after")
	told.of(key("m marker"))
}

// TestAnotherBus: a bus that ends, as with the session of somebody who signs out,
// leaves programs that go on. What they ask meanwhile is out of reach and no absence
// (I4); at the next bus of the same address they find everything again, and what was
// deleted stays that (I2).
func TestAnotherBus(t *testing.T) {
	d := newDesk(t)
	s := d.open(t)
	mustPut(t, s, "there", sentinel)
	mustPut(t, s, "deleted", sentinel)
	if err := s.Delete(t.Context(), key("deleted"), store.Any()); err != nil {
		t.Fatal(err)
	}
	told := watched(t, s)
	d.Bus.Stop(t)
	d.Stop(t)
	for _, account := range []string{"there", "deleted"} {
		_, err := s.Get(t.Context(), key(account))
		wantClass(t, "get "+account, err, store.ErrOutOfReach)
		_, err = s.Put(t.Context(), key(account), item("new"), store.Any())
		wantClass(t, "put "+account, err, store.ErrOutOfReach)
		wantClass(t, "delete "+account, s.Delete(t.Context(), key(account), store.Any()), store.ErrOutOfReach)
	}
	_, err := s.List(t.Context(), "")
	wantClass(t, "list", err, store.ErrOutOfReach)
	d.Bus.Restart(t)
	d.Restart(t)
	wantValue(t, s, "there", sentinel)
	wantAbsent(t, s, "deleted")
	for k := (store.Key{}); k != key("there"); k = <-told { // any may have changed until the watch is in place again
		mustPut(t, s, "there", "new")
	}
	wantValue(t, s, "there", "new")
}

// TestWatchBeforeThereIsAKeyring: watching waits for one to come.
func TestWatchBeforeThereIsAKeyring(t *testing.T) {
	d := newDesk(t)
	s := d.open(t)
	d.Stop(t)
	told := watched(t, s)
	d.Restart(t)
	told.of(store.Key{})
	mustPut(t, s, "a", "value")
	told.of(key("a"))
}
