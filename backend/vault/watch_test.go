package vault

import (
	"context"
	"testing"
	"time"

	"github.com/kinring/kinring/store"
)

// watching begins to watch a vault and waits until the watch is in place.
func watching(t *testing.T, s *vaultStore) (told <-chan store.Key, stop func() error) {
	t.Helper()
	if !s.Info().Capabilities.Events {
		t.Skip("this system does not tell of writes")
	}
	ctx, cancel := context.WithCancel(t.Context())
	keys, ended := make(chan store.Key, 1000), make(chan error, 1)
	go func() { ended <- s.Watch(ctx, func(k store.Key) { keys <- k }) }()
	<-keys
	return keys, func() error { cancel(); return <-ended }
}

// TestWatchTellsOfOtherProcesses: each write of another process is told, without
// that anybody looks in between: the only pauses are those after a write.
func TestWatchTellsOfOtherProcesses(t *testing.T) {
	path := newVaultIn(t, t.TempDir(), cheap)
	s := openVault(t, path)
	told, stop := watching(t, s)
	w := startWorker(t, "steps", path)
	for _, value := range []string{"1", "2", "3"} {
		w.step(t, value)
		for seen := ""; seen != value; {
			select {
			case <-told:
			case <-time.After(time.Minute): // a watchdog, not a measure
				t.Fatalf("%s was not told", value)
			}
			if i, err := s.Get(t.Context(), key("there")); err == nil {
				seen = string(i.Value.Bytes())
			}
		}
	}
	w.finish(t)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestWatchOfOwnWrites: another store of the same process is told as well, also of
// a deletion and of a rekey.
func TestWatchOfOwnWrites(t *testing.T) {
	path := newVaultIn(t, t.TempDir(), cheap)
	s, other := openVault(t, path), openVault(t, path)
	told, stop := watching(t, s)
	for _, change := range []func() error{
		func() error { _, err := other.Put(t.Context(), key("there"), item(sentinel), store.Any()); return err },
		func() error { return other.Delete(t.Context(), key("there"), store.Any()) },
		func() error { _, err := rekey(t.Context(), options(path), RekeyOptions{}, cheap.cost); return err },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		<-told
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestWatchEndsWithTheStore: Close ends a watch and does not wait for it.
func TestWatchEndsWithTheStore(t *testing.T) {
	s := openVault(t, newVaultIn(t, t.TempDir(), cheap))
	if !s.Info().Capabilities.Events {
		wantClass(t, s.Watch(t.Context(), func(store.Key) {}), store.ErrUnsupported)
		return
	}
	ended, in := make(chan error, 1), make(chan struct{}, 10)
	go func() { ended <- s.Watch(t.Context(), func(store.Key) { in <- struct{}{} }) }()
	<-in
	mustClose(t, s)
	wantClass(t, <-ended, store.ErrUnavailable, "closed")
	wantClass(t, s.Watch(t.Context(), func(store.Key) {}), store.ErrUnavailable)
}
