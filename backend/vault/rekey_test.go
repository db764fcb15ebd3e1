package vault

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"testing"

	"github.com/kinring/kinring/store"
)

// TestRekey goes from each cipher to each, and keeps values, records, revisions,
// markers and the fingerprint key.
func TestRekey(t *testing.T) {
	for _, from := range []string{CipherXChaCha, CipherAESGCM} {
		for _, to := range []string{"", CipherXChaCha, CipherAESGCM} {
			t.Run(from+" to "+to, func(t *testing.T) { rekeyed(t, from, to) })
		}
	}
}

func rekeyed(t *testing.T, from, to string) {
	dir := t.TempDir()
	path := dir + "/vault.db"
	if err := GenerateKeyFile(t.Context(), DefaultKeyFile(path)); err != nil {
		t.Fatal(err)
	}
	o := options(path)
	o.Cipher = from
	o.Keys = append(o.Keys, phrase("a phrase"))
	if err := create(t.Context(), o, build{cost: cheapFor(from), pageSize: 4096}); err != nil {
		t.Fatal(err)
	}
	s := openVault(t, path)
	marker := store.Item{Record: store.Record{Version: 1, Kind: store.KindMarker, Generation: 7}}
	revision := mustPut(t, s, "there", sentinel)
	if _, err := s.Put(t.Context(), key("marker"), marker, store.Any()); err != nil {
		t.Fatal(err)
	}
	before, err := s.FingerprintKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d, err := rekey(t.Context(), o, RekeyOptions{Cipher: to}, cheapFor(cmp.Or(to, from)))
	if err != nil || d.Format != formatRekeyed || to != "" && d.Cipher != to || to == "" && d.Cipher != from || len(d.Slots) != 2 {
		t.Fatalf("%+v, %v", d, err)
	}
	checkRekeyed(t, s, revision, before) // the store that was open unlocks the vault again
	if _, err := s.Put(t.Context(), key("there"), item(sentinel), store.Match(revision)); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	mustHold(t, path, "there", sentinel, phrase("a phrase"))
	if _, err := rekey(t.Context(), o, RekeyOptions{}, cheapFor(cmp.Or(to, from))); err != nil {
		t.Fatal(err)
	}
	again, err := openVault(t, path).FingerprintKey(t.Context())
	if err != nil || !bytes.Equal(again, before) {
		t.Errorf("the fingerprint key has changed, %v", err)
	}
}

func checkRekeyed(t *testing.T, s store.Store, revision store.Revision, fingerprints []byte) {
	t.Helper()
	i, err := s.Get(t.Context(), key("there"))
	if err != nil || string(i.Value.Bytes()) != sentinel || i.Revision != revision {
		t.Errorf("%d bytes, revision %s, %v", i.Value.Len(), i.Revision, err)
	}
	m, err := s.Get(t.Context(), key("marker"))
	if err != nil || m.Record.Kind != store.KindMarker || m.Record.Generation != 7 {
		t.Errorf("%v, %v", m.Record, err)
	}
	got, err := s.(store.FingerprintKeyer).FingerprintKey(t.Context())
	if err != nil || !bytes.Equal(got, fingerprints) {
		t.Errorf("another fingerprint key, %v", err)
	}
}

// cheapFor is cheap in the terms of the cipher's KDF.
func cheapFor(cipher string) cost {
	if cipher == CipherAESGCM {
		return cost{time: 10}
	}
	return cheap.cost
}

// TestRekeyedVaultIsFoundOutByEveryCall: a store that was open before a rekey
// reads, misses, lists, writes and deletes as if nothing had happened.
func TestRekeyedVaultIsFoundOutByEveryCall(t *testing.T) {
	calls := map[string]func(s store.Store) error{
		"get": func(s store.Store) error { _, err := s.Get(t.Context(), key("there")); return err },
		"miss": func(s store.Store) error {
			_, err := s.Get(t.Context(), key("missing"))
			if store.ClassOf(err) != store.ErrNotFound {
				return fmt.Errorf("missing: %w", err)
			}
			return nil
		},
		"list": func(s store.Store) error { _, err := s.List(t.Context(), ""); return err },
		"put": func(s store.Store) error {
			_, err := s.Put(t.Context(), key("new"), item("x"), store.Absent())
			return err
		},
		"delete": func(s store.Store) error { return s.Delete(t.Context(), key("there"), store.Any()) },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			path := filled(t)
			s := openVault(t, path)
			wantValue(t, s, "there", sentinel)
			if _, err := rekey(t.Context(), options(path), RekeyOptions{}, cheap.cost); err != nil {
				t.Fatal(err)
			}
			if err := call(s); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRekeyNeedsEveryKey: no slot is lost unasked.
func TestRekeyNeedsEveryKey(t *testing.T) {
	path := filled(t)
	if _, err := addKey(t.Context(), options(path), phrase("second"), cheap.cost); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, path)
	_, err := rekey(t.Context(), options(path), RekeyOptions{}, cheap.cost)
	wantClass(t, err, store.ErrLocked, "2 (passphrase)")
	before.same(t)
	d, err := rekey(t.Context(), options(path), RekeyOptions{Drop: true}, cheap.cost)
	if err != nil || len(d.Slots) != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	mustNotOpen(t, path, store.ErrLocked, phrase("second"))
	_, err = rekey(t.Context(), options(path), RekeyOptions{Cipher: "rot13"}, cheap.cost)
	wantClass(t, err, store.ErrInvalid, "rot13")
}

// TestRekeyRefusesDamage: what is lost is not sealed as whole.
func TestRekeyRefusesDamage(t *testing.T) {
	for _, change := range []string{"DELETE FROM items", "UPDATE items SET value = zeroblob(40)"} {
		path := filled(t)
		sqlExec(t, path, change)
		_, err := rekey(t.Context(), options(path), RekeyOptions{}, cheap.cost)
		wantClass(t, err, store.ErrCorrupt)
		if d, err := Describe(t.Context(), path); err != nil || d.Format != format {
			t.Errorf("%+v, %v", d, err)
		}
	}
}

// TestNothingOldStays: neither the file nor the log holds a box of the time
// before the rekey.
func TestNothingOldStays(t *testing.T) {
	path := filled(t)
	s := openVault(t, path)
	n, err := openConn(t.Context(), path, accessRead)
	if err != nil {
		t.Fatal(err)
	}
	old, there, err := n.row(columnsAll, s.sealer().id(key("there")))
	if err != nil || !there {
		t.Fatal(there, err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	if _, err := rekey(t.Context(), options(path), RekeyOptions{}, cheap.cost); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, path + "-wal"} {
		data, err := os.ReadFile(file)
		if err != nil || bytes.Contains(data, old.value) || bytes.Contains(data, old.id) {
			t.Errorf("%s still has it, %v", file, err)
		}
	}
}

// TestOldRowDoesNotReturn puts a row back as it was before a rekey.
func TestOldRowDoesNotReturn(t *testing.T) {
	path := filled(t)
	attach := keepRows(t, path)
	if _, err := rekey(t.Context(), options(path), RekeyOptions{}, cheap.cost); err != nil {
		t.Fatal(err)
	}
	sqlExec(t, path, attach+"INSERT INTO items SELECT * FROM other.kept; UPDATE items SET (revision, meta, value) = (SELECT revision, meta, value FROM other.kept) WHERE id NOT IN (SELECT id FROM other.kept)")
	checkTampered(t, path, "there", store.ErrCorrupt)
	checkTampered(t, path, "missing", store.ErrCorrupt)
}
