package signfixture

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"sync"
	"testing"
	"time"
)

// Now is the day on which fixtures are signed and, unless a test says
// otherwise, judged.
var Now = time.Date(2026, 2, 2, 12, 0, 0, 0, time.UTC)

// Team is the team of every fixture that does not name another.
const Team = "ABCDE12345"

// Apple's certificate extensions, all under 1.2.840.113635.100.
var (
	MarkDeveloperID       = appleOID(6, 1, 13)
	MarkDevelopment       = appleOID(6, 1, 12)
	MarkAppStore          = appleOID(6, 1, 7)
	MarkDeveloperIDCA     = appleOID(6, 2, 6)
	MarkWWDR              = appleOID(6, 2, 1)
	markProfileSigner     = appleOID(4, 11)
	oidUserID             = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}
	oidExtendedKeyUsage   = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidTimeStamping       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 8}
	derNull               = []byte{5, 0}
	certificateFrom       = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	certificateUntil      = time.Date(2044, 1, 1, 0, 0, 0, 0, time.UTC)
	leafCertificateUntil  = time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)
	usageSign, usageIssue = x509.KeyUsageDigitalSignature, x509.KeyUsageCertSign | x509.KeyUsageCRLSign
)

func appleOID(tail ...int) asn1.ObjectIdentifier {
	return append(asn1.ObjectIdentifier{1, 2, 840, 113635, 100}, tail...)
}

// Identity is a certificate, its key, and the certificates above it.
type Identity struct {
	Certificate *x509.Certificate
	Chain       []*x509.Certificate // issuer first, root last
	key         *ecdsa.PrivateKey
}

// Authority is a test copy of the shape of Apple's certificate hierarchy.
type Authority struct {
	Root, DeveloperID, WWDR, TimestampCA *Identity
	Timestamp, ProfileSigner             *Identity
}

var authority = sync.OnceValues(func() (*Authority, error) { return newAuthority("Kinring Test") })

