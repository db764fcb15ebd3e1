//go:build unix

package broker_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/broker"
	"github.com/kinring/kinring/broker/client"
)

// usualSocket is where a family's broker listens in this test alone.
func usualSocket(t *testing.T) string {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", filepath.Dir(filepath.Dir(socketIn(t))))
	t.Setenv(client.Variable, "")
	return client.DefaultSocket(family.Name, os.Getenv)
}

// TestUsualBroker: a ring uses the family's broker while it is there, and the store
// itself where none is, or none any more.
func TestUsualBroker(t *testing.T) {
	socket, d := usualSocket(t), newVault(t)
	open := func() *kinring.Ring {
		ring, err := kinring.Open(t.Context(), family, kinring.WithStore(d), kinring.WithStateDir(""), kinring.WithEnvironment(), kinring.WithBudget(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ring.Close() })
		return ring
	}
	reads := func(r *kinring.Ring) error { _, err := r.Get(t.Context(), "note"); return err }
	writes := func(r *kinring.Ring) error { _, err := r.Set(t.Context(), "note", []byte("new")); return err }
	updates := func(r *kinring.Ring) error {
		_, err := r.Update(t.Context(), "note", func(context.Context, kinring.Current) ([]byte, error) { return []byte("newer"), nil })
		return err
	}
	b := serveAt(t, socket, family, d, broker.Options{})
	uses := map[string]func(*kinring.Ring) error{"a read": reads, "a write": writes, "an update": updates}
	rings := map[string]*kinring.Ring{}
	for what := range uses {
		rings[what] = open()
		if err := writes(rings[what]); err != nil || b.server.Conns() != len(rings) {
			t.Errorf("%v; the broker has %d clients", err, b.server.Conns())
		}
	}
	b.end()
	for what, use := range uses {
		if err := use(rings[what]); err != nil {
			t.Errorf("%s, with the broker gone: %v", what, err)
		}
	}
	if err := reads(open()); err != nil {
		t.Errorf("without a broker from the start: %v", err)
	}
}

// TestHungBroker: a broker that takes connections and says nothing, say because it
// is being debugged, keeps nobody from a store that is there.
func TestHungBroker(t *testing.T) {
	socket := usualSocket(t)
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Chmod(socket, 0o600); err != nil {
		t.Fatal(err)
	}
	ring, err := kinring.Open(t.Context(), family, kinring.WithStore(newVault(t)), kinring.WithStateDir(""), kinring.WithEnvironment(), kinring.WithBudget(6*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	if _, err := ring.Set(t.Context(), "note", []byte("value")); err != nil {
		t.Error(err)
	}
}
