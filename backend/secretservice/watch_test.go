package secretservice

import (
	"context"
	"testing"

	"github.com/kinring/kinring/store"
)

// watched begins to watch and returns what waits until a key, or any, is told.
func watched(t *testing.T, s *keyring) (told func(store.Key)) {
	t.Helper()
	keys := make(chan store.Key, 4096)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Watch(ctx, func(k store.Key) { keys <- k }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	told = func(want store.Key) {
		t.Helper()
		for {
			select {
			case k := <-keys:
				if k == want {
					return
				}
			case <-t.Context().Done():
				t.Fatalf("%v is not told", want)
			}
		}
	}
	told(store.Key{}) // it is in place
	return told
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
	told(key("before"))
	do(request{Kind: "set", Key: "fresh", Value: "value"})
	told(key("fresh"))
	do(request{Kind: "delete", Key: "before"})
	told(key("before"))
	do(request{Kind: "delete", Key: "fresh"})
	told(key("fresh"))
	mustCreate(t, s.conn, newItem("somebody else's"))
	mustPut(t, s, "m marker", "value")
	told(key("m marker"))
	d.Restart(t)
	told(store.Key{})
	mustPut(t, s, "m marker", "after")
	told(key("m marker"))
}

// TestWatchBeforeThereIsAKeyring: watching waits for one to come.
func TestWatchBeforeThereIsAKeyring(t *testing.T) {
	d := newDesk(t)
	s := d.open(t)
	d.Stop(t)
	told := watched(t, s)
	d.Restart(t)
	told(store.Key{})
	mustPut(t, s, "a", "value")
	told(key("a"))
}
