//go:build unix

package broker_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/backend/vault"
	"github.com/kinring/kinring/broker"
	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// workerSocket tells a process that a test has started which broker to use.
const workerSocket = "KINRING_BROKER_TEST_SOCKET"

func TestMain(m *testing.M) {
	if socket := os.Getenv(strangerSocket); socket != "" {
		beStranger(socket)
		return
	}
	storetest.WorkerMain(func() (store.Store, error) {
		return client.Open(context.Background(), os.Getenv(workerSocket), client.Options{})
	})
	os.Exit(m.Run())
}

// family is the profile of these tests: no older builds.
var family = kinring.Profile{Name: "broker-test", Service: "broker test"}

// fixed is a driver of one store, so that a test can hold on to it.
type fixed struct{ store.Store }

func (d fixed) Kind() string                     { return d.Info().Kind }
func (d fixed) Capabilities() store.Capabilities { return d.Info().Capabilities }
func (d fixed) Open(context.Context, store.Family) (store.Store, error) {
	return kept(d), nil
}

// kept outlives the ring that it is given to.
type kept struct{ store.Store }

func (kept) Close() error { return nil }

func (k kept) LockDir() string {
	if d, ok := k.Store.(interface{ LockDir() string }); ok {
		return d.LockDir()
	}
	return os.TempDir()
}

// broken is a broker that a test has started.
type running struct {
	t      testing.TB
	socket string
	ring   *kinring.Ring
	server *broker.Server
	stop   context.CancelFunc
	done   chan error
}

// socketIn returns a path for a socket that is short enough wherever tests run.
func socketIn(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "run", "b.sock")
}

// serve starts a broker of a ring over the driver.
func serve(t testing.TB, d store.Driver, o broker.Options) *running {
	t.Helper()
	return serveAt(t, socketIn(t), family, d, o)
}

func serveAt(t testing.TB, socket string, p kinring.Profile, d store.Driver, o broker.Options) *running {
	t.Helper()
	ring, err := kinring.Open(t.Context(), p, kinring.WithStore(d), kinring.WithStateDir(""), kinring.WithoutBroker(), kinring.WithBudget(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	l, err := broker.Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &running{t: t, socket: socket, ring: ring, server: broker.New(ring, o), stop: stop, done: make(chan error, 1)}
	go func() { r.done <- r.server.Serve(ctx, l) }()
	t.Cleanup(r.end)
	return r
}

// end stops the broker and waits for it.
func (r *running) end() {
	r.stop()
	if r.done == nil {
		return
	}
	if err := <-r.done; err != nil {
		r.t.Errorf("serving ended with %v", err)
	}
	r.done = nil
	if err := r.ring.Close(); err != nil {
		r.t.Errorf("closing the ring: %v", err)
	}
}

// open returns the shared store through the broker.
func (r *running) open() *client.Store {
	r.t.Helper()
	s, err := client.Open(r.t.Context(), r.socket, client.Options{Family: r.ring.Family().Name, Name: "test"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { s.Close() })
	return s
}

// dial returns a connection to the broker.
func (r *running) dial(o client.Options) *client.Conn {
	r.t.Helper()
	c, err := client.Dial(r.t.Context(), r.socket, o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

// newVault makes a vault and returns its driver.
func newVault(t testing.TB) store.Driver {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vault", "vault.db")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	o := vault.Options{Path: path, Keys: []vault.KeySource{vault.KeyFile(vault.DefaultKeyFile(path))}}
	if err := vault.GenerateKeyFile(t.Context(), vault.DefaultKeyFile(path)); err != nil {
		t.Fatal(err)
	}
	if err := vault.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return vault.Driver(o)
}

// inMemory returns a driver of a store in memory.
func inMemory() store.Driver { return fixed{memory.New()} }

func key(account string) store.Key { return store.Key{Service: "broker test", Account: account} }
