package safestorage

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"

	"github.com/kinring/kinring/store"
)

// What the key of the portal's secret is made with. No NUL ends either text:
// checked against a value that Chromium 151 wrote.
const (
	portalSalt  = "fdo_portal_secret_salt"
	portalInfo  = "HKDF-SHA-256 AES-256-GCM"
	gcmKeyBytes = 32
)

// gcm is AES-256-GCM with a random nonce in front.
type gcm struct{ aead cipher.AEAD }

func newGCM(key []byte) (sealer, error) {
	if len(key) != gcmKeyBytes {
		return nil, &store.Error{Class: store.ErrCorrupt, Detail: fmt.Sprintf("the key has %d bytes and not %d", len(key), gcmKeyBytes),
			Remedy: "restore the app's key"}
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return gcm{aead}, err
}

func newPortal(secret []byte) (sealer, error) {
	if len(secret) == 0 {
		return nil, &store.Error{Class: store.ErrCorrupt, Detail: "the portal's secret is empty", Remedy: "restore the keyring"}
	}
	key, err := hkdf.Key(sha256.New, secret, []byte(portalSalt), portalInfo, gcmKeyBytes)
	if err != nil {
		return nil, err
	}
	return newGCM(key)
}

func (g gcm) seal(plain []byte) ([]byte, error) { return g.aead.Seal(nil, nil, plain, nil), nil }

func (g gcm) open(sealed []byte) ([]byte, error) {
	if len(sealed) < g.aead.Overhead() {
		return nil, corrupt(fmt.Sprintf("its %d bytes are too few for a nonce and a tag", len(sealed)))
	}
	plain, err := g.aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return nil, corrupt("it does not authenticate, so it was changed or the key is another one")
	}
	return plain, nil
}
