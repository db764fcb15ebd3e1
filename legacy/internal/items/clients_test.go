package items_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/internal/strangers"
	_ "github.com/kinring/kinring/legacy/gokeyring"
	_ "github.com/kinring/kinring/legacy/keyring99"
	_ "github.com/kinring/kinring/legacy/rustkeyring"
	_ "github.com/kinring/kinring/legacy/secretitems"
	"github.com/kinring/kinring/store"
)

// The names have what attributes and templates stumble over. A collection's name
// must be one that gnome-keyring's path for it can be told by.
const (
	service    = "lab-svc {account}"
	collection = "lab-svc.{account}"
	account    = "alice|0123 {service}@é"
)

// client is a library's own program beside the layout that stands for it.
type client struct {
	strangers.Client
	layout string
	config store.SourceConfig
	// service is the name of a collection, which is made before anything else,
	// because the library would ask a person for its password.
	collection bool
	service    string
	// item is what the library itself makes.
	label      string
	attributes map[string]string
}

var named = map[string]string{"service": service, "username": account}

func with(base map[string]string, more ...string) map[string]string {
	out := maps.Clone(base)
	for i := 0; i < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

var clients = []client{
	{Client: strangers.GoKeyring, layout: "gokeyring", service: service,
		label: "Password for '" + account + "' on '" + service + "'", attributes: named},
	{Client: strangers.Rust4, layout: "rustkeyring4", service: service, label: "keyring:" + account + "@" + service, attributes: named},
	{Client: strangers.Rust2, layout: "rustkeyring", service: service,
		label: "", attributes: with(named, "target", "default", "application", "rust-keyring")},
	{Client: strangers.Python, layout: "secretitems", service: service,
		config: store.SourceConfig{Label: "Password for '{account}' on '{service}'",
			Attributes: map[string]string{"service": "{service}", "username": "{account}", "application": "Python keyring library"}},
		label: "Password for '" + account + "' on '" + service + "'", attributes: with(named, "application", "Python keyring library")},
	{Client: strangers.Keyring99, layout: "keyring99", collection: true, service: collection, label: account, attributes: map[string]string{"profile": account}},
}

// lab is a keyring with one older build and the source for its layout.
type lab struct {
	client
	t       *testing.T
	keyring *keyringtest.GNOME
	source  store.Store
}

func each(t *testing.T, test func(t *testing.T, l lab)) {
	for _, c := range clients {
		t.Run(c.Name, func(t *testing.T) {
			c.Need(t)
			keyring := keyringtest.NewGNOME(t)
			keyring.Bus.Setenv(t)
			if c.collection {
				keyring.NewCollection(t, c.service)
			}
			layout, err := store.LayoutFor(c.layout)
			if err != nil {
				t.Fatal(err)
			}
			c.config.Name, c.config.Service, c.config.Services = "older", c.service, []string{c.service}
			source, err := layout.Open(c.config)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { source.Close() })
			test(t, lab{c, t, keyring, source})
		})
	}
}

func (l lab) key() store.Key { return store.Key{Service: l.service, Account: account} }

func (l lab) dump() []keyringtest.Entry { return keyringtest.Dump(l.t, l.keyring.Bus) }

func (l lab) wantGet(want string) {
	l.t.Helper()
	if got, err := l.source.Get(l.t.Context(), l.key()); err != nil || string(got.Value.Bytes()) != want {
		l.t.Errorf("get: %q, %v; want %q", got.Value.Bytes(), err, want)
	}
}

func (l lab) put(value string, cond store.Condition) {
	l.t.Helper()
	if _, err := l.source.Put(l.t.Context(), l.key(), store.Item{Value: store.NewValue([]byte(value))}, cond); err != nil {
		l.t.Fatal(err)
	}
}

func (l lab) wantClient(want string) {
	l.t.Helper()
	if got, there := l.Get(l.t, l.keyring.Bus, l.service, account); !there || got != want {
		l.t.Errorf("the older build reads %q, %v; want %q", got, there, want)
	}
}

func (l lab) wantNothing() {
	l.t.Helper()
	if _, err := l.source.Get(l.t.Context(), l.key()); !errors.Is(err, store.ErrNotFound) {
		l.t.Errorf("get: %v; want not found", err)
	}
	if got, there := l.Get(l.t, l.keyring.Bus, l.service, account); there {
		l.t.Errorf("the older build reads %q", got)
	}
}

const secret = `{"token":"made-up","of":"é"}`

