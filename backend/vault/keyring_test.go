package vault

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/store"
)

// kept is a store that Close leaves open, as a keyring outlives its clients.
type kept struct{ store.Store }

func (kept) Close() error { return nil }

func keyringOf(s store.Store) Keyring {
	return Keyring{Name: "test-keyring", Open: func(context.Context) (store.Store, error) { return kept{s}, nil }}
}

func TestKeyInKeyring(t *testing.T) {
	ring := memory.New()
	source := KeyInKeyring(keyringOf(ring))
	path := filepath.Join(t.TempDir(), "vault.db")
	if err := Create(t.Context(), Options{Path: path, Keys: []KeySource{source}}); err != nil {
		t.Fatal(err)
	}
	d, err := Describe(t.Context(), path)
	if err != nil || len(d.Slots) != 1 || d.Slots[0].Kind != kindKeyring {
		t.Fatalf("%+v, %v", d, err)
	}
	item := store.Key{Service: KeyringService, Account: d.ID}
	if _, err := ring.Get(t.Context(), item); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{Path: path, Keys: []KeySource{source}})
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	_, err = AddKey(t.Context(), Options{Path: path, Keys: []KeySource{source}}, source)
	wantClass(t, err, store.ErrConflict)
	wantClass(t, ForgetKeyring(t.Context(), path, keyringOf(ring)), store.ErrConflict)
}

// TestMissingKeyItemIsNotMadeAnew: I4. The vault is sealed with the key that was
// there; another one in its place would hide that it is gone.
func TestMissingKeyItemIsNotMadeAnew(t *testing.T) {
	ring := memory.New()
	source := KeyInKeyring(keyringOf(ring))
	path := newVaultIn(t, t.TempDir(), cheap)
	if _, err := AddKey(t.Context(), options(path), source); err != nil {
		t.Fatal(err)
	}
	d, err := Describe(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	item := store.Key{Service: KeyringService, Account: d.ID}
	if err := ring.Delete(t.Context(), item, store.Any()); err != nil {
		t.Fatal(err)
	}
	wantClass(t, openError(t, Options{Path: path, Keys: []KeySource{source}}), store.ErrLocked, "never made anew")
	_, err = AddKey(t.Context(), options(path), source)
	wantClass(t, err, store.ErrConflict)
	if _, err := ring.Get(t.Context(), item); store.ClassOf(err) != store.ErrNotFound {
		t.Errorf("the item: %v", err)
	}
	// Another key still opens it, and after the dead slot is gone there may be a new item.
	o := options(path)
	o.Keys = append(o.Keys, source)
	if err := RemoveKey(t.Context(), o, 2); err != nil {
		t.Fatal(err)
	}
	if _, err := AddKey(t.Context(), o, source); err != nil {
		t.Fatal(err)
	}
	if err := RemoveKey(t.Context(), o, 2); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time nothing is there any more
		if err := ForgetKeyring(t.Context(), path, keyringOf(ring)); err != nil {
			t.Fatal(err)
		}
	}
	if entries, err := ring.List(t.Context(), ""); err != nil || len(entries) != 0 {
		t.Errorf("%d items are left, %v", len(entries), err)
	}
}

// TestKeyringInTrouble: what is out of reach leaves the next key to be tried; what
// a person refused does not.
func TestKeyringInTrouble(t *testing.T) {
	path := newVaultIn(t, t.TempDir(), cheap)
	ring := memory.New()
	if _, err := AddKey(t.Context(), options(path), KeyInKeyring(keyringOf(ring))); err != nil {
		t.Fatal(err)
	}
	for class, passed := range map[*store.Class]bool{store.ErrUnavailable: true, store.ErrLocked: true, store.ErrUnsupported: true,
		store.ErrTimedOut: true, store.ErrDenied: false, store.ErrCancelled: false, store.ErrCorrupt: false} {
		k := keyringOf(ring)
		k.Open = func(context.Context) (store.Store, error) { return nil, &store.Error{Class: class} }
		o := options(path)
		o.Keys = append(o.Keys, KeyInKeyring(k))
		s, err := Open(t.Context(), o)
		if passed && err == nil {
			mustClose(t, s)
			mustNotOpen(t, path, store.ErrLocked, KeyInKeyring(k))
			continue
		}
		if passed || err == nil {
			t.Errorf("%s: %v", class.Name(), err)
			continue
		}
		wantClass(t, err, class)
	}
}

func TestForeignKeyItem(t *testing.T) {
	ring := memory.New()
	k := keyringOf(ring)
	k.Key = store.Key{Service: "s", Account: "a"}
	path := filepath.Join(t.TempDir(), "vault.db")
	if err := Create(t.Context(), Options{Path: path, Keys: []KeySource{KeyInKeyring(k)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Put(t.Context(), k.Key, item(sentinel), store.Any()); err != nil {
		t.Fatal(err)
	}
	wantClass(t, openError(t, Options{Path: path, Keys: []KeySource{KeyInKeyring(k)}}), store.ErrDenied, "test-keyring")
}