// TestAuthority returns the authority that signs every fixture by default.
func TestAuthority(tb testing.TB) *Authority {
	tb.Helper()
	a, err := authority()
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// OtherAuthority returns a complete authority that no test trusts: what a
// self-made certificate looks like.
func OtherAuthority(tb testing.TB) *Authority {
	tb.Helper()
	a, err := newAuthority("Stranger")
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// newAuthority issues the fixed certificates; name tells authorities apart.
func newAuthority(name string) (a *Authority, err error) {
	a = &Authority{}
	for _, step := range []struct {
		to       **Identity
		issuer   func() *Identity
		template x509.Certificate
	}{
		{&a.Root, func() *Identity { return nil }, ca(name + " Root")},
		{&a.DeveloperID, func() *Identity { return a.Root }, ca(name+" Developer ID Certification Authority", MarkDeveloperIDCA)},
		{&a.WWDR, func() *Identity { return a.Root }, ca(name+" Worldwide Developer Relations", MarkWWDR)},
		{&a.TimestampCA, func() *Identity { return a.Root }, ca(name + " Timestamp Certification Authority")},
		{&a.Timestamp, func() *Identity { return a.TimestampCA }, timestampLeaf(name)},
		{&a.ProfileSigner, func() *Identity { return a.WWDR }, profileLeaf(name)},
	} {
		if *step.to, err = issue(step.issuer(), step.template); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Certificate says what a signing certificate looks like. Zero values mean a
// Developer ID Application certificate of Team.
type Certificate struct {
	Team  string                // organizational unit and user id
	Name  string                // after "Developer ID Application: "
	Mark  asn1.ObjectIdentifier // the kind of certificate
	From  time.Time
	Until time.Time
}

// Leaf issues a signing certificate.
func (a *Authority) Leaf(tb testing.TB, c Certificate) *Identity {
	tb.Helper()
	c = c.filled()
	issuer, title := a.DeveloperID, "Developer ID Application: "
	if !c.Mark.Equal(MarkDeveloperID) {
		issuer, title = a.WWDR, "Apple Development: "
	}
	t := leaf(title+c.Name+" ("+c.Team+")", c.Mark)
	t.Subject.OrganizationalUnit = []string{c.Team}
	t.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: oidUserID, Value: c.Team}}
	t.NotBefore, t.NotAfter = c.From, c.Until
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
	id, err := issue(issuer, t)
	if err != nil {
		tb.Fatal(err)
	}
	return id
}

func (c Certificate) filled() Certificate {
	if c.Team == "" {
		c.Team = Team
	}
	if c.Name == "" {
		c.Name = "Kinring Test"
	}
	if c.Mark == nil {
		c.Mark = MarkDeveloperID
	}
	if c.From.IsZero() {
		c.From = certificateFrom
	}
	if c.Until.IsZero() {
		c.Until = leafCertificateUntil
	}
	return c
}

func ca(name string, marks ...asn1.ObjectIdentifier) x509.Certificate {
	return x509.Certificate{
		Subject: pkix.Name{CommonName: name, Organization: []string{"Kinring Test"}, Country: []string{"US"}},
		IsCA:    true, BasicConstraintsValid: true, KeyUsage: usageIssue,
		NotBefore: certificateFrom, NotAfter: certificateUntil, ExtraExtensions: marked(false, marks),
	}
}

func leaf(name string, marks ...asn1.ObjectIdentifier) x509.Certificate {
	return x509.Certificate{
		Subject:  pkix.Name{CommonName: name, Organization: []string{"Kinring Test"}, Country: []string{"US"}},
		KeyUsage: usageSign, BasicConstraintsValid: true,
		NotBefore: certificateFrom, NotAfter: certificateUntil, ExtraExtensions: marked(true, marks),
	}
}

func timestampLeaf(name string) x509.Certificate {
	t := leaf(name + " Timestamp Signer")
	// RFC 3161 section 2.3 wants this usage alone and critical, which the
	// template's own field cannot say
	t.ExtraExtensions = []pkix.Extension{{
		Id: oidExtendedKeyUsage, Critical: true, Value: must(asn1.Marshal([]asn1.ObjectIdentifier{oidTimeStamping})),
	}}
	return t
}

func profileLeaf(name string) x509.Certificate {
	t := leaf(name + " Mac OS X Provisioning Profile Signing")
	t.ExtraExtensions = marked(false, []asn1.ObjectIdentifier{markProfileSigner})
	t.PolicyIdentifiers = []asn1.ObjectIdentifier{appleOID(5, 1)}
	return t
}

// marked turns Apple's marker OIDs into extensions; Apple marks those of leaves
// critical and those of authorities not.
func marked(critical bool, marks []asn1.ObjectIdentifier) (out []pkix.Extension) {
	for _, m := range marks {
		out = append(out, pkix.Extension{Id: m, Critical: critical, Value: derNull})
	}
	return out
}

// issue signs a template. Key and serial number come from the names and dates,
// so that a certificate issued twice is the same certificate.
func issue(issuer *Identity, t x509.Certificate) (*Identity, error) {
	seed := t.Subject.String() + t.NotBefore.String() + t.NotAfter.String()
	if issuer != nil {
		seed += issuer.Certificate.Subject.String()
	}
	digest := sha256.Sum256([]byte(seed))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), digest[:])
	if err != nil {
		return nil, err
	}
	t.SerialNumber = new(big.Int).SetBytes(digest[:8])
	id := &Identity{key: key}
	parent, signer := &t, key
	if issuer != nil {
		parent, signer = issuer.Certificate, issuer.key
		id.Chain = append([]*x509.Certificate{issuer.Certificate}, issuer.Chain...)
	}
	// a nil source of randomness asks for the deterministic ECDSA of RFC 6979
	der, err := x509.CreateCertificate(nil, &t, parent, &key.PublicKey, signer)
	if err != nil {
		return nil, err
	}
	id.Certificate, err = x509.ParseCertificate(der)
	return id, err
}
