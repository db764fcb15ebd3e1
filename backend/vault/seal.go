package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/fips140"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"sync"

	"github.com/kinring/kinring/store"
	"golang.org/x/crypto/chacha20poly1305"
)

// Sizes in bytes of what format 1 is made of.
const (
	keySize      = 32 // the vault key and every key derived from it
	vaultIDSize  = 16
	revisionSize = 16
	idSize       = sha256.Size
)

// Cipher suites, as Options.Cipher and headers name them.
const (
	// CipherXChaCha is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03). Its nonce
	// of 24 bytes may be drawn at random for every box of a vault's life.
	// Passphrases are stretched by Argon2id.
	CipherXChaCha = "xchacha20poly1305"
	// CipherAESGCM is AES-256-GCM (NIST SP 800-38D) with nonces of 12 random bytes:
	// good for 2^32 writes, then the vault should be rekeyed. Passphrases are
	// stretched by PBKDF2-HMAC-SHA-256. Everything in it is allowed under
	// GODEBUG=fips140=only.
	CipherAESGCM = "aes256gcm"
)

// suite is what a vault is sealed with.
type suite struct {
	// cipher takes a key of keySize bytes.
	cipher func(key []byte) (cipher.AEAD, error)
	// kdf stretches passphrases of new slots.
	kdf string
}

var suites = map[string]suite{
	CipherXChaCha: {chacha20poly1305.NewX, kdfArgon2id},
	CipherAESGCM:  {newAESGCM, kdfPBKDF2},
}

// newAESGCM returns a cipher that makes its nonces itself: FIPS 140-3 allows no
// other. Its boxes are nonce, ciphertext and tag as well.
func newAESGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// newCipher returns a suite's cipher. The only error that it has for a key of
// the right size is that FIPS 140-3 forbids the cipher.
func newCipher(name string, key []byte) (cipher.AEAD, error) {
	s, known := suites[name]
	if !known {
		return nil, unsupported(fmt.Sprintf("the vault is sealed with %q", name))
	}
	aead, err := s.cipher(key)
	if err != nil {
		return nil, &store.Error{Class: store.ErrUnsupported, Err: err, Detail: name + " is not to be had",
			Remedy: "rekey the vault to " + CipherAESGCM + " where GODEBUG=fips140=only is not set"}
	}
	return aead, nil
}

// DefaultCipher is what new vaults are sealed with: where the process may use
// nothing but what FIPS 140-3 allows, that.
func DefaultCipher() string {
	if fips140.Enforced() {
		return CipherAESGCM
	}
	return CipherXChaCha
}

// Labels keep apart what is derived from one vault key, and the boxes that it
// seals. The labels of keys that feed a cipher are followed by its name.
const (
	labelHeader       = "kinring vault 1 header"
	labelNames        = "kinring vault 1 names"
	labelRows         = "kinring vault 1 rows"
	labelFingerprints = "kinring vault 1 fingerprints"
	labelMeta         = "kinring vault 1 meta"
	labelValue        = "kinring vault 1 value"
	labelState        = "kinring vault 1 state"
	labelSlot         = "kinring vault 1 slot"
	labelKeyFile      = "kinring vault 1 key file"
	labelKeyring      = "kinring vault 1 keyring"
	labelKept         = "kinring vault 2 fingerprints"
)

// errAuthentic is the cause of every box and MAC that does not authenticate.
var errAuthentic = errors.New("it does not authenticate")

// sealer holds everything that is derived from a vault key.
type sealer struct {
	vaultID                           []byte
	header, names, rows, fingerprints []byte
	meta, value, state, kept          cipher.AEAD
	hashes                            sync.Pool // of HMACs under names
}

func newSealer(vaultKey, vaultID []byte, suite string) (*sealer, error) {
	s := &sealer{vaultID: bytes.Clone(vaultID)}
	for label, key := range map[string]*[]byte{labelHeader: &s.header, labelNames: &s.names,
		labelRows: &s.rows, labelFingerprints: &s.fingerprints} {
		var err error
		if *key, err = hkdf.Key(sha256.New, vaultKey, vaultID, label, keySize); err != nil {
			return nil, err
		}
	}
	for label, box := range map[string]*cipher.AEAD{labelMeta: &s.meta, labelValue: &s.value,
		labelState: &s.state, labelKept: &s.kept} {
		key, err := hkdf.Key(sha256.New, vaultKey, vaultID, label+" "+suite, keySize)
		if err != nil {
			return nil, err
		}
		if *box, err = newCipher(suite, key); err != nil {
			return nil, err
		}
		clear(key)
	}
	return s, nil
}

// wipe overwrites the keys that it can reach; the ciphers and hashes keep theirs
// until they are collected.
func (s *sealer) wipe() {
	for _, key := range [][]byte{s.header, s.names, s.rows, s.fingerprints} {
		clear(key)
	}
}

// keepFingerprints seals a fingerprint key for a header: that of the vault key
// that the vault had first.
func (s *sealer) keepFingerprints(key []byte) []byte {
	return seal(s.kept, key, tuple([]byte(labelKept), s.vaultID))
}

// useKept takes the fingerprint key from the box of a header, if it has one.
func (s *sealer) useKept(box []byte) error {
	if len(box) == 0 {
		return nil
	}
	key, err := unseal(s.kept, box, tuple([]byte(labelKept), s.vaultID))
	if err != nil || len(key) != keySize {
		return corruptHeader(errAuthentic)
	}
	s.fingerprints = key
	return nil
}

