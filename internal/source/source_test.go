package source

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/kinring/kinring/store"
)

var key = store.Key{Service: "s", Account: "account"}

func TestDoor(t *testing.T) {
	d := &Door{Name: "older"}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"a good call", d.Enter(t.Context(), key), nil},
		{"a bad key", d.Enter(t.Context(), store.Key{Service: "s"}), store.ErrInvalid},
		{"a call that was given up", d.Enter(over, key), store.ErrCancelled},
		{"after close", func() error { d.Close(); return d.Enter(t.Context(), key) }(), store.ErrUnavailable},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.err, c.want)
		}
	}
}

// TestAt: an error names the source, and still the place that it is about.
func TestAt(t *testing.T) {
	d := &Door{Name: "older"}
	err := d.At(&store.Error{Class: store.ErrLocked, Store: "/the/file", Detail: "why"}, "get", key)
	for _, part := range []string{"get: older: s/acco…: locked: /the/file: why"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if other := errors.New("other"); d.At(nil, "get", key) != nil || d.At(other, "get", key) != other {
		t.Error("no error, or another one, was changed")
	}
}

func TestConditions(t *testing.T) {
	marker := store.Item{Record: store.Record{Version: store.RecordVersion, Kind: store.KindMarker}}
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"nothing there", NothingThere(store.Any(), "p"), store.ErrNotFound},
		{"nothing there to match", NothingThere(store.Match("r"), "p"), store.ErrConflict},
		{"delete what is absent", CheckDelete(store.Absent()), store.ErrInvalid},
		{"delete any", CheckDelete(store.Any()), nil},
		{"a record", CheckItem(marker, store.Capabilities{}), store.ErrUnsupported},
		{"too large", CheckItem(store.Item{Value: store.NewValue(make([]byte, 3))}, store.Capabilities{MaxValue: 2}), store.ErrTooLarge},
		{"an item", CheckItem(store.Item{Value: store.NewValue([]byte("v"))}, store.Capabilities{}), nil},
		{"another service", WrongService("p"), store.ErrUnsupported},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.err, c.want)
		}
	}
}

// TestRevision: the same texts are the same revision, however they are cut up
// others are not, and none shows a text.
func TestRevision(t *testing.T) {
	first := Revision([]byte("ab"), []byte("c"))
	if first != Revision([]byte("ab"), []byte("c")) || first == "" {
		t.Error("the same texts have two revisions")
	}
	for _, other := range [][][]byte{{[]byte("a"), []byte("bc")}, {[]byte("abc")}, {[]byte("ab"), []byte("d")}, {}} {
		if Revision(other...) == first {
			t.Errorf("%q has the revision of other texts", other)
		}
	}
}
