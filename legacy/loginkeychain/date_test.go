package loginkeychain

import (
	"errors"
	"testing"

	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/store"
)

// TestI3RevisionOutlivesItsSecond: a revision that was issued within a second of
// the write still names that value when the second is over, and no other value.
func TestI3RevisionOutlivesItsSecond(t *testing.T) {
	s := openAs(t, "mackeyring", Options{Program: mac.New(emulator.New().Run(older()))}).(*source)
	key := store.Key{Service: "s", Account: "a"}
	rev, err := s.Put(t.Context(), key, store.Item{Value: store.NewValue([]byte("one"))}, store.Absent())
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.find(t.Context(), key)
	if err != nil || !f.date.fresh {
		t.Fatalf("just written: %+v, %v", f.date, err)
	}
	f.date.fresh = false
	if err := s.holds(t.Context(), key, f, true, store.Match(rev)); err != nil {
		t.Errorf("the revision of what is there, later: %v", err)
	}
	another := f.date.digested(key, []byte("two"))
	if err := s.holds(t.Context(), key, f, true, store.Match(another)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the revision of another value of that second: %v", err)
	}
}
