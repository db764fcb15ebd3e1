package signfixture

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Object identifiers of RFC 5652, RFC 5758, RFC 3161, RFC 5035 and Apple's two
// hash agility attributes.
var (
	oidData            = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidContentType     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningTime     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 5}
	oidSHA256          = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidECDSAWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidTimestampToken  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 14}
	oidTSTInfo         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidSigningCertV2   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidHashAgility     = appleOID(9, 1)
	oidHashAgilityV2   = appleOID(9, 2)
	oidLoose           = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 2} // RFC 5612: for documentation
)

// message is one CMS SignedData with one signer, in the making.
type message struct {
	contentType asn1.ObjectIdentifier
	content     []byte
	detached    bool
	signer      *Identity
	time        time.Time
	attributes  []attribute // further signed attributes
	stamp       *Identity   // time stamp authority, nil for none
	stampTime   time.Time
	loose       []attribute // further unsigned attributes
}

// attribute is a CMS attribute; each value is complete DER.
type attribute struct {
	id     asn1.ObjectIdentifier
	values [][]byte
}

// encode signs the message and returns the ContentInfo as DER.
func (m *message) encode() ([]byte, error) {
	signed := m.signedAttributes()
	signature, err := sign(m.signer, signed)
	if err != nil {
		return nil, err
	}
	unsigned, err := m.unsignedAttributes(signature)
	if err != nil {
		return nil, err
	}
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidSignedData)
			b.AddASN1(context0, func(b *cryptobyte.Builder) { m.addSignedData(b, signed, signature, unsigned) })
		})
	})
}

const (
	context0 cbasn1.Tag = 0xa0 // [0], constructed
	context1 cbasn1.Tag = 0xa1 // [1], constructed
)

// addSignedData writes the SignedData of RFC 5652 section 5.1.
func (m *message) addSignedData(b *cryptobyte.Builder, signed, signature, unsigned []byte) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(m.version())
		b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { addAlgorithm(b, oidSHA256, true) })
		b.AddASN1(cbasn1.SEQUENCE, m.addContent)
		b.AddASN1(context0, func(b *cryptobyte.Builder) {
			for _, c := range sortedDER(m.certificates()) {
				b.AddBytes(c)
			}
		})
		b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) { m.addSignerInfo(b, signed, signature, unsigned) })
	})
}

// version is 1 for plain data and 3 for any other content (RFC 5652 5.1).
func (m *message) version() int64 {
	if m.contentType.Equal(oidData) {
		return 1
	}
	return 3
}

func (m *message) addContent(b *cryptobyte.Builder) {
	b.AddASN1ObjectIdentifier(m.contentType)
	if m.detached {
		return
	}
	b.AddASN1(context0, func(b *cryptobyte.Builder) { b.AddASN1OctetString(m.content) })
}

// certificates lists the signer and everything above it, as codesign embeds.
func (m *message) certificates() (out [][]byte) {
	for _, c := range append([]*x509.Certificate{m.signer.Certificate}, m.signer.Chain...) {
		out = append(out, c.Raw)
	}
	return out
}

// addSignerInfo writes the SignerInfo of RFC 5652 section 5.3.
func (m *message) addSignerInfo(b *cryptobyte.Builder, signed, signature, unsigned []byte) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(m.signer.Certificate.RawIssuer)
			b.AddASN1BigInt(m.signer.Certificate.SerialNumber)
		})
		addAlgorithm(b, oidSHA256, true)
		b.AddASN1(context0, func(b *cryptobyte.Builder) { b.AddBytes(setContent(signed)) })
		addAlgorithm(b, oidECDSAWithSHA256, false)
		b.AddASN1OctetString(signature)
		if unsigned != nil {
			b.AddASN1(context1, func(b *cryptobyte.Builder) { b.AddBytes(unsigned) })
		}
	})
}

// signedAttributes returns the DER SET over which the signature is made.
func (m *message) signedAttributes() []byte {
	digest := sha256.Sum256(m.content)
	list := append([]attribute{
		{oidContentType, [][]byte{must(asn1.Marshal(m.contentType))}},
		{oidMessageDigest, [][]byte{must(asn1.Marshal(digest[:]))}},
		{oidSigningTime, [][]byte{must(asn1.Marshal(m.time.UTC()))}},
	}, m.attributes...)
	var encoded [][]byte
	for _, a := range list {
		encoded = append(encoded, a.encode())
	}
	return must(build(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
			for _, a := range sortedDER(encoded) {
				b.AddBytes(a)
			}
		})
	}))
}

// unsignedAttributes returns the attributes that the signature does not cover;
// nil where there are none.
func (m *message) unsignedAttributes(signature []byte) (out []byte, err error) {
	var encoded [][]byte
	for _, a := range m.loose {
		encoded = append(encoded, a.encode())
	}
	if m.stamp != nil {
		stamp, err := m.timestamp(signature)
		if err != nil {
			return nil, err
		}
		encoded = append(encoded, stamp)
	}
	for _, a := range sortedDER(encoded) {
		out = append(out, a...)
	}
	return out, nil
}

func (a attribute) encode() []byte {
	return must(build(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(a.id)
			b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
				for _, v := range sortedDER(a.values) {
					b.AddBytes(v)
				}
			})
		})
	}))
}

// sortedDER orders the members of a SET OF as DER demands.
func sortedDER(list [][]byte) [][]byte {
	list = slices.Clone(list)
	slices.SortFunc(list, bytes.Compare)
	return list
}

func addAlgorithm(b *cryptobyte.Builder, id asn1.ObjectIdentifier, null bool) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(id)
		if null {
			b.AddASN1NULL()
		}
	})
}

// sign makes a deterministic ECDSA signature over data.
func sign(id *Identity, data []byte) ([]byte, error) {
	digest := sha256.Sum256(data)
	return id.key.Sign(nil, digest[:], crypto.SHA256)
}

// setContent strips the tag and length of a DER element.
func setContent(der []byte) []byte {
	s := cryptobyte.String(der)
	var content cryptobyte.String
	if !s.ReadAnyASN1(&content, new(cbasn1.Tag)) {
		panic("signfixture: own encoding does not read back")
	}
	return content
}

func build(f func(*cryptobyte.Builder)) ([]byte, error) {
	b := cryptobyte.NewBuilder(nil)
	f(b)
	return b.Bytes()
}

// must is for encodings whose input this package fixes itself.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
