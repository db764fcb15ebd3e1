package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kinring/kinring/store"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// decoder reads a vault as docs/FORMATS.md describes it. It shares no code with
// the package, so that neither can change without the other.
type decoder struct {
	t            *testing.T
	db           *sql.DB
	version      int
	suite        string
	vaultID      []byte
	vaultKey     []byte
	fingerprints []byte // the box of format 2
}

// documented is one item as the decoder found it.
type documented struct {
	service, account, record, value string
	generation, kind                int64
	revision                        []byte
}

func parts(list ...[]byte) []byte {
	var b bytes.Buffer
	for _, p := range list {
		_ = binary.Write(&b, binary.BigEndian, uint32(len(p))) // a buffer takes everything
		b.Write(p)
	}
	return b.Bytes()
}

func u64(n int64) []byte {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	return b[:]
}

func hmacOf(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}

func (d *decoder) derived(info string) []byte {
	key, err := hkdf.Key(sha256.New, d.vaultKey, d.vaultID, info, 32)
	if err != nil {
		d.t.Fatal(err)
	}
	return key
}

// cipher returns the suite's cipher and the size of its nonce.
func (d *decoder) cipher(key []byte) (cipher.AEAD, int) {
	d.t.Helper()
	if d.suite == "xchacha20poly1305" {
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			d.t.Fatal(err)
		}
		return aead, 24
	}
	block, err := aes.NewCipher(key)
	if err != nil || d.suite != "aes256gcm" {
		d.t.Fatalf("suite %s: %v", d.suite, err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		d.t.Fatal(err)
	}
	return aead, 12
}

// fingerprintKey is derived in format 1, and kept in the header in format 2.
func (d *decoder) fingerprintKey() []byte {
	if d.version == 1 {
		return d.derived("kinring vault 1 fingerprints")
	}
	return d.open(d.derived("kinring vault 2 fingerprints "+d.suite), d.fingerprints,
		parts([]byte("kinring vault 2 fingerprints"), d.vaultID))
}

func (d *decoder) open(key, box, aad []byte) []byte {
	d.t.Helper()
	aead, nonce := d.cipher(key)
	plain, err := aead.Open(nil, box[:nonce], box[nonce:], aad)
	if err != nil {
		d.t.Fatalf("a box of %d bytes: %v", len(box), err)
	}
	return plain
}

// split takes apart a tuple of n parts.
func (d *decoder) split(b []byte, n int) []string {
	d.t.Helper()
	var out []string
	for range n {
		size := int(binary.BigEndian.Uint32(b))
		out, b = append(out, string(b[4:4+size])), b[4+size:]
	}
	if len(b) != 0 {
		d.t.Fatalf("%d bytes are left of a tuple", len(b))
	}
	return out
}

func (d *decoder) query(query string, into ...any) {
	d.t.Helper()
	if err := d.db.QueryRow(query).Scan(into...); err != nil {
		d.t.Fatalf("%s: %v", query, err)
	}
}

// decode reads the whole vault. slotKey gives the key of a slot.
func decode(t *testing.T, path string, slotKey func(slot map[string]any, salt []byte) []byte) (*decoder, []documented) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	d := &decoder{t: t, db: db}
	d.numbers()
	d.header(slotKey)
	items := d.items()
	d.state(items)
	return d, items
}

func (d *decoder) numbers() {
	var id int
	var mode string
	d.query("PRAGMA application_id", &id)
	d.query("PRAGMA user_version", &d.version)
	d.query("PRAGMA journal_mode", &mode)
	if id != 1263695409 || d.version != 1 && d.version != 2 || mode != "wal" {
		d.t.Errorf("application id %d, version %d, journal %s", id, d.version, mode)
	}
	var schema string
	d.query("SELECT group_concat(sql || ';', char(10)) FROM sqlite_schema", &schema)
	text, err := os.ReadFile("../../docs/FORMATS.md")
	if err != nil {
		d.t.Fatal(err)
	}
	for line := range strings.Lines(schema) {
		if !strings.Contains(string(text), strings.TrimSpace(line)) {
			d.t.Errorf("not documented: %s", line)
		}
	}
}

