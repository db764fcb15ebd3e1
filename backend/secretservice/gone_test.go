package secretservice

import (
	"context"
	"errors"
	"testing"

	"github.com/kinring/kinring/store"
)

// TestGoneInMidOperation (I4, I9): a keyring that dies while it is asked. What only
// read is unavailable, what may have written is unknown, and nothing is absent;
// when the keyring is back the next call works, through the same store.
func TestGoneInMidOperation(t *testing.T) {
	for name, c := range map[string]struct {
		method string // that is on its way
		want   error
		call   func(ctx context.Context, s *keyring, there Item) error
	}{
		"get": {"SearchItems", store.ErrUnavailable, func(ctx context.Context, s *keyring, _ Item) error {
			_, err := s.Get(ctx, key("another"))
			return err
		}},
		"warm get": {"GetSecret", store.ErrUnavailable, func(ctx context.Context, s *keyring, _ Item) error {
			_, err := s.Get(ctx, key("there"))
			return err
		}},
		"list": {"SearchItems", store.ErrUnavailable, func(ctx context.Context, s *keyring, _ Item) error {
			_, err := s.List(ctx, "")
			return err
		}},
		"put": {"SearchItems", store.ErrUnavailable, func(ctx context.Context, s *keyring, _ Item) error {
			_, err := s.Put(ctx, key("there"), item("new"), store.Any())
			return err
		}},
		"delete": {"SearchItems", store.ErrUnavailable, func(ctx context.Context, s *keyring, _ Item) error {
			return s.Delete(ctx, key("there"), store.Any())
		}},
		"making an item": {"CreateItem", store.ErrOutcomeUnknown, func(ctx context.Context, s *keyring, there Item) error {
			_, err := s.conn.Create(ctx, Collection{Path: "/org/freedesktop/secrets/collection/login", owner: there.owner}, newItem("new"))
			return err
		}},
		"changing an item": {"SetSecret", store.ErrOutcomeUnknown, func(ctx context.Context, s *keyring, there Item) error {
			return s.conn.SetSecret(ctx, there, Secret{Value: store.NewValue([]byte("new")), ContentType: contentType})
		}},
		"removing an item": {"Delete", store.ErrOutcomeUnknown, func(ctx context.Context, s *keyring, there Item) error {
			return s.conn.Delete(ctx, there)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			s := d.open(t)
			mustPut(t, s, "there", sentinel)
			wantValue(t, s, "there", sentinel)
			items, err := s.conn.Search(t.Context(), wanted(key("there")))
			if err != nil || len(items) != 1 {
				t.Fatal(items, err)
			}
			sent := d.Bus.Observe(t, c.method)
			d.Freeze(t)
			done := make(chan error, 1)
			go func() { done <- c.call(t.Context(), s, items[0]) }()
			sent()
			d.Stop(t)
			err = <-done
			wantClass(t, name, err, c.want)
			if errors.Is(err, store.ErrNotFound) {
				t.Errorf("it is taken for absence: %v", err)
			}
			d.Restart(t)
			wantValue(t, s, "there", sentinel) // a frozen keyring did nothing
		})
	}
}
