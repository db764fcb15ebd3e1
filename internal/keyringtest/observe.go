package keyringtest

import (
	"testing"

	"github.com/godbus/dbus/v5"
)

// Observe listens to the whole bus and returns a function that waits until the
// method has been called once more by anybody: then the call has reached the
// bus, whether or not somebody answers it.
func (b *Bus) Observe(t testing.TB, method string) (called func()) {
	t.Helper()
	conn := b.Connect(t)
	rule := "eavesdrop=true,type='method_call',member='" + method + "'"
	if err := conn.BusObject().Call("org.freedesktop.DBus.AddMatch", 0, rule).Err; err != nil {
		t.Fatal(err)
	}
	seen := make(chan *dbus.Message, 1024)
	conn.Eavesdrop(seen)
	return func() {
		for {
			select {
			case m := <-seen:
				if m == nil {
					t.Errorf("the bus ended before %s was called", method)
					return
				}
				if name, _ := m.Headers[dbus.FieldMember].Value().(string); m.Type == dbus.TypeMethodCall && name == method {
					return
				}
			case <-t.Context().Done():
				return
			}
		}
	}
}