func (d *decoder) header(slotKey func(slot map[string]any, salt []byte) []byte) {
	var body, sum []byte
	d.query("SELECT body, mac FROM header WHERE one = 1", &body, &sum)
	var h struct {
		Format float64
		Vault  []byte
		Suite  string
		Slots  []map[string]any

		Fingerprints []byte
	}
	if err := json.Unmarshal(body, &h); err != nil {
		d.t.Fatal(err)
	}
	if int(h.Format) != d.version || len(h.Vault) != 16 || len(h.Slots) == 0 || (h.Fingerprints != nil) != (d.version == 2) {
		d.t.Fatalf("header %+v", h)
	}
	d.suite, d.vaultID, d.fingerprints = h.Suite, h.Vault, h.Fingerprints
	for _, slot := range h.Slots {
		d.slot(slot, slotKey)
	}
	if !bytes.Equal(hmacOf(d.derived("kinring vault 1 header"), body), sum) {
		d.t.Error("the header's MAC is not as documented")
	}
}

// slot opens a key slot; all of a vault's hold the same key.
func (d *decoder) slot(s map[string]any, slotKey func(slot map[string]any, salt []byte) []byte) {
	d.t.Helper()
	fields := slices.Sorted(maps.Keys(s))
	want := []string{"box", "id", "kdf", "kind", "salt"}
	var cost [3]int64
	switch s["kdf"] {
	case "pbkdf2-hmac-sha256":
		want = []string{"box", "id", "kdf", "kind", "salt", "time"}
		cost[0] = int64(s["time"].(float64))
	case "argon2id":
		want = []string{"box", "id", "kdf", "kind", "memory_kib", "salt", "threads", "time"}
		cost = [3]int64{int64(s["time"].(float64)), int64(s["memory_kib"].(float64)), int64(s["threads"].(float64))}
	}
	if !slices.Equal(fields, want) {
		d.t.Fatalf("the slot's fields are %v, want %v", fields, want)
	}
	salt, box := d.binary(s["salt"]), d.binary(s["box"])
	if nonce := map[string]int{"xchacha20poly1305": 24, "aes256gcm": 12}[d.suite]; len(salt) != 16 || len(box) != nonce+32+16 {
		d.t.Fatalf("salt of %d bytes, box of %d", len(salt), len(box))
	}
	aad := parts([]byte("kinring vault 1 slot"), d.vaultID, []byte(d.suite), u64(int64(s["id"].(float64))),
		[]byte(s["kind"].(string)), []byte(s["kdf"].(string)), salt, u64(cost[0]), u64(cost[1]), u64(cost[2]))
	key := d.open(slotKey(s, salt), box, aad)
	if d.vaultKey != nil && !bytes.Equal(key, d.vaultKey) {
		d.t.Fatal("two slots hold different keys")
	}
	d.vaultKey = key
}

func (d *decoder) binary(v any) []byte {
	b, err := base64.StdEncoding.DecodeString(v.(string))
	if err != nil {
		d.t.Fatal(err)
	}
	return b
}

func (d *decoder) items() []documented {
	d.t.Helper()
	rows, err := d.db.Query("SELECT id, revision, generation, kind, meta, value FROM items")
	if err != nil {
		d.t.Fatal(err)
	}
	defer rows.Close()
	var out []documented
	for rows.Next() {
		var id, meta, value []byte
		var i documented
		if err := rows.Scan(&id, &i.revision, &i.generation, &i.kind, &meta, &value); err != nil {
			d.t.Fatal(err)
		}
		d.item(&i, id, meta, value)
		out = append(out, i)
	}
	if err := rows.Err(); err != nil {
		d.t.Fatal(err)
	}
	return out
}

func (d *decoder) item(i *documented, id, meta, value []byte) {
	d.t.Helper()
	aad := func(label string) []byte {
		return parts([]byte(label), d.vaultID, id, i.revision, u64(i.generation), u64(i.kind))
	}
	names := d.split(d.open(d.derived("kinring vault 1 meta "+d.suite), meta, aad("kinring vault 1 meta")), 3)
	i.service, i.account, i.record = names[0], names[1], names[2]
	i.value = string(d.open(d.derived("kinring vault 1 value "+d.suite), value, aad("kinring vault 1 value")))
	if !bytes.Equal(id, d.id(i)) || len(i.revision) != 16 {
		d.t.Errorf("%s/%s: the address or the revision is not as documented", i.service, i.account)
	}
}

