package secretservice

import (
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/store"
)

// TestNewsComesFirst: what the fast way of reading relies on. gnome-keyring tells
// of a new item before it tells the maker that it is there.
func TestNewsComesFirst(t *testing.T) {
	d := newDesk(t)
	s := d.open(t)
	conn := d.Bus.Connect(t)
	for _, rule := range []string{"eavesdrop=true,type='signal',member='ItemCreated'", "eavesdrop=true,type='method_return'", "eavesdrop=true,type='method_call',member='CreateItem'"} {
		if err := conn.BusObject().Call("org.freedesktop.DBus.AddMatch", 0, rule).Err; err != nil {
			t.Fatal(err)
		}
	}
	heard := make(chan *dbus.Message, 4096)
	conn.Eavesdrop(heard)
	for range 20 {
		mustPut(t, s, "account", sentinel)
		var call *dbus.Message
		news, answered := false, false
		for !answered {
			switch m := <-heard; m.Type {
			case dbus.TypeMethodCall:
				call = m
			case dbus.TypeSignal:
				news = call != nil
			case dbus.TypeMethodReply:
				answered = call != nil && m.Headers[dbus.FieldReplySerial].Value() == call.Serial() &&
					m.Headers[dbus.FieldDestination].Value() == call.Headers[dbus.FieldSender].Value()
			}
		}
		if !news {
			t.Fatal("the maker of an item is told before others are")
		}
	}
}

// TestWarmReads (I10): a key that is read again and again is read by one call; the
// next read after a write, a deletion or a change in place by others sees it.
func TestWarmReads(t *testing.T) {
	d := newDesk(t)
	s := d.open(t)
	other := d.hire(t)
	other.ready(t)
	tell := func(r request) {
		t.Helper()
		if _, err := other.perform(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for _, value := range []string{"one", "two", "three"} {
		tell(request{Kind: "set", Key: "m", Value: value})
		for range 3 {
			wantValue(t, s, "m", value)
		}
	}
	if _, known := s.warm.items[key("m")]; !known {
		t.Error("what was read is not remembered")
	}
	tell(request{Kind: "set", Key: "unrelated", Value: "x"})
	for range 3 {
		wantValue(t, s, "m", "three")
	}
	before, err := s.Get(t.Context(), key("m"))
	if err != nil {
		t.Fatal(err)
	}
	items, err := s.conn.Search(t.Context(), wanted(key("m")))
	if err != nil || len(items) != 1 {
		t.Fatal(items, err)
	}
	if err := s.conn.SetSecret(t.Context(), items[0], Secret{store.NewValue([]byte("foreign")), "text/plain"}); err != nil {
		t.Fatal(err)
	}
	wantValue(t, s, "m", "foreign")
	s.land(t, "m", 1000, item("landed late")) // beside the one that was read
	wantValue(t, s, "m", "landed late")
	tell(request{Kind: "delete", Key: "m"})
	if i, err := s.Get(t.Context(), key("m")); err != nil || i.Record.Kind != store.KindMarker || i.Revision == before.Revision {
		t.Errorf("after a deletion by a marker: %v, %v", i.Record, err)
	}
	tell(request{Kind: "set", Key: "k", Value: "value"})
	wantValue(t, s, "k", "value")
	wantValue(t, s, "k", "value")
	tell(request{Kind: "delete", Key: "k"})
	wantAbsent(t, s, "k")
	d.Lock(t)
	_, err = s.Get(t.Context(), key("m"))
	wantClass(t, "a locked key that was read before", err, store.ErrLocked)
}
