package keyringtest

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

// Dump returns all items of all collections, sorted by path. Everything must be
// unlocked.
func Dump(t testing.TB, b *Bus) []Entry {
	t.Helper()
	conn := b.client(t)
	service := conn.Object(Name, ServicePath)
	session := plainSecret(t, service, "").Session
	var out []Entry
	for _, collection := range paths(t, service, "org.freedesktop.Secret.Service.Collections") {
		for _, item := range paths(t, conn.Object(Name, collection), "org.freedesktop.Secret.Collection.Items") {
			out = append(out, entry(t, conn.Object(Name, item), session))
		}
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return out
}

func paths(t testing.TB, object dbus.BusObject, property string) []dbus.ObjectPath {
	t.Helper()
	var out []dbus.ObjectPath
	if err := object.StoreProperty(property, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func entry(t testing.TB, item dbus.BusObject, session dbus.ObjectPath) Entry {
	t.Helper()
	all := map[string]dbus.Variant{}
	if err := item.Call("org.freedesktop.DBus.Properties.GetAll", 0, "org.freedesktop.Secret.Item").Store(&all); err != nil {
		t.Fatal(err)
	}
	var s secret
	if err := item.Call("org.freedesktop.Secret.Item.GetSecret", 0, session).Store(&s); err != nil {
		t.Fatal(err)
	}
	e := Entry{Path: string(item.Path()), Collection: path.Dir(string(item.Path())), Secret: string(s.Value), ContentType: s.ContentType}
	e.Label, _ = all["Label"].Value().(string)
	e.Attributes, _ = all["Attributes"].Value().(map[string]string)
	e.Created, _ = all["Created"].Value().(uint64)
	e.Modified, _ = all["Modified"].Value().(uint64)
	delete(e.Attributes, "xdg:schema")
	return e
}
