package safestorage

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha1"
	"fmt"
	"slices"
)

// What keys of the CBC forms are made with.
const (
	salt          = "saltysalt"
	darwinRounds  = 1003
	linuxRounds   = 1
	cbcKeyBytes   = 16
	basicPassword = "peanuts"
)

// spaces is the initialisation vector of every value.
var spaces = bytes.Repeat([]byte{' '}, aes.BlockSize)

// cbc is AES-128-CBC with PKCS #7 padding.
type cbc struct{ block cipher.Block }

func newCBC(password []byte, rounds int) (sealer, error) {
	key, err := pbkdf2.Key(sha1.New, string(password), []byte(salt), rounds, cbcKeyBytes)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	return cbc{block}, err
}

func (c cbc) seal(plain []byte) ([]byte, error) {
	n := aes.BlockSize - len(plain)%aes.BlockSize
	out := slices.Concat(plain, bytes.Repeat([]byte{byte(n)}, n))
	cipher.NewCBCEncrypter(c.block, spaces).CryptBlocks(out, out)
	return out, nil
}

func (c cbc) open(sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || len(sealed)%aes.BlockSize != 0 {
		return nil, corrupt(fmt.Sprintf("its %d bytes are not whole blocks", len(sealed)))
	}
	out := bytes.Clone(sealed)
	cipher.NewCBCDecrypter(c.block, spaces).CryptBlocks(out, out)
	n := int(out[len(out)-1])
	padding := out[max(0, len(out)-n):]
	if n == 0 || n > aes.BlockSize || !bytes.Equal(padding, bytes.Repeat([]byte{byte(n)}, n)) {
		clear(out)
		return nil, corrupt("bad padding, so it is damaged or the key is another one")
	}
	return out[:len(out)-n], nil
}

// openEmpty decrypts with the key that is made from no password.
func openEmpty(sealed []byte) ([]byte, error) {
	c, err := newCBC(nil, linuxRounds)
	if err != nil {
		return nil, err
	}
	return c.open(sealed)
}
