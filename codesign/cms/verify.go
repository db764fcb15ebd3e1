package cms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha1" // profiles and time stamps of Apple still use it
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/kinring/kinring/codesign/plist"
	"github.com/kinring/kinring/codesign/unreadable"
)

// Purpose says what a message was signed for, and so what its signer's
// certificate must allow.
type Purpose int

// The purposes.
const (
	CodeSigning  Purpose = iota // extended key usage code signing, where the certificate limits usage
	Profile                     // any usage
	timeStamping                // extended key usage time stamping
)

// digests maps object identifiers of digest algorithms (RFC 5754, RFC 3370).
var digests = map[string]crypto.Hash{
	"1.3.14.3.2.26":          crypto.SHA1,
	"2.16.840.1.101.3.4.2.1": crypto.SHA256,
	"2.16.840.1.101.3.4.2.2": crypto.SHA384,
	"2.16.840.1.101.3.4.2.3": crypto.SHA512,
}

// signatureDigests maps object identifiers of signature algorithms to the
// digest that they name; rsaEncryption names none.
var signatureDigests = map[string]crypto.Hash{
	"1.2.840.113549.1.1.1":  0,
	"1.2.840.113549.1.1.5":  crypto.SHA1,
	"1.2.840.113549.1.1.11": crypto.SHA256,
	"1.2.840.113549.1.1.12": crypto.SHA384,
	"1.2.840.113549.1.1.13": crypto.SHA512,
	"1.2.840.10045.4.1":     crypto.SHA1,
	"1.2.840.10045.4.3.2":   crypto.SHA256,
	"1.2.840.10045.4.3.3":   crypto.SHA384,
	"1.2.840.10045.4.3.4":   crypto.SHA512,
}

// MaxSize bounds the bytes of one message.
const MaxSize = 16 << 20

// Read parses a message and verifies it. detached is the content that it signs
// where the message does not enclose it; nil means that it must. An error says
// that the message cannot be read; whether it holds is told by the Message. The
// result takes at most a fixed multiple of the message's bytes.
func Read(raw, detached []byte, purpose Purpose, roots *Roots) (*Message, error) {
	if len(raw) > MaxSize {
		return nil, unreadable.At("cms message", 0, "%d bytes; at most %d are read", len(raw), MaxSize)
	}
	der, err := toDER(raw)
	if err != nil {
		return nil, err
	}
	s, err := parse(der)
	if err != nil {
		return nil, err
	}
	if !s.contentType.Equal(oidData) {
		return nil, unreadable.At("cms message", 0, "its content is of type %s, not data", s.contentType)
	}
	if detached != nil && s.content != nil {
		return nil, unreadable.At("cms message", 0, "it encloses content, where only a signature is expected")
	}
	m := s.message(detached)
	m.readTime(s)
	if err := m.readAgility(s); err != nil {
		return nil, err
	}
	m.readStamp(s, roots)
	m.Chain, m.ChainErr = roots.chain(m.Signer, m.Certificates, purpose, m.validAt())
	m.Unused = append(m.Unused, unused(m.Certificates, m.Chain)...)
	return m, nil
}

// message checks the signature of s over its content.
func (s *signedData) message(detached []byte) *Message {
	m := &Message{Content: s.content, Certificates: s.certificates, Digest: digests[s.signer.digest.String()]}
	content := s.content
	if content == nil {
		content = detached
	}
	for _, c := range s.certificates {
		if s.signer.names(c) {
			m.Signer = c
			break
		}
	}
	m.SignatureErr = s.checkSignature(content, m.Signer)
	return m
}

func (s *signedData) checkSignature(content []byte, signer *x509.Certificate) error {
	if content == nil {
		return errors.New("the message neither encloses content nor was given any")
	}
	if signer == nil {
		return errors.New("the signer's certificate is not in the message")
	}
	digest := digests[s.signer.digest.String()]
	if err := s.checkAttributes(content, digest); err != nil {
		return err
	}
	named, known := signatureDigests[s.signer.algorithm.String()]
	if !known || named != 0 && named != digest {
		return fmt.Errorf("signature algorithm %s does not go with the digest %v", s.signer.algorithm, digest)
	}
	return verifySignature(signer.PublicKey, digest, s.signer.attributes, s.signer.signature)
}

