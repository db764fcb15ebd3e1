package vault

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/kinring/kinring/store"
)

// keyFileIn makes a key file of its own.
func keyFileIn(t *testing.T) KeySource {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other.key")
	if err := GenerateKeyFile(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	return KeyFile(path)
}

// mustHold opens the vault with one key alone and finds what it holds.
func mustHold(t *testing.T, path, account, value string, keys ...KeySource) {
	t.Helper()
	s, err := Open(t.Context(), Options{Path: path, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	wantValue(t, s, account, value)
	mustClose(t, s)
}

// mustNotOpen tries a key alone.
func mustNotOpen(t *testing.T, path string, class error, keys ...KeySource) {
	t.Helper()
	wantClass(t, openError(t, Options{Path: path, Keys: keys}), class)
}

func filled(t *testing.T) string {
	t.Helper()
	path := newVaultIn(t, t.TempDir(), cheap)
	s := openVault(t, path)
	mustPut(t, s, "there", sentinel)
	mustClose(t, s)
	return path
}

func TestKeysAreAddedChangedAndRemoved(t *testing.T) {
	path, other := filled(t), keyFileIn(t)
	first := KeyFile(DefaultKeyFile(path))
	added, err := addKey(t.Context(), options(path), phrase("one"), cheap.cost)
	if err != nil || added.ID != 2 || added.Kind != kindPassphrase {
		t.Fatalf("%+v, %v", added, err)
	}
	if _, err := addKey(t.Context(), Options{Path: path, Keys: []KeySource{phrase("one")}}, other, cheap.cost); err != nil {
		t.Fatal(err)
	}
	for _, k := range []KeySource{first, phrase("one"), other} {
		mustHold(t, path, "there", sentinel, k)
	}
	if _, err := changeKey(t.Context(), options(path), 2, phrase("two"), cheap.cost); err != nil {
		t.Fatal(err)
	}
	mustNotOpen(t, path, store.ErrDenied, phrase("one"))
	mustHold(t, path, "there", sentinel, phrase("two"))
	if err := RemoveKey(t.Context(), Options{Path: path, Keys: []KeySource{phrase("two")}}, 1); err != nil {
		t.Fatal(err)
	}
	mustNotOpen(t, path, store.ErrDenied, first)
	mustHold(t, path, "there", sentinel, other)
	d, err := Describe(t.Context(), path)
	if err != nil || d.Format != format || d.Cipher != CipherXChaCha || len(d.Slots) != 2 || d.Slots[0].ID != 2 || d.Slots[1].ID != 3 {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestLastKeyStays(t *testing.T) {
	path := filled(t)
	wantClass(t, RemoveKey(t.Context(), options(path), 1), store.ErrConflict)
	wantClass(t, RemoveKey(t.Context(), options(path), 9), store.ErrNotFound)
	mustHold(t, path, "there", sentinel, KeyFile(DefaultKeyFile(path)))
}

func TestKeyChangesRefused(t *testing.T) {
	path := filled(t)
	readOnly := options(path)
	readOnly.ReadOnly = true
	_, err := AddKey(t.Context(), readOnly, phrase(sentinel))
	wantClass(t, err, store.ErrUnsupported)
	_, err = AddKey(t.Context(), Options{Path: path}, phrase(sentinel))
	wantClass(t, err, store.ErrLocked)
	_, err = AddKey(t.Context(), options(path), Held())
	wantClass(t, err, store.ErrInvalid)
	_, err = AddKey(t.Context(), Options{Path: path, Keys: []KeySource{keyFileIn(t)}}, phrase(sentinel))
	wantClass(t, err, store.ErrDenied)
	_, err = AddKey(t.Context(), Options{Path: filepath.Join(t.TempDir(), "none")}, phrase(sentinel))
	wantClass(t, err, store.ErrNoService)
	for range maxSlots - 1 {
		if _, err := addKey(t.Context(), options(path), phrase(sentinel), cheap.cost); err != nil {
			t.Fatal(err)
		}
	}
	_, err = addKey(t.Context(), options(path), phrase(sentinel), cheap.cost)
	wantClass(t, err, store.ErrConflict)
	d, err := Describe(t.Context(), path)
	if err != nil || len(d.Slots) != maxSlots {
		t.Errorf("%d slots, %v", len(d.Slots), err)
	}
}

// TestKeysChangedByTwo: of several programs that change the keys at once, each is
// done or told that another one was first; none undoes another's change.
func TestKeysChangedByTwo(t *testing.T) {
	path := filled(t)
	var done, conflicts int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			_, err := addKey(context.Background(), options(path), phrase(sentinel), cheap.cost)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				done++
			case errors.Is(err, store.ErrConflict):
				conflicts++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	d, err := Describe(t.Context(), path)
	if err != nil || len(d.Slots) != 1+done || done == 0 || done+conflicts != 6 {
		t.Errorf("%d done, %d conflicts, %d slots, %v", done, conflicts, len(d.Slots), err)
	}
}

// TestPricedByTheMachine: a new passphrase costs at least what is recommended, and
// never more than readers accept.
func TestPricedByTheMachine(t *testing.T) {
	for kdf, least := range map[string]cost{kdfArgon2id: leastArgon2id, kdfPBKDF2: leastPBKDF2} {
		c, err := priced(t.Context(), kdf, cost{})
		if err != nil || c.time < least.time || c.memoryKiB != least.memoryKiB || c.threads != least.threads {
			t.Errorf("%s: %+v, %v", kdf, c, err)
		}
		if asked, err := priced(t.Context(), kdf, cheap.cost); err != nil || asked != cheap.cost {
			t.Errorf("%s: %+v, %v", kdf, asked, err)
		}
	}
	for took, want := range map[int64]uint32{0: 3, 1: 16, int64(unlockTime): 3, int64(unlockTime) / 2: 6, 2 * int64(unlockTime): 3} {
		c := scaled(leastArgon2id, 16, timeOf(took))
		if c.time != want {
			t.Errorf("%d ns: %d passes, want %d", took, c.time, want)
		}
		if err := c.check(); err != nil {
			t.Error(err)
		}
	}
	dear := scaled(leastPBKDF2, maxIterations, 1)
	if err := dear.checkIterations(); err != nil || dear.time != maxIterations {
		t.Errorf("%+v, %v", dear, err)
	}
}
