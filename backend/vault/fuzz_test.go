package vault

import (
	"bytes"
	"testing"

	"github.com/kinring/kinring/store"
)

// fuzzSealer has a key that the fuzzer knows nothing of.
func fuzzSealer(f *testing.F) *sealer {
	s, err := newSealer(bytes.Repeat([]byte{7}, keySize), bytes.Repeat([]byte{9}, vaultIDSize), CipherXChaCha)
	if err != nil {
		f.Fatal(err)
	}
	return s
}

// FuzzHeader: what is accepted is within the bounds that keep it cheap, and
// every refusal has a class.
func FuzzHeader(f *testing.F) {
	f.Add([]byte(`{"format":1,"vault":"AAAAAAAAAAAAAAAAAAAAAA==","suite":"xchacha20poly1305","slots":[{"id":1,"kind":"keyfile","kdf":"hkdf-sha256","salt":"AA==","box":"AA=="}]}`))
	f.Add([]byte(`{"format":1,"vault":"AAAAAAAAAAAAAAAAAAAAAA==","suite":"xchacha20poly1305","slots":[{"id":1,"kind":"passphrase","kdf":"argon2id","salt":"AA==","time":3,"memory_kib":65536,"threads":4,"box":"AA=="}]}`))
	f.Add([]byte(`{"format":2,"vault":"AAAAAAAAAAAAAAAAAAAAAA==","suite":"aes256gcm","slots":[{"id":1,"kind":"keyfile","kdf":"hkdf-sha256","salt":"AA==","box":"AA=="}],"fingerprints":"AA=="}`))
	f.Add([]byte(`{"format":2}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		h, err := decodeHeader(body)
		if err != nil {
			if c := store.ClassOf(err); c != store.ErrCorrupt && c != store.ErrUnsupported {
				t.Fatalf("class %v", c)
			}
			return
		}
		if h.Format < format || h.Format > formatRekeyed || len(h.Slots) == 0 || len(h.Slots) > maxSlots || len(h.Vault) != vaultIDSize {
			t.Fatalf("accepted %+v", h)
		}
		for _, s := range h.Slots {
			if s.KDF == kdfArgon2id && s.Kind == kindPassphrase && (s.MemoryKiB > maxMemoryKiB || uint64(s.Time)*uint64(s.MemoryKiB) > maxWorkKiB) {
				t.Fatalf("accepted a slot that costs %+v", s.cost())
			}
		}
		again, err := h.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeHeader(again); err != nil {
			t.Fatalf("not read back: %v", err)
		}
	})
}

// FuzzSlot: no box opens under a key that did not seal it.
func FuzzSlot(f *testing.F) {
	f.Add("keyfile", uint64(1), []byte("salt"), make([]byte, 72))
	f.Add("keyfile", uint64(0), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, kind string, id uint64, salt, box []byte) {
		h := header{Format: 1, Vault: make([]byte, vaultIDSize), Suite: CipherXChaCha}
		s := slot{ID: id, Kind: kind, KDF: kdfHKDF, Salt: salt, Box: box}
		if _, err := s.open(t.Context(), h, []byte("a secret")); err != errAuthentic {
			t.Fatalf("opened: %v", err)
		}
	})
}

// FuzzRow: a row that was not sealed is corrupt, and one that was comes back as
// it was.
func FuzzRow(f *testing.F) {
	s := fuzzSealer(f)
	f.Add("service", "account", []byte("value"), make([]byte, 32), make([]byte, 16), int64(1), int64(0), make([]byte, 60), make([]byte, 40))
	f.Add("s", "a", []byte{}, []byte{}, []byte{}, int64(-1), int64(2), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, service, account string, value, id, revision []byte, generation, kind int64, meta, box []byte) {
		k := store.Key{Service: service, Account: account}
		if _, err := s.openItem(k, row{id, revision, generation, kind, meta, box}); store.ClassOf(err) != store.ErrCorrupt {
			t.Fatalf("a row from nowhere: %v", err)
		}
		r, err := s.sealRow(k, store.Item{Value: store.NewValue(value)})
		if err != nil {
			t.Fatal(err)
		}
		i, err := s.openItem(k, r)
		if err != nil || !bytes.Equal(i.Value.Bytes(), value) {
			t.Fatalf("%d bytes, %v", i.Value.Len(), err)
		}
		if e, err := s.openEntry(r); err != nil || e.Key != k {
			t.Fatalf("%v, %v", e.Key, err)
		}
		r.generation = generation
		if _, err := s.openItem(k, r); generation != 0 && store.ClassOf(err) != store.ErrCorrupt {
			t.Fatalf("relabelled: %v", err)
		}
	})
}

// FuzzTuple: what is decoded encodes to the same bytes, so no two encodings mean
// the same.
func FuzzTuple(f *testing.F) {
	f.Add(tuple([]byte("a"), nil, []byte("bc")), 3)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1}, 1)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		n = min(max(n, 0), 8)
		if parts, err := untuple(b, n); err == nil && !bytes.Equal(tuple(parts...), b) {
			t.Fatalf("%x is %x", b, parts)
		}
	})
}

// FuzzCensus: only what was sealed is opened.
func FuzzCensus(f *testing.F) {
	s := fuzzSealer(f)
	f.Add([]byte{}, uint64(3))
	f.Add(make([]byte, 80), uint64(0))
	f.Fuzz(func(t *testing.T, box []byte, count uint64) {
		if _, err := s.openCensus(box); store.ClassOf(err) != store.ErrCorrupt {
			t.Fatalf("a box from nowhere: %v", err)
		}
		if c, err := s.openCensus(s.sealCensus(census{count: count})); err != nil || c.count != count {
			t.Fatalf("%d, %v", c.count, err)
		}
	})
}

// FuzzKeyFile: one text for each key.
func FuzzKeyFile(f *testing.F) {
	f.Add([]byte("kinring-vault-key-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"))
	f.Add([]byte("kinring-vault-key-2:AAAA"))
	f.Fuzz(func(t *testing.T, text []byte) {
		key, err := parseKeyFile("file", bytes.Clone(text))
		if err == nil && (len(key) != keySize || !bytes.HasPrefix(text, []byte(keyFilePrefix)) || len(bytes.TrimRight(text, "\r\n")) != len(keyFilePrefix)+43) {
			t.Fatalf("%q gives %d bytes", text, len(key))
		}
		if err != nil && store.ClassOf(err) != store.ErrDenied {
			t.Fatal(err)
		}
	})
}

// FuzzLogHeader: a header that is accepted is SQLite's.
func FuzzLogHeader(f *testing.F) {
	f.Add(make([]byte, logHeaderSize))
	f.Add([]byte("\x37\x7f\x06\x82\x00\x2d\xe2\x18\x00\x00\x10\x00\x00\x00\x00\x00saltsaltchecksum"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h [logHeaderSize]byte
		copy(h[:], b)
		if soundLogHeader(h) && !bytes.HasPrefix(h[:], []byte{0x37, 0x7f, 0x06}) {
			t.Fatalf("%x", h)
		}
	})
}
