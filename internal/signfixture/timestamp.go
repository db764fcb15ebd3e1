package signfixture

import (
	"crypto/sha256"
	"encoding/asn1"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// timestamp returns the unsigned attribute that holds an RFC 3161 token over
// the signature value.
func (m *message) timestamp(signature []byte) ([]byte, error) {
	token, err := timestampToken(m.stamp, signature, m.stampTime)
	if err != nil {
		return nil, err
	}
	return attribute{oidTimestampToken, [][]byte{token}}.encode(), nil
}

// timestampToken signs the digest of data and a time.
func timestampToken(authority *Identity, data []byte, at time.Time) ([]byte, error) {
	digest := sha256.Sum256(data)
	info, err := build(func(b *cryptobyte.Builder) { addTSTInfo(b, digest[:], at) })
	if err != nil {
		return nil, err
	}
	m := message{
		contentType: oidTSTInfo, content: info, signer: authority, time: at,
		attributes: []attribute{{oidSigningCertV2, [][]byte{signingCertificate(authority)}}},
	}
	return m.encode()
}

// addTSTInfo writes the TSTInfo of RFC 3161 section 2.4.2.
func addTSTInfo(b *cryptobyte.Builder, digest []byte, at time.Time) {
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1}) // RFC 5612: for documentation
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addAlgorithm(b, oidSHA256, true)
			b.AddASN1OctetString(digest)
		})
		b.AddASN1Int64(int64(digest[0]) + 1)
		b.AddASN1GeneralizedTime(at.UTC())
	})
}

// signingCertificate is the SigningCertificateV2 of RFC 5035 that binds the
// token to its certificate; SHA-256 is the default hash and is left out.
func signingCertificate(id *Identity) []byte {
	digest := sha256.Sum256(id.Certificate.Raw)
	return must(build(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest[:]) })
			})
		})
	}))
}