// tuple encodes parts so that no two lists of parts look the same: each is
// preceded by its length in four bytes, big-endian.
func tuple(parts ...[]byte) []byte {
	size := 0
	for _, p := range parts {
		size += 4 + len(p)
	}
	out := make([]byte, 0, size)
	for _, p := range parts {
		out = binary.BigEndian.AppendUint32(out, uint32(len(p)))
		out = append(out, p...)
	}
	return out
}

// untuple decodes a tuple of exactly n parts.
func untuple(b []byte, n int) ([][]byte, error) {
	parts := make([][]byte, 0, n)
	for range n {
		if len(b) < 4 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-4) {
			return nil, errors.New("a part is cut off")
		}
		size := binary.BigEndian.Uint32(b)
		parts = append(parts, b[4:4+size])
		b = b[4+size:]
	}
	if len(b) > 0 {
		return nil, errors.New("there is more than it should hold")
	}
	return parts, nil
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func mac(key []byte, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}

// seal returns nonce, ciphertext and tag in one box.
func seal(aead cipher.AEAD, plain, aad []byte) []byte {
	box := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	_, _ = rand.Read(box) // never fails, see crypto/rand
	return aead.Seal(box, box, plain, aad)
}

func unseal(aead cipher.AEAD, box, aad []byte) ([]byte, error) {
	n := aead.NonceSize()
	if len(box) < n+aead.Overhead() {
		return nil, errAuthentic
	}
	plain, err := aead.Open(nil, box[:n], box[n:], aad)
	if err != nil {
		return nil, errAuthentic
	}
	return plain, nil
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return b
}

// id returns the address of a key, which tells nothing about its names. Every
// call begins with it, so the keyed hash is used again.
func (s *sealer) id(key store.Key) []byte {
	h, ok := s.hashes.Get().(hash.Hash)
	if !ok {
		h = hmac.New(sha256.New, s.names)
	}
	h.Reset()
	h.Write(tuple([]byte(key.Service), []byte(key.Account)))
	id := h.Sum(nil)
	s.hashes.Put(h)
	return id
}

// row is one item as the table holds it.
type row struct {
	id, revision []byte
	generation   int64 // the bits of the record's generation
	kind         int64
	meta, value  []byte
}

// aad binds a box to its vault, its key, the write that made it, and its place.
func (s *sealer) aad(label string, r row) []byte {
	return tuple([]byte(label), s.vaultID, r.id, r.revision, number(uint64(r.generation)), number(uint64(r.kind)))
}

// sealRow makes the row of a new write.
func (s *sealer) sealRow(key store.Key, item store.Item) (row, error) {
	return s.sealRowAs(key, item, randomBytes(revisionSize))
}

// sealRowAs makes the row of a write that has its revision.
func (s *sealer) sealRowAs(key store.Key, item store.Item, revision []byte) (row, error) {
	text, err := item.Record.Encode()
	if err != nil {
		return row{}, err
	}
	r := row{id: s.id(key), revision: revision,
		generation: int64(item.Record.Generation), kind: int64(item.Record.Kind)}
	r.meta = seal(s.meta, tuple([]byte(key.Service), []byte(key.Account), []byte(text)), s.aad(labelMeta, r))
	item.Value.View(func(b []byte) { r.value = seal(s.value, b, s.aad(labelValue, r)) })
	return r, nil
}

// openEntry reads everything of a row but its value.
func (s *sealer) openEntry(r row) (store.Entry, error) {
	e, err := s.openMeta(r)
	if err == nil && !hmac.Equal(s.id(e.Key), r.id) {
		return store.Entry{}, corruptRow(r, errContradiction)
	}
	return e, err
}

// errContradiction is the cause of a row whose parts authenticate and disagree.
var errContradiction = errors.New("its parts contradict each other")

// openMeta reads the meta box and leaves it to the caller to compare the key.
func (s *sealer) openMeta(r row) (store.Entry, error) {
	plain, err := unseal(s.meta, r.meta, s.aad(labelMeta, r))
	if err != nil {
		return store.Entry{}, corruptRow(r, err)
	}
	parts, err := untuple(plain, 3)
	if err != nil {
		return store.Entry{}, corruptRow(r, err)
	}
	e := store.Entry{Key: store.Key{Service: string(parts[0]), Account: string(parts[1])},
		Revision: store.Revision(hex.EncodeToString(r.revision))}
	if e.Record, err = store.ParseRecord(string(parts[2])); err != nil {
		return store.Entry{}, err
	}
	if int64(e.Record.Generation) != r.generation || int64(e.Record.Kind) != r.kind {
		return store.Entry{}, corruptRow(r, errContradiction)
	}
	return e, nil
}

// openItem reads the whole row at the address of a key.
func (s *sealer) openItem(key store.Key, r row) (store.Item, error) {
	e, err := s.openMeta(r)
	if err != nil {
		return store.Item{}, err
	}
	if e.Key != key {
		return store.Item{}, corruptRow(r, errContradiction)
	}
	plain, err := unseal(s.value, r.value, s.aad(labelValue, r))
	if err != nil {
		return store.Item{}, corruptRow(r, err)
	}
	defer clear(plain)
	return store.Item{Value: store.NewValue(plain), Record: e.Record, Revision: e.Revision}, nil
}

// corruptRow names a row by the beginning of its address, so that two reports
// can be told to be of one row.
func corruptRow(r row, err error) error {
	return &store.Error{Class: store.ErrCorrupt, Err: err, Remedy: restoring,
		Detail: fmt.Sprintf("the vault's row %x is damaged", r.id[:min(len(r.id), 4)])}
}

// restoring is the remedy for damage that kinring can find and not undo.
const restoring = "restore the vault from a backup"