// TestI5ReadsWhatTheLibraryWrites: reading and listing give the value as it is
// and leave the item as it was, attributes and times included.
func TestI5ReadsWhatTheLibraryWrites(t *testing.T) {
	each(t, func(t *testing.T, l lab) {
		l.wantNothing()
		l.Set(t, l.keyring.Bus, l.service, account, secret)
		before := l.dump()
		l.wantGet(secret)
		entries, err := l.source.List(t.Context(), "")
		if err != nil || len(entries) != 1 || entries[0].Key != l.key() {
			t.Errorf("list: %v, %v", entries, err)
		}
		if other, err := l.source.List(t.Context(), "other"); err != nil || len(other) != 0 {
			t.Errorf("list of another service: %v, %v", other, err)
		}
		if _, err := l.source.Get(t.Context(), store.Key{Service: l.service, Account: "bob"}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("get of another account: %v", err)
		}
		if after := l.dump(); !slices.EqualFunc(before, after, equal) {
			t.Errorf("reading changed the keyring: %+v, was %+v", after, before)
		}
	})
}

func equal(a, b keyringtest.Entry) bool {
	same := maps.Equal(a.Attributes, b.Attributes)
	a.Attributes, b.Attributes = nil, nil
	return same && a.Path == b.Path && a.Label == b.Label && a.Secret == b.Secret && a.Created == b.Created && a.Modified == b.Modified
}

// TestDeleteAsTheLibrary: what the source deletes is gone for the library, and
// the other way round.
func TestDeleteAsTheLibrary(t *testing.T) {
	each(t, func(t *testing.T, l lab) {
		l.Set(t, l.keyring.Bus, l.service, account, secret)
		if err := l.source.Delete(t.Context(), l.key(), store.Any()); err != nil {
			t.Fatal(err)
		}
		l.wantNothing()
		if left := l.dump(); len(left) != 0 {
			t.Errorf("left: %+v", left)
		}
		l.Set(t, l.keyring.Bus, l.service, account, secret)
		if !l.Delete(t, l.keyring.Bus, l.service, account) {
			t.Error("the library finds nothing to delete")
		}
		l.wantNothing()
	})
}

// TestWriteAsTheLibrary: a new item is one that the library would have made, and
// one that is there keeps everything but its secret.
func TestWriteAsTheLibrary(t *testing.T) {
	each(t, func(t *testing.T, l lab) {
		l.put("first", store.Absent())
		l.wantClient("first")
		made := l.dump()
		if len(made) != 1 || !maps.Equal(made[0].Attributes, l.attributes) || l.label != "" && made[0].Label != l.label {
			t.Errorf("made %+v; want label %q, attributes %v", made, l.label, l.attributes)
		}
		l.Set(t, l.keyring.Bus, l.service, account, secret)
		own := l.dump()
		if len(own) != 1 || !maps.Equal(own[0].Attributes, l.attributes) {
			t.Errorf("the library made another item: %+v", own)
		}
		got, err := l.source.Get(t.Context(), l.key())
		if err != nil {
			t.Fatal(err)
		}
		l.put("second", store.Match(got.Revision))
		l.wantClient("second")
		after := l.dump()
		if len(after) != 1 || after[0].Path != own[0].Path || after[0].Label != own[0].Label || !maps.Equal(after[0].Attributes, own[0].Attributes) {
			t.Errorf("after a write: %+v, was %+v", after, own)
		}
		if l.Delete(t, l.keyring.Bus, l.service, account); len(l.dump()) != 0 {
			t.Errorf("the library leaves %+v", l.dump())
		}
	})
}

// TestI4LockedIsNotAbsent: a locked keyring is locked, whether or not the daemon
// has seen it unlocked, and works again without a new source.
func TestI4LockedIsNotAbsent(t *testing.T) {
	each(t, func(t *testing.T, l lab) {
		if l.collection {
			t.Skip("the harness locks the login keyring alone")
		}
		l.Set(t, l.keyring.Bus, l.service, account, secret)
		for name, lock := range map[string]func(testing.TB){"lock": l.keyring.Lock, "restart": l.keyring.RestartLocked} {
			lock(t)
			if _, err := l.source.Get(t.Context(), l.key()); !errors.Is(err, store.ErrLocked) {
				t.Errorf("%s: get: %v", name, err)
			}
			if err := l.source.Delete(t.Context(), l.key(), store.Any()); !errors.Is(err, store.ErrLocked) {
				t.Errorf("%s: delete: %v", name, err)
			}
			if _, err := l.source.Put(t.Context(), l.key(), store.Item{Value: store.NewValue([]byte("x"))}, store.Any()); !errors.Is(err, store.ErrLocked) {
				t.Errorf("%s: put: %v", name, err)
			}
			if _, err := l.source.List(t.Context(), ""); err != nil && !errors.Is(err, store.ErrLocked) {
				t.Errorf("%s: list: %v", name, err)
			}
			l.keyring.Unlock(t)
			l.wantGet(secret)
		}
	})
}
