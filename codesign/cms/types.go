// Package cms reads and verifies the CMS messages of Apple code signatures and
// provisioning profiles: who signed, whether the signature holds, whether the
// signer's certificate chains to a pinned root, and what a time-stamping
// authority attests.
//
// The reader is strict: every byte of a message is either part of a structure
// that the standard fixes or covered by a digest, so that no byte can change
// unseen. Formats: RFC 5652 for CMS, RFC 3161 for time stamps, RFC 5280 for
// certificates, TN3126 for Apple's hash agility attributes.
package cms

import (
	"crypto"
	"crypto/x509"
	"time"
)

// Message is a parsed CMS SignedData with what its verification found. A
// Message that parses may still be worthless: look at SignatureErr and ChainErr.
type Message struct {
	Content      []byte              // the enclosed content; nil when detached
	Certificates []*x509.Certificate // in the order of the message
	Signer       *x509.Certificate   // the certificate that the signer info names; nil when it is not there
	Digest       crypto.Hash         // of the signer
	SigningTime  time.Time           // as the signer claims it; zero where absent

	CDHashes [][]byte    // attribute 1.2.840.113635.100.9.1; nil where absent
	Agility  []AgileHash // attribute 1.2.840.113635.100.9.2; nil where absent
	Stamp    *Timestamp  // RFC 3161 time stamp; nil where absent

	Unsigned []string // identifiers of unsigned attributes other than the time stamp, which nothing covers

	SignatureErr error               // nil: the signer's key signed this content
	Chain        []*x509.Certificate // signer first, pinned root last; nil where ChainErr is not
	ChainErr     error               // nil: the signer chains to a pinned root
	Unused       []*x509.Certificate // certificates of the message that no verified chain uses
}

// AgileHash is one digest of a code directory in the hash agility attribute.
type AgileHash struct {
	Hash   crypto.Hash // zero where the algorithm is unknown
	OID    string
	Digest []byte
}

// Timestamp is the token of a time-stamping authority over the signer's
// signature.
type Timestamp struct {
	Time   time.Time
	Signer *x509.Certificate   // nil where it is not in the token
	Chain  []*x509.Certificate // to a pinned root
	Err    error               // nil: the token holds, covers this signature and chains to a pinned root
}

// Root is one pinned root certificate.
type Root struct {
	Name        string
	Certificate *x509.Certificate
}

// Roots is a set of pinned root certificates. Nothing outside it is trusted.
type Roots struct{ list []Root }