// checkAttributes checks the two attributes that tie the signature to its
// content.
func (s *signedData) checkAttributes(content []byte, digest crypto.Hash) error {
	var kind asn1.ObjectIdentifier
	values, _ := find(s.signer.signed, oidContentType)
	if !values.ReadASN1ObjectIdentifier(&kind) || !values.Empty() || !kind.Equal(s.contentType) {
		return errors.New("the signed content type is not that of the content")
	}
	var want cryptobyte.String
	values, _ = find(s.signer.signed, oidMessageDigest)
	if !values.ReadASN1(&want, casn1.OCTET_STRING) || !values.Empty() {
		return errors.New("the signed digest does not read")
	}
	if !bytes.Equal(want, sum(digest, content)) {
		return errors.New("the signed digest is not that of the content")
	}
	return nil
}

func sum(h crypto.Hash, b []byte) []byte {
	w := h.New()
	w.Write(b)
	return w.Sum(nil)
}

// verifySignature checks an RSA (PKCS #1 v1.5) or ECDSA signature over data.
func verifySignature(key any, digest crypto.Hash, data, signature []byte) error {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if err := rsa.VerifyPKCS1v15(key, digest, sum(digest, data), signature); err != nil {
			return errors.New("the rsa signature does not hold")
		}
		return nil
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(key, sum(digest, data), signature) {
			return errors.New("the ecdsa signature does not hold")
		}
		return nil
	}
	return fmt.Errorf("keys of type %T are not supported", key)
}

// readTime notes the signing time that the signer claims.
func (m *Message) readTime(s *signedData) {
	values, _ := find(s.signer.signed, oidSigningTime)
	var t time.Time
	if values.PeekASN1Tag(casn1.UTCTime) && values.ReadASN1UTCTime(&t) ||
		values.PeekASN1Tag(casn1.GeneralizedTime) && values.ReadASN1GeneralizedTime(&t) {
		m.SigningTime = t.UTC()
	}
}

// validAt is the time at which the signer's certificate must have been valid:
// the attested one, else the claimed one.
func (m *Message) validAt() time.Time {
	if m.Stamp != nil && m.Stamp.Err == nil {
		return m.Stamp.Time
	}
	return m.SigningTime
}

// readAgility reads Apple's two hash agility attributes.
func (m *Message) readAgility(s *signedData) error {
	if values, ok := find(s.signer.signed, oidCDHashes); ok {
		hashes, err := cdHashes(values)
		if err != nil {
			return unreadable.Because(err, "hash agility attribute "+oidCDHashes.String(), 0, "it does not read")
		}
		m.CDHashes = hashes
	}
	values, ok := find(s.signer.signed, oidAgility)
	if !ok {
		return nil
	}
	m.Agility = []AgileHash{}
	for !values.Empty() {
		h, ok := agileHash(&values)
		if !ok {
			return unreadable.At("hash agility attribute "+oidAgility.String(), 0, "it does not read")
		}
		m.Agility = append(m.Agility, h)
	}
	return nil
}

// cdHashes reads the property list {cdhashes: [data, ...]} in an octet string.
func cdHashes(values cryptobyte.String) ([][]byte, error) {
	var list cryptobyte.String
	if !values.ReadASN1(&list, casn1.OCTET_STRING) || !values.Empty() {
		return nil, errOneValue
	}
	doc, err := plist.ParseDict(list)
	if err != nil {
		return nil, err
	}
	v, _ := doc.Root.Entries.Get("cdhashes")
	hashes := [][]byte{}
	for _, item := range v.Items {
		if item.Kind != plist.Data {
			return nil, errors.New("an entry of cdhashes is no data")
		}
		hashes = append(hashes, item.Data)
	}
	return hashes, nil
}

func agileHash(values *cryptobyte.String) (AgileHash, bool) {
	var pair, digest cryptobyte.String
	var oid asn1.ObjectIdentifier
	ok := values.ReadASN1(&pair, casn1.SEQUENCE) && pair.ReadASN1ObjectIdentifier(&oid) &&
		pair.ReadASN1(&digest, casn1.OCTET_STRING) && pair.Empty()
	return AgileHash{Hash: digests[oid.String()], OID: oid.String(), Digest: digest}, ok
}

// readStamp verifies the time stamp and notes every other unsigned attribute.
func (m *Message) readStamp(s *signedData, roots *Roots) {
	for _, a := range s.signer.unsigned {
		if !a.oid.Equal(oidStampToken) {
			m.Unsigned = append(m.Unsigned, a.oid.String())
			continue
		}
		stamp, rest := readStamp(a.values, s.signer.signature, roots)
		m.Stamp, m.Unused = stamp, append(m.Unused, rest...)
	}
}
