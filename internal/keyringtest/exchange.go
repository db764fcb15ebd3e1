package keyringtest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"strings"
)

// group5 is the prime of RFC 3526, group 5; the generator is 2.
var group5, _ = new(big.Int).SetString(
	"FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74"+
		"020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"+
		"4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"+
		"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05"+
		"98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB"+
		"9ED529077096966D670C354E4ABC9804F1746C08CA237327FFFFFFFFFFFFFFFF", 16)

const group5Bytes = 192

// exchange is our half of gcr's "sx-aes-1", by which a prompter sends a password
// to the keyring.
type exchange struct{ private *big.Int }

func newExchange() *exchange {
	private, err := rand.Int(rand.Reader, group5)
	if err != nil {
		panic(err)
	}
	return &exchange{private}
}

func encode(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// text is what begins an exchange.
func (x *exchange) text() string {
	public := new(big.Int).Exp(big.NewInt(2), x.private, group5)
	return "[sx-aes-1]\npublic=" + encode(public.FillBytes(make([]byte, group5Bytes))) + "\n"
}

// answer encrypts a password for the other side.
func (x *exchange) answer(theirs, password string) string {
	var public []byte
	for line := range strings.Lines(theirs) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "public="); ok {
			public, _ = base64.StdEncoding.DecodeString(text) // checked by what comes of it
		}
	}
	shared := new(big.Int).Exp(new(big.Int).SetBytes(public), x.private, group5).FillBytes(make([]byte, group5Bytes))
	key, err := hkdf.Key(sha256.New, shared, nil, "", 16)
	if err != nil {
		panic(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	iv := make([]byte, aes.BlockSize)
	_, _ = rand.Read(iv) // never fails, see crypto/rand
	pad := aes.BlockSize - len(password)%aes.BlockSize
	sealed := append([]byte(password), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(sealed, sealed)
	return x.text() + "secret=" + encode(sealed) + "\niv=" + encode(iv) + "\n"
}
