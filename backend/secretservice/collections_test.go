package secretservice

import (
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/store"
)

func (d *desk) service(t *testing.T) dbus.BusObject {
	t.Helper()
	return d.Bus.Connect(t).Object(keyringtest.Name, keyringtest.ServicePath)
}

// makeDefault makes a collection the one that new items go to; "/" leaves none.
func (d *desk) makeDefault(t *testing.T, collection dbus.ObjectPath) {
	t.Helper()
	if err := d.service(t).Call(serviceIface+"SetAlias", 0, "default", collection).Err; err != nil {
		t.Fatal(err)
	}
}

func (d *desk) lockOnly(t *testing.T, collection dbus.ObjectPath) {
	t.Helper()
	if err := d.service(t).Call(serviceIface+"Lock", 0, []dbus.ObjectPath{collection}).Err; err != nil {
		t.Fatal(err)
	}
}

func wantIn(t *testing.T, s *keyring, account string, collection dbus.ObjectPath) {
	t.Helper()
	items, err := s.conn.Search(t.Context(), wanted(key(account)))
	if err != nil || len(items) != 1 || !strings.HasPrefix(items[0].Path, string(collection)+"/") {
		t.Errorf("%s: %+v, %v; want one item in %s", account, items, err, collection)
	}
}

// TestAnotherDefaultCollection (I1, I4): new items go to the default collection,
// whatever it is called, and those that lie in another one are found and replaced
// there. A locked collection hides what is in it, and no default is no absence.
func TestAnotherDefaultCollection(t *testing.T) {
	d := newDesk(t)
	s := d.open(t)
	mustPut(t, s, "moves", "first")
	mustPut(t, s, "stays", "first")
	work := d.NewCollection(t, "Work")
	d.makeDefault(t, work)
	wantValue(t, s, "moves", "first")
	mustPut(t, s, "moves", "second")
	wantValue(t, s, "moves", "second")
	wantIn(t, s, "moves", work)
	wantIn(t, s, "stays", keyringtest.Login)
	if entries, err := s.List(t.Context(), ""); err != nil || len(entries) != 2 {
		t.Errorf("listed %v, %v", entries, err)
	}

	d.lockOnly(t, keyringtest.Login) // and not the default
	wantValue(t, s, "moves", "second")
	_, err := s.Get(t.Context(), key("stays"))
	wantClass(t, "get a locked item beside an open default", err, store.ErrLocked)
	_, err = s.Put(t.Context(), key("stays"), item("new"), store.Any())
	wantClass(t, "put over it", err, store.ErrLocked)
	wantClass(t, "delete it", s.Delete(t.Context(), key("stays"), store.Any()), store.ErrLocked)
	d.Unlock(t)
	wantValue(t, s, "stays", "first")

	d.lockOnly(t, work)
	_, err = s.Get(t.Context(), key("never written"))
	wantClass(t, "a locked default", err, store.ErrLocked)
	wantValue(t, s, "stays", "first")

	d.makeDefault(t, none)
	wantValue(t, s, "stays", "first")
	_, err = s.Get(t.Context(), key("never written"))
	wantClass(t, "get without a default", err, store.ErrNoService)
	_, err = s.Put(t.Context(), key("never written"), item("new"), store.Any())
	wantClass(t, "put without a default", err, store.ErrNoService)
}

// TestCollectionGone (I4): a collection that goes away while it is looked at, as
// KeePassXC's do when somebody closes a database, is no absence of what was in it.
func TestCollectionGone(t *testing.T) {
	d := newDesk(t)
	s := d.open(t)
	gone := Collection{Path: string(keyringtest.ServicePath) + "/collection/gone"}
	err := s.conn.with(t.Context(), func(p *peer) error {
		gone.owner = p.name
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.conn.Locked(t.Context(), gone)
	wantClass(t, "whether it is locked", err, store.ErrUnavailable)
	_, err = s.conn.Create(t.Context(), gone, newItem(sentinel))
	wantClass(t, "making an item in it", err, store.ErrUnavailable)
}