func (d *decoder) id(i *documented) []byte {
	return hmacOf(d.derived("kinring vault 1 names"), parts([]byte(i.service), []byte(i.account)))
}

func (d *decoder) state(items []documented) {
	d.t.Helper()
	var box []byte
	d.query("SELECT box FROM state WHERE one = 1", &box)
	plain := d.open(d.derived("kinring vault 1 state "+d.suite), box,
		parts([]byte("kinring vault 1 state"), d.vaultID))
	want := make([]byte, 40)
	binary.BigEndian.PutUint64(want, uint64(len(items)))
	for _, i := range items {
		for n, b := range hmacOf(d.derived("kinring vault 1 rows"), parts(d.id(&i), i.revision)) {
			want[8+n] ^= b
		}
	}
	if !bytes.Equal(plain, want) {
		d.t.Errorf("the state is %x, want %x", plain, want)
	}
}

// slotKeys gives the keys of slots from a key file's text and a passphrase.
func slotKeys(t *testing.T, keyFile, passphrase string) func(map[string]any, []byte) []byte {
	return func(s map[string]any, salt []byte) []byte {
		switch {
		case s["kdf"] == "pbkdf2-hmac-sha256":
			key, err := pbkdf2.Key(sha256.New, passphrase, salt, int(s["time"].(float64)), 32)
			if err != nil {
				t.Fatal(err)
			}
			return key
		case s["kind"] == "passphrase":
			return argon2.IDKey([]byte(passphrase), salt, uint32(s["time"].(float64)),
				uint32(s["memory_kib"].(float64)), uint8(s["threads"].(float64)), 32)
		}
		text, ok := strings.CutPrefix(keyFile, "kinring-vault-key-1:")
		secret, err := base64.RawURLEncoding.DecodeString(strings.TrimSuffix(text, "\n"))
		if err != nil || !ok || len(secret) != 32 {
			t.Fatalf("the key file is not as documented: %v", err)
		}
		key, err := hkdf.Key(sha256.New, secret, salt, "kinring vault 1 key file", 32)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
}

func TestFreshVaultIsAsDocumented(t *testing.T) {
	withoutRaces(t)
	for _, cipher := range []string{CipherXChaCha, CipherAESGCM} {
		t.Run(cipher, func(t *testing.T) { freshIsAsDocumented(t, cipher) })
	}
}

func freshIsAsDocumented(t *testing.T, cipher string) {
	path := t.TempDir() + "/vault.db"
	if err := GenerateKeyFile(t.Context(), DefaultKeyFile(path)); err != nil {
		t.Fatal(err)
	}
	o := options(path)
	o.Cipher = cipher
	o.Keys = append(o.Keys, phrase(sentinel))
	if err := Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	keyFile, err := os.ReadFile(DefaultKeyFile(path))
	if err != nil {
		t.Fatal(err)
	}
	s := openVault(t, path)
	record := store.Record{Version: 1, Kind: store.KindMarker, Generation: 1<<63 + 5, KeyID: "k"}
	put := func(account string, i store.Item) string {
		rev, err := s.Put(t.Context(), key(account), i, store.Any())
		if err != nil {
			t.Fatal(err)
		}
		return string(rev)
	}
	put("first", item("replaced"))
	revision := put("first", item("a value\x00"))
	put("second", store.Item{Record: record})
	put("gone", item("gone"))
	if err := s.Delete(t.Context(), key("gone"), store.Any()); err != nil {
		t.Fatal(err)
	}
	fingerprints, err := s.FingerprintKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	d, items := decode(t, path, slotKeys(t, string(keyFile), sentinel))
	if !bytes.Equal(fingerprints, d.fingerprintKey()) {
		t.Error("the fingerprint key is not as documented")
	}
	slices.SortFunc(items, func(a, b documented) int { return strings.Compare(a.account, b.account) })
	if len(items) != 2 || items[0].value != "a value\x00" || items[0].service != "vault test" || items[0].record != "" ||
		items[0].generation != 0 || items[0].kind != 0 || hexOf(items[0].revision) != revision {
		t.Errorf("items %+v", items)
	}
	if m := items[1]; m.value != "" || m.record != record.String() || uint64(m.generation) != 1<<63+5 || m.kind != 1 {
		t.Errorf("marker %+v", m)
	}
}
