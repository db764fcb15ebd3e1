package kinring_test

import (
	"context"
	"fmt"
	"log"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/store"
)

// olderStore is the whole of what makes any store a legacy source that is read and
// never changed: here, what an older build keeps in a store of its own.
type olderStore struct{ store.Store }

func (olderStore) Name() string { return "older-app" }
func (olderStore) Capabilities() store.Capabilities {
	return store.Capabilities{ReadOnly: true, Persistent: true}
}
func (o olderStore) Open(store.SourceConfig) (store.Store, error) { return o, nil }
func (olderStore) Canonical(value []byte) []byte                  { return value }
func (o olderStore) Info() store.Info {
	return store.Info{Kind: o.Name(), ID: "its store", Capabilities: o.Capabilities()}
}
func (olderStore) Put(context.Context, store.Key, store.Item, store.Condition) (store.Revision, error) {
	return "", &store.Error{Class: store.ErrUnsupported, Detail: "older builds' secrets are only read"}
}
func (olderStore) Delete(context.Context, store.Key, store.Condition) error {
	return &store.Error{Class: store.ErrUnsupported, Detail: "older builds' secrets are only read"}
}

// Any store serves as a legacy source: a layout that returns it, and refuses to
// write, is all that it takes.
func Example_legacyStore() {
	ctx := context.Background()
	key := store.Key{Service: "com.example.notes", Account: "login"}
	older := memory.New()
	if _, err := older.Put(ctx, key, store.Item{Value: store.NewValue([]byte("made up"))}, store.Any()); err != nil {
		log.Fatal(err)
	}
	store.RegisterLayout(olderStore{older}) // in a program: in an init function

	ring, err := kinring.Open(ctx, kinring.Profile{
		Name:    "notes",
		Service: "com.example.notes",
		Policy:  kinring.Policy{Preset: "shared-only"},
		Keys:    kinring.Keys{"auth": {Account: "login"}},
		Legacy:  []kinring.Legacy{{Layout: "older-app"}},
	}, kinring.WithStoreKind("memory"), kinring.WithStateDir(""))
	if err != nil {
		log.Fatal(err)
	}
	defer ring.Close()
	for range 2 { // the first read copies it
		value, err := ring.Get(ctx, "auth")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(value.Provenance, string(value.Bytes()))
	}
	// Output:
	// legacy made up
	// shared made up
}
