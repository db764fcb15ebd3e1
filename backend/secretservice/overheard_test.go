package secretservice

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/store"
)

// TestNothingIsReadableOnTheBus (I8): who listens to the whole bus sees names and
// no secret, of whatever is written, read, replaced and deleted.
func TestNothingIsReadableOnTheBus(t *testing.T) {
	d := newDesk(t)
	conn := d.Bus.Connect(t)
	for _, kind := range []string{"method_call", "method_return", "signal", "error"} {
		if err := conn.BusObject().Call("org.freedesktop.DBus.AddMatch", 0, "eavesdrop=true,type='"+kind+"'").Err; err != nil {
			t.Fatal(err)
		}
	}
	heard := make(chan *dbus.Message, 4096)
	conn.Eavesdrop(heard)
	s := d.open(t)
	for range 2 {
		mustPut(t, s, "account", sentinel)
		wantValue(t, s, "account", sentinel)
		wantValue(t, s, "account", sentinel)
	}
	mustCreate(t, s.conn, newItem(sentinel))
	if err := s.Delete(t.Context(), key("account"), store.Any()); err != nil {
		t.Fatal(err)
	}
	wantAbsent(t, s, "the end")
	named, messages := false, 0
	for ended := false; !ended; messages++ {
		m := <-heard
		if contains(m.Body, sentinel) {
			t.Errorf("%v shows the secret", m.Headers[dbus.FieldMember])
		}
		named = named || contains(m.Body, key("account").Service)
		ended = contains(m.Body, "the end")
	}
	if !named {
		t.Error("nothing was overheard")
	}
	t.Logf("%d messages", messages)
}

// contains looks for a text in all that a message carries.
func contains(body any, text string) bool {
	switch v := body.(type) {
	case string:
		return strings.Contains(v, text)
	case []byte:
		return bytes.Contains(v, []byte(text))
	case dbus.Variant:
		return contains(v.Value(), text)
	}
	found := false
	switch v := reflect.ValueOf(body); v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			found = found || contains(v.Index(i).Interface(), text)
		}
	case reflect.Map:
		for _, name := range v.MapKeys() {
			found = found || contains(name.Interface(), text) || contains(v.MapIndex(name).Interface(), text)
		}
	}
	return found
}
