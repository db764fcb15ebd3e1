package memory

import (
	"context"
	"errors"
	"testing"

	"github.com/kinring/kinring/store"
)

var key = store.Key{Service: "service", Account: "account"}

func TestDriver(t *testing.T) {
	d, err := store.DriverFor("memory")
	if err != nil {
		t.Fatal(err)
	}
	if d.Capabilities() != Capabilities() {
		t.Errorf("driver promises %+v, store %+v", d.Capabilities(), Capabilities())
	}
	a, err := d.Open(t.Context(), store.Family{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Open(t.Context(), store.Family{})
	if err != nil {
		t.Fatal(err)
	}
	if a.Info().ID == b.Info().ID {
		t.Errorf("two stores share the id %q", a.Info().ID)
	}
	if _, err := a.Put(t.Context(), key, store.Item{}, store.Any()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Get(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the second store answers %v for an item of the first", err)
	}
}

func TestOpenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (driver{}).Open(ctx, store.Family{}); !errors.Is(err, store.ErrCancelled) {
		t.Errorf("got %v, want cancelled", err)
	}
}

// TestWaitingGivesUp holds the store's turn, so that every call has to wait,
// and sees that each leaves when its context ends.
func TestWaitingGivesUp(t *testing.T) {
	calls := map[string]func(context.Context, *Store) error{
		"get": func(ctx context.Context, s *Store) error { _, err := s.Get(ctx, key); return err },
		"put": func(ctx context.Context, s *Store) error {
			_, err := s.Put(ctx, key, store.Item{}, store.Any())
			return err
		},
		"delete": func(ctx context.Context, s *Store) error { return s.Delete(ctx, key, store.Any()) },
		"list":   func(ctx context.Context, s *Store) error { _, err := s.List(ctx, ""); return err },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			s := New()
			s.turn <- struct{}{}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error)
			go func() { done <- call(ctx, s) }()
			cancel()
			if err := <-done; !errors.Is(err, store.ErrCancelled) {
				t.Errorf("got %v, want cancelled", err)
			}
			s.leave()
			if len(s.items) != 0 || s.writes != 0 {
				t.Errorf("%d items and %d writes after a call that was given up", len(s.items), s.writes)
			}
		})
	}
}

// TestWipes looks at the bytes that the store itself holds.
func TestWipes(t *testing.T) {
	ends := map[string]func(context.Context, *Store) error{
		"overwritten": func(ctx context.Context, s *Store) error {
			_, err := s.Put(ctx, key, store.Item{Value: store.NewValue([]byte("new"))}, store.Any())
			return err
		},
		"deleted": func(ctx context.Context, s *Store) error { return s.Delete(ctx, key, store.Any()) },
		"closed":  func(_ context.Context, s *Store) error { return s.Close() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			s := New()
			if _, err := s.Put(t.Context(), key, store.Item{Value: store.NewValue([]byte("old"))}, store.Any()); err != nil {
				t.Fatal(err)
			}
			var held []byte
			s.items[key].Value.View(func(b []byte) { held = b })
			if string(held) != "old" {
				t.Fatalf("the store holds %q", held)
			}
			if err := end(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if string(held) != "\x00\x00\x00" {
				t.Errorf("the store left %q in memory", held)
			}
		})
	}
}
