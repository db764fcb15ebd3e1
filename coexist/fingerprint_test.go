package coexist_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

var fingerprintKey = store.Key{Service: "kinring.reserved", Account: "fingerprint-key"}

// keying is a store that derives its fingerprint key, as the vault does.
type keying struct {
	store.Store
	secret []byte
	err    error
}

func (k keying) FingerprintKey(context.Context) ([]byte, error) { return k.secret, k.err }

// print computes a fingerprint on its own: records live as long as the secrets
// do, so what they hold must never change by accident.
func print(secret []byte, k store.Key, value string) string {
	h := hmac.New(sha256.New, secret)
	for _, part := range []string{k.Service, k.Account} {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	h.Write([]byte(value))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12])
}

func keyID(secret []byte) string {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("kinring key id"))
	return hex.EncodeToString(h.Sum(nil)[:4])
}

func (w *world) record() store.Record {
	w.t.Helper()
	item, err := w.inner.Get(context.Background(), key)
	if err != nil {
		w.t.Fatal(err)
	}
	return item.Record
}

func TestRecordHoldsKeyedDigests(t *testing.T) {
	secret := bytes.Repeat([]byte{9}, 32)
	for name, own := range map[string]bool{"derived by the store": true, "kept in an item": false} {
		w := newWorld(t, coexist.PresetSharedOnly, 2)
		w.config.Random = func(b []byte) error { copy(b, secret); return nil }
		if own {
			w.config.Shared = keying{Store: w.shared, secret: secret}
		}
		w.olderSet(0, "old")
		w.set("new")
		want := "kr1;v;1;" + keyID(secret) + ";" + print(secret, key, "new") + ";a=:" + print(secret, key, "old") + ";b=-"
		w.expect(name, w.record().String(), want)
		_, err := w.inner.Get(t.Context(), fingerprintKey)
		if kept := err == nil; kept == own {
			t.Errorf("%s: an item with the key is there: %v", name, kept)
		}
	}
}

func TestFingerprintsDifferByKey(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 0)
	w.set("same")
	one := w.record().Digest
	other := store.Key{Service: service + "c", Account: "li|0123"}
	if _, err := w.process().Set(t.Context(), other, store.NewValue([]byte("same"))); err != nil {
		t.Fatal(err)
	}
	item, err := w.inner.Get(t.Context(), other)
	if err != nil || item.Record.Digest == one {
		t.Errorf("two keys with one value have the digests %q and %q, %v", one, item.Record.Digest, err)
	}
}

func TestCanonicalFormsCountAsEqual(t *testing.T) {
	w := newWorld(t, coexist.PresetDefault, 1)
	w.config.Sources[0].Canonical = func(b []byte) []byte { return []byte(strings.ReplaceAll(string(b), " ", "")) }
	w.olderSet(0, `{"a": 1}`)
	w.get()
	w.reset()
	w.olderSet(0, `{"a":1}`)
	w.expect("get after a respelling", w.get(), `{"a": 1}`)
	if len(w.notices) > 0 {
		t.Errorf("a respelling was told as %v", w.notices)
	}
	w.olderSet(0, `{"a":2}`)
	w.expect("get after a change", w.get(), `{"a":2}`)
}

// TestLostFingerprintKeyUnderMarker: that a source was empty at deletion needs no
// fingerprint to be remembered.
func TestLostFingerprintKeyUnderMarker(t *testing.T) {
	w := agreedOn(t, "old")
	w.delete()
	w.olderSet(0, "old")
	if err := w.inner.Delete(t.Context(), fingerprintKey, store.Any()); err != nil {
		t.Fatal(err)
	}
	w.expect("get", w.get(), "old")
}

// TestLostFingerprintKey: the key is gone while a record exists. It must not be
// made anew, values stay readable and writable, and nothing is taken over.
func TestLostFingerprintKey(t *testing.T) {
	w := agreedOn(t, "old")
	another := store.Key{Service: service, Account: "another"}
	if _, err := w.process().Set(t.Context(), another, store.NewValue([]byte("v"))); err != nil {
		t.Fatal(err)
	}
	if err := w.inner.Delete(t.Context(), fingerprintKey, store.Any()); err != nil {
		t.Fatal(err)
	}
	w.set("new")
	w.olderSet(0, "theirs")
	w.expect("get", w.get(), "new")
	if w.told(coexist.NoticeFastForwarded) {
		t.Error("a value was taken over on an unknown agreement")
	}
	if _, err := w.inner.Get(t.Context(), fingerprintKey); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the fingerprint key was made anew: %v", err)
	}
}

// TestForeignKeyIDIsUnknown: fingerprints of another key compare with nothing.
func TestForeignKeyIDIsUnknown(t *testing.T) {
	w := agreedOn(t, "old")
	w.olderSet(0, "theirs")
	w.config.Shared = keying{Store: w.shared, secret: bytes.Repeat([]byte{1}, 32)}
	w.expect("value", w.get(), "old")
	w.config.Shared = w.shared
	partlyKeep(w)
	w.reset()
	w.olderSet(0, "again")
	w.config.Shared = keying{Store: w.shared, secret: bytes.Repeat([]byte{1}, 32)}
	w.expect("marker", w.get(), "[not-found]")
	w.config.Shared = w.shared
	w.expect("marker with its own key", w.get(), "again")
}

func TestFingerprintKeyIsMadeOnce(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 0)
	other := newWorld(t, coexist.PresetSharedOnly, 0)
	other.config.Shared = w.inner
	other.config.Random = func(b []byte) error { copy(b, bytes.Repeat([]byte{3}, len(b))); return nil }
	// The other program makes its key between this one's look and its put.
	w.shared.Inject(storetest.VerbPut, 1, storetest.Fault{Before: func() { other.set("theirs") }, Apply: storetest.ApplyNow})
	w.set("ours")
	w.expect("key id", w.record().KeyID, keyID(bytes.Repeat([]byte{3}, 32)))
}

func TestRandomFailureFailsTheWrite(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.config.Random = func([]byte) error { return &store.Error{Class: store.ErrUnavailable, Detail: "no entropy"} }
	_, err := w.process().Set(t.Context(), key, store.NewValue([]byte("new")))
	w.expect("set", class(err), "[unavailable]")
	w.expect("shared", w.holds(w.inner), "-")
}

func TestShortDerivedKeyMakesNoFingerprints(t *testing.T) {
	w := newWorld(t, coexist.PresetDefault, 1)
	w.config.Shared = keying{Store: w.shared, secret: []byte("short")}
	w.olderSet(0, "old")
	w.get()
	w.olderSet(0, "theirs")
	w.expect("get", w.get(), "old")
	if r := w.record(); r.KeyID != "" || r.Digest != "" {
		t.Errorf("record %q names fingerprints of a key that is too short", r)
	}
}
