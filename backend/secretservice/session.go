package secretservice

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"math/big"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/store"
)

// algorithm is the one that encrypts; the other one that providers know is
// "plain".
const algorithm = "dh-ietf1024-sha256-aes128-cbc-pkcs7"

// groupBytes is the length of a number of the group.
const groupBytes = 128

// prime is that of the Second Oakley Group, RFC 2409 section 6.2; the generator
// is 2.
var prime, _ = new(big.Int).SetString(
	"FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74"+
		"020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"+
		"4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"+
		"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF", 16)

// session is an encrypted session with one provider.
type session struct {
	path dbus.ObjectPath
	key  []byte // of AES-128
}

// agreement is our half of a key agreement.
type agreement struct{ private *big.Int }

// newAgreement makes one whose public number means the same to everybody.
func newAgreement() (agreement, error) {
	for {
		private, err := rand.Int(rand.Reader, prime)
		if a := (agreement{private}); err != nil || plainNumber(a.public()) {
			return a, err
		}
	}
}

// plainNumber reports whether both sides of an agreement understand a number in
// the same way. The API wants it as it is, with zeros on its left. KWallet 5.103
// takes numbers for signed ones and so drops a leading FF byte, and does not pad the
// shared secret. One in a hundred sessions with it would have two different keys:
// what is read there is garbage, and what is written is lost.
func plainNumber(b []byte) bool { return b[0] != 0 && b[0] != 0xff }

// public is what the other side gets.
func (a agreement) public() []byte {
	return new(big.Int).Exp(big.NewInt(2), a.private, prime).FillBytes(make([]byte, groupBytes))
}

// key derives the session's key from the other side's public number. The shared
// secret is padded on its left to the length of the group before it is hashed.
// sure says that the other side has the same key, see plainNumber.
func (a agreement) key(public []byte) (key []byte, sure bool, err error) {
	other := new(big.Int).SetBytes(public)
	top := new(big.Int).Sub(prime, big.NewInt(1))
	if other.Cmp(big.NewInt(1)) <= 0 || other.Cmp(top) >= 0 {
		return nil, false, corrupt("the provider's public number is out of range")
	}
	shared := new(big.Int).Exp(other, a.private, prime).FillBytes(make([]byte, groupBytes))
	defer clear(shared)
	key, err = hkdf.Key(sha256.New, shared, nil, "", 16)
	return key, plainNumber(other.FillBytes(make([]byte, groupBytes))) && plainNumber(shared), err
}

// wireSecret is the API's struct Secret.
type wireSecret struct {
	Session     dbus.ObjectPath
	Parameters  []byte // the initialisation vector
	Value       []byte
	ContentType string
}

// seal encrypts a secret for the session.
func (s *session) seal(value store.Value, contentType string) (wireSecret, error) {
	block, err := aes.NewCipher(s.key)
	if err != nil {
		return wireSecret{}, err
	}
	iv := make([]byte, aes.BlockSize)
	_, _ = rand.Read(iv) // never fails, see crypto/rand
	pad := aes.BlockSize - value.Len()%aes.BlockSize
	text := make([]byte, value.Len()+pad)
	value.View(func(b []byte) { copy(text, b) })
	for i := value.Len(); i < len(text); i++ {
		text[i] = byte(pad)
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(text, text)
	return wireSecret{s.path, iv, text, contentType}, nil
}

// open decrypts a secret, in place.
func (s *session) open(w wireSecret) (store.Value, error) {
	n := len(w.Value)
	if len(w.Parameters) != aes.BlockSize || n == 0 || n%aes.BlockSize != 0 {
		return store.Value{}, corrupt("the secret is not encrypted as agreed")
	}
	block, err := aes.NewCipher(s.key)
	if err != nil {
		return store.Value{}, err
	}
	cipher.NewCBCDecrypter(block, w.Parameters).CryptBlocks(w.Value, w.Value)
	defer clear(w.Value)
	pad := int(w.Value[n-1])
	if pad == 0 || pad > aes.BlockSize {
		return store.Value{}, corrupt("the secret's padding is wrong")
	}
	for _, b := range w.Value[n-pad:] {
		if int(b) != pad {
			return store.Value{}, corrupt("the secret's padding is wrong")
		}
	}
	return store.NewValue(w.Value[:n-pad]), nil
}

func corrupt(why string) error {
	return &store.Error{Class: store.ErrCorrupt, Detail: why, Remedy: "restart the keyring and try again"}
}
