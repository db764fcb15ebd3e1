package keyringtest

import (
	"testing"

	"github.com/godbus/dbus/v5"
)

// Observer listens to the calls of one method by anybody on the bus.
type Observer struct {
	t      testing.TB
	method string
	seen   chan *dbus.Message
}

// Overhear begins to listen.
func (b *Bus) Overhear(t testing.TB, method string) *Observer {
	t.Helper()
	conn := b.Connect(t)
	rule := "eavesdrop=true,type='method_call',member='" + method + "'"
	if err := conn.BusObject().Call("org.freedesktop.DBus.AddMatch", 0, rule).Err; err != nil {
		t.Fatal(err)
	}
	o := &Observer{t, method, make(chan *dbus.Message, 4096)}
	conn.Eavesdrop(o.seen)
	return o
}

// Next waits for the next call that matches: then it has reached the bus, whether
// or not somebody answers it.
func (o *Observer) Next(match func(*dbus.Message) bool) {
	for {
		select {
		case m := <-o.seen:
			if m == nil {
				o.t.Errorf("the bus ended before %s was called", o.method)
				return
			}
			if name, _ := m.Headers[dbus.FieldMember].Value().(string); m.Type == dbus.TypeMethodCall && name == o.method && match(m) {
				return
			}
		case <-o.t.Context().Done():
			return
		}
	}
}

// Observe returns a function that waits until the method has been called once
// more by anybody.
func (b *Bus) Observe(t testing.TB, method string) (called func()) {
	t.Helper()
	o := b.Overhear(t, method)
	return func() { o.Next(func(*dbus.Message) bool { return true }) }
}
