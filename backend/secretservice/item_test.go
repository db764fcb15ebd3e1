package secretservice

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/store"
)

// sentinel is part of every secret of these tests, so that leaks can be found.
const sentinel = "sk-test-secretservice-sentinel"

func connect(t testing.TB, b *keyringtest.Bus) *Conn {
	t.Helper()
	c, err := Connect(t.Context(), Options{Address: b.Address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // never fails
	return c
}

var who = map[string]string{"service": "made up", "username": "alice"}

func newItem(value string) NewItem {
	return NewItem{Label: "alice@made up", Attributes: who,
		Secret: Secret{store.NewValue([]byte(value)), "application/octet-stream"}}
}

func mustCreate(t testing.TB, c *Conn, item NewItem) Item {
	t.Helper()
	collection, err := c.DefaultCollection(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.Create(t.Context(), collection, item)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func mustSearch(t testing.TB, c *Conn, count int) []Item {
	t.Helper()
	found, err := c.Search(t.Context(), who)
	if err != nil || len(found) != count {
		t.Fatalf("found %v, %v; want %d", found, err, count)
	}
	return found
}

func wantSecret(t testing.TB, c *Conn, item Item, want string) {
	t.Helper()
	got, err := c.Secret(t.Context(), item)
	if err != nil || string(got.Value.Bytes()) != want {
		t.Fatalf("%d bytes, %v; want %d bytes", got.Value.Len(), err, len(want))
	}
}

func wantClass(t testing.TB, what string, err error, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestItemLife(t *testing.T) {
	k := keyringtest.NewGNOME(t)
	c := connect(t, k.Bus)
	mustSearch(t, c, 0)
	value := sentinel + "\x00\xff\n" + strings.Repeat("x", 40000)
	made := mustCreate(t, c, newItem(value))
	if found := mustSearch(t, c, 1); found[0] != made || found[0].Locked {
		t.Errorf("found %+v, made %+v", found[0], made)
	}
	wantSecret(t, c, made, value)
	p, err := c.Properties(t.Context(), made)
	if err != nil || p.Label != "alice@made up" || p.Attributes["username"] != "alice" || p.Locked || p.Created == 0 || p.Modified == 0 {
		t.Errorf("properties %+v, %v", p, err)
	}

	again := newItem("") // an empty secret is one
	again.Replace = true
	if replaced := mustCreate(t, c, again); replaced != made {
		t.Errorf("replaced %+v, made %+v", replaced, made)
	}
	wantSecret(t, c, made, "")
	second := mustCreate(t, c, newItem("second"))
	mustSearch(t, c, 2)
	if err := c.SetSecret(t.Context(), second, Secret{store.NewValue([]byte("third")), "application/octet-stream"}); err != nil {
		t.Fatal(err)
	}
	wantSecret(t, c, second, "third")
	if err := c.Delete(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	mustSearch(t, c, 1)
	wantGone(t, c, made)
}

func wantGone(t *testing.T, c *Conn, item Item) {
	t.Helper()
	_, err := c.Secret(t.Context(), item)
	wantClass(t, "the secret of an item that is gone", err, store.ErrNotFound)
	_, err = c.Properties(t.Context(), item)
	wantClass(t, "the properties of an item that is gone", err, store.ErrNotFound)
	err = c.SetSecret(t.Context(), item, Secret{})
	wantClass(t, "setting an item that is gone", err, store.ErrNotFound)
	wantClass(t, "deleting an item that is gone", c.Delete(t.Context(), item), store.ErrNotFound)
}

// TestItemLocked: what is locked is neither absent nor empty (I4), and nobody is
// asked.
func TestItemLocked(t *testing.T) {
	k := keyringtest.NewGNOME(t)
	c := connect(t, k.Bus)
	item := mustCreate(t, c, newItem(sentinel))
	for name, lock := range map[string]func(testing.TB){"locked": k.Lock, "started locked": k.RestartLocked} {
		lock(t)
		found := mustSearch(t, c, 1)
		if !found[0].Locked {
			t.Errorf("%s: the item is not said to be locked", name)
		}
		_, err := c.Secret(t.Context(), found[0])
		wantClass(t, name+": reading", err, store.ErrLocked)
		wantClass(t, name+": setting", c.SetSecret(t.Context(), found[0], Secret{}), store.ErrLocked)
		wantClass(t, name+": deleting", c.Delete(t.Context(), found[0]), store.ErrLocked)
		collection, err := c.DefaultCollection(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Create(t.Context(), collection, newItem("other"))
		wantClass(t, name+": creating", err, store.ErrLocked)
		k.Unlock(t)
		wantSecret(t, c, mustSearch(t, c, 1)[0], sentinel)
	}
	_, err := c.Secret(t.Context(), item)
	wantClass(t, "an item of a keyring that was restarted", err, store.ErrNoService)
}

// TestItemRestarted: after the keyring was restarted the next call works, in a
// new session; what another run's item was is never guessed.
func TestItemRestarted(t *testing.T) {
	k := keyringtest.NewGNOME(t)
	c := connect(t, k.Bus)
	mustCreate(t, c, newItem(sentinel))
	for range 3 {
		k.Restart(t)
		wantSecret(t, c, mustSearch(t, c, 1)[0], sentinel)
	}
	k.Stop(t)
	_, err := c.Search(t.Context(), who)
	wantClass(t, "without a keyring", err, store.ErrNoService)
	k.Restart(t)
	wantSecret(t, c, mustSearch(t, c, 1)[0], sentinel)
}

func TestConnectNowhere(t *testing.T) {
	b := keyringtest.NewBus(t)
	_, err := Connect(t.Context(), Options{Address: b.Address})
	wantClass(t, "a bus without a keyring", err, store.ErrNoService)
	b.StartGNOMEBare(t)
	c := connect(t, b)
	_, err = c.DefaultCollection(t.Context())
	wantClass(t, "a keyring without a collection", err, store.ErrNoService)
	b.Stop(t)
	_, err = c.Search(t.Context(), who)
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("after the bus ended: %v", err)
	}
	_, err = Connect(t.Context(), Options{Address: b.Address})
	wantClass(t, "no bus", err, store.ErrOutOfReach)
}

// TestFrozen: a keyring that does not answer holds nobody longer than the
// context; what it was told to write is unknown (I9).
func TestFrozen(t *testing.T) {
	k := keyringtest.NewGNOME(t)
	c := connect(t, k.Bus)
	collection, err := c.DefaultCollection(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	item := mustCreate(t, c, newItem(sentinel))
	searched, created := k.Bus.Observe(t, "SearchItems"), k.Bus.Observe(t, "CreateItem")
	thaw := k.Freeze(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		_, err := c.Search(ctx, who)
		wantClass(t, "a search", err, store.ErrCancelled)
	})
	wait.Go(func() {
		_, err := c.Create(ctx, collection, newItem(sentinel))
		wantClass(t, "a write", err, store.ErrOutcomeUnknown)
	})
	searched()
	created()
	cancel()
	wait.Wait()
	thaw()
	wantSecret(t, c, item, sentinel)
}

// TestSharedConnection: all users in one process share one connection and one
// session; the last one closes it.
func TestSharedConnection(t *testing.T) {
	k := keyringtest.NewGNOME(t)
	a, b := connect(t, k.Bus), connect(t, k.Bus)
	item := mustCreate(t, a, newItem(sentinel))
	wantSecret(t, b, item, sentinel)
	if a.hub != b.hub || a.hub.current.peer.open == nil {
		t.Error("two connections do not share a session")
	}
	if err := errors.Join(a.Close(), a.Close()); err != nil {
		t.Error(err)
	}
	wantSecret(t, b, item, sentinel)
	_, err := a.Search(t.Context(), who)
	wantClass(t, "a closed connection", err, store.ErrUnavailable)
	if err := b.Close(); err != nil || len(hubs.by) != 0 {
		t.Errorf("%v; %d connections are left", err, len(hubs.by))
	}
}

func TestProvider(t *testing.T) {
	k := keyringtest.NewGNOME(t)
	c := connect(t, k.Bus)
	if name, err := c.Provider(t.Context()); err != nil || name != "gnome-keyring" {
		t.Errorf("%q, %v", name, err)
	}
}

// TestClosedWhileConnecting: a connection that comes when its last user has gone is
// not left open.
func TestClosedWhileConnecting(t *testing.T) {
	k := keyringtest.NewGNOME(t)
	h := acquireHub(k.Bus.Address)
	if err := h.turn.take(t.Context()); err != nil {
		t.Fatal(err)
	}
	entered := make(chan *link)
	go func() {
		l, err := h.enter(t.Context())
		if err != nil {
			t.Error(err)
		}
		entered <- l
	}()
	h.release()
	h.turn.give()
	l := <-entered
	h.leave(l)
	<-l.bus.Context().Done()
}
