package items_test

import (
	"context"
	"errors"
	"testing"

	"github.com/kinring/kinring/backend/secretservice"
	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/store"
)

// desk is a keyring that a test puts items into itself.
type desk struct {
	t       *testing.T
	keyring *keyringtest.GNOME
	conn    *secretservice.Conn
}

func newDesk(t *testing.T) desk {
	keyring := keyringtest.NewGNOME(t)
	keyring.Bus.Setenv(t)
	conn, err := secretservice.Connect(t.Context(), secretservice.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return desk{t, keyring, conn}
}

// make puts an item into the collection whose path ends so.
func (d desk) make(collection, value string, attributes map[string]string) {
	d.t.Helper()
	all, err := d.conn.Collections(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, c := range all {
		if c.Path == string(keyringtest.ServicePath)+"/collection/"+collection {
			_, err := d.conn.Create(d.t.Context(), c, secretservice.NewItem{Label: value, Attributes: attributes,
				Secret: secretservice.Secret{Value: store.NewValue([]byte(value)), ContentType: "text/plain"}})
			if err != nil {
				d.t.Fatal(err)
			}
			return
		}
	}
	d.t.Fatalf("there is no collection %s", collection)
}

// open opens a layout for the service "s".
func (d desk) open(layout string) store.Store {
	d.t.Helper()
	l, err := store.LayoutFor(layout)
	if err != nil {
		d.t.Fatal(err)
	}
	s, err := l.Open(store.SourceConfig{Name: "older", Service: "s", Services: []string{"s"},
		Attributes: map[string]string{"service": "{service}", "username": "{account}", "application": "app"}})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { s.Close() })
	return s
}

// TestWhichItemIsMeant walks what each layout makes of the items that are there.
func TestWhichItemIsMeant(t *testing.T) {
	plain := map[string]string{"service": "s", "username": "a"}
	two, three := with(plain, "target", "default"), with(plain, "target", "default", "application", "rust-keyring")
	for _, c := range []struct {
		name   string
		make   func(desk)
		layout map[string]string // what each layout reads, "" for nothing, "?" for ambiguous
	}{
		{"of the Rust crate 3", func(d desk) { d.make("login", "three", three) },
			map[string]string{"rustkeyring": "three", "rustkeyring4": "three", "gokeyring": "three", "secretitems": "three"}},
		{"without a target", func(d desk) { d.make("login", "plain", plain) },
			map[string]string{"rustkeyring": "plain", "rustkeyring4": "plain", "gokeyring": "plain", "secretitems": "plain"}},
		{"with and without a target", func(d desk) { d.make("login", "plain", plain); d.make("login", "three", three) },
			map[string]string{"rustkeyring": "three", "rustkeyring4": "?", "gokeyring": "?", "secretitems": "?"}},
		{"two with the target", func(d desk) { d.make("login", "two", two); d.make("login", "three", three) },
			map[string]string{"rustkeyring": "?", "rustkeyring4": "?", "gokeyring": "?", "secretitems": "?"}},
		{"without a target in another collection", func(d desk) { d.make("other", "plain", plain) },
			map[string]string{"rustkeyring": "", "rustkeyring4": "plain", "gokeyring": "", "secretitems": "plain"}},
		{"with the target in another collection", func(d desk) { d.make("other", "three", three) },
			map[string]string{"rustkeyring": "three", "rustkeyring4": "three", "gokeyring": "", "secretitems": "three"}},
		{"of another account", func(d desk) { d.make("login", "bob", with(three, "username", "b")) },
			map[string]string{"rustkeyring": "", "rustkeyring4": "", "gokeyring": "", "secretitems": ""}},
		{"kinring's own", func(d desk) {
			d.make("login", "ours", map[string]string{"kinring:service": "s", "kinring:account": "a"})
		}, map[string]string{"rustkeyring": "", "rustkeyring4": "", "gokeyring": "", "secretitems": ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			d.keyring.NewCollection(t, "other")
			c.make(d)
			for layout, want := range c.layout {
				d.wantMeant(layout, want)
			}
		})
	}
}

func (d desk) wantMeant(layout, want string) {
	d.t.Helper()
	key := store.Key{Service: "s", Account: "a"}
	got, err := d.open(layout).Get(d.t.Context(), key)
	switch {
	case want == "?" && !errors.Is(err, store.ErrAmbiguous),
		want == "" && !errors.Is(err, store.ErrNotFound),
		want != "?" && want != "" && (err != nil || string(got.Value.Bytes()) != want):
		d.t.Errorf("%s: %q, %v; want %q", layout, got.Value.Bytes(), err, want)
	}
	if want != "?" {
		return
	}
	s, before := d.open(layout), keyringtest.Dump(d.t, d.keyring.Bus)
	if err := s.Delete(d.t.Context(), key, store.Any()); !errors.Is(err, store.ErrAmbiguous) {
		d.t.Errorf("%s: delete: %v", layout, err)
	}
	if _, err := s.Put(d.t.Context(), key, store.Item{}, store.Any()); !errors.Is(err, store.ErrAmbiguous) {
		d.t.Errorf("%s: put: %v", layout, err)
	}
	if after := keyringtest.Dump(d.t, d.keyring.Bus); len(after) != len(before) {
		d.t.Errorf("%s: a refusal changed the keyring", layout)
	}
}

// TestI4NoDefaultCollection: a keyring in which nobody has made a collection
// holds nothing, and cannot be written.
func TestI4NoDefaultCollection(t *testing.T) {
	bus := keyringtest.NewBus(t)
	bus.StartGNOMEBare(t)
	bus.Setenv(t)
	d := desk{t: t}
	for _, layout := range []string{"rustkeyring", "rustkeyring4", "gokeyring", "keyring99"} {
		s, key := d.open(layout), store.Key{Service: "s", Account: "a"}
		if _, err := s.Get(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: get: %v", layout, err)
		}
		if all, err := s.List(t.Context(), ""); err != nil || len(all) > 0 {
			t.Errorf("%s: list: %v, %v", layout, all, err)
		}
		if _, err := s.Put(t.Context(), key, store.Item{}, store.Any()); !errors.Is(err, store.ErrNoService) {
			t.Errorf("%s: put: %v", layout, err)
		}
	}
}

// TestStamp: a stamp stands still while nobody writes and moves when somebody
// does, or says that it cannot tell.
func TestStamp(t *testing.T) {
	d := newDesk(t)
	s, key := d.open("rustkeyring"), store.Key{Service: "s", Account: "a"}
	stamper := s.(interface {
		Stamp(ctx context.Context, key store.Key) (string, error)
	})
	stamp := func() string {
		text, err := stamper.Stamp(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	nothing := stamp()
	if again := stamp(); again != nothing || nothing == "" {
		t.Errorf("of nothing: %q, then %q", nothing, again)
	}
	d.make("login", "one", map[string]string{"service": "s", "username": "a", "target": "default"})
	if got := stamp(); got != "" {
		t.Errorf("of what was just written: %q, was %q; the next write may look the same", got, nothing)
	}
}
