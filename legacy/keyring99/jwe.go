package keyring99

import (
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/kinring/kinring/store"
)

// rounds is the library's number of PBKDF2 rounds (jose2go's, for PBES2). A file
// is as well protected after a write as the library would leave it.
const rounds = 8192

// open decrypts a token. A wrong passphrase and a damaged token look the same:
// the key that the passphrase gives does not fit.
func open(token, passphrase []byte) ([]byte, error) {
	e, err := jose.ParseEncryptedCompact(strings.TrimSpace(string(token)),
		[]jose.KeyAlgorithm{jose.PBES2_HS256_A128KW}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		return nil, &store.Error{Class: store.ErrCorrupt, Detail: "it is no encrypted secret of this library", Err: err,
			Remedy: "store it again with the older build"}
	}
	text, err := e.Decrypt(passphrase)
	if err != nil {
		return nil, &store.Error{Class: store.ErrDenied, Detail: "the passphrase does not open it, or it is damaged", Err: err,
			Remedy: "give the passphrase of the older build"}
	}
	return text, nil
}

// seal encrypts a text as the library does, with the time in the header.
func seal(text, passphrase []byte) ([]byte, error) {
	options := (&jose.EncrypterOptions{}).WithHeader("created", time.Now().String())
	e, err := jose.NewEncrypter(jose.A256GCM,
		jose.Recipient{Algorithm: jose.PBES2_HS256_A128KW, Key: passphrase, PBES2Count: rounds}, options)
	if err != nil {
		return nil, err
	}
	sealed, err := e.Encrypt(text)
	if err != nil {
		return nil, err
	}
	token, err := sealed.CompactSerialize()
	return []byte(token), err
}
