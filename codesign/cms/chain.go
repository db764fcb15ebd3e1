package cms

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxChain bounds the certificates between a signer and its root; Apple's
// chains have one.
const maxChain = 6

// appleArc starts the object identifiers of Apple's certificate extensions,
// which mark what a certificate is for and may be critical.
const appleArc = "1.2.840.113635.100.6."

// certificateDigests maps the signature algorithms of certificates.
var certificateDigests = map[x509.SignatureAlgorithm]crypto.Hash{
	x509.SHA1WithRSA: crypto.SHA1, x509.SHA256WithRSA: crypto.SHA256, x509.SHA384WithRSA: crypto.SHA384, x509.SHA512WithRSA: crypto.SHA512,
	x509.ECDSAWithSHA1: crypto.SHA1, x509.ECDSAWithSHA256: crypto.SHA256, x509.ECDSAWithSHA384: crypto.SHA384, x509.ECDSAWithSHA512: crypto.SHA512,
}

// chain builds the way from a certificate over those of its message to a pinned
// root, and checks each step. A zero time skips the check of validity periods.
func (r *Roots) chain(leaf *x509.Certificate, others []*x509.Certificate, purpose Purpose, at time.Time) ([]*x509.Certificate, error) {
	if leaf == nil {
		return nil, errors.New("there is no signer's certificate to build a chain from")
	}
	if err := allows(leaf, purpose); err != nil {
		return nil, err
	}
	chain := []*x509.Certificate{leaf}
	for !r.pins(chain[len(chain)-1]) {
		if len(chain) > maxChain {
			return nil, fmt.Errorf("more than %d certificates lie between the signer and a root", maxChain)
		}
		issuer, err := r.issuer(chain, others)
		if err != nil {
			return nil, err
		}
		chain = append(chain, issuer)
	}
	for _, c := range chain {
		if err := sound(c, at); err != nil {
			return nil, err
		}
	}
	return chain, nil
}

// issuer finds who issued the last certificate of a chain, pinned roots first.
func (r *Roots) issuer(chain, others []*x509.Certificate) (*x509.Certificate, error) {
	last := chain[len(chain)-1]
	candidates := make([]*x509.Certificate, 0, len(others)+3)
	for _, root := range r.pinned() {
		candidates = append(candidates, root.Certificate)
	}
	for _, c := range append(candidates, others...) {
		if bytes.Equal(c.RawSubject, last.RawIssuer) && !slices.Contains(chain, c) && issued(c, last, len(chain)-1) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("no pinned root and no certificate of the message issued %q", last.Subject)
}

// issued reports whether parent may issue certificates with below others under
// child, and has signed child.
func issued(parent, child *x509.Certificate, below int) bool {
	if !parent.BasicConstraintsValid || !parent.IsCA || parent.KeyUsage != 0 && parent.KeyUsage&x509.KeyUsageCertSign == 0 {
		return false
	}
	if limited := parent.MaxPathLen > 0 || parent.MaxPathLenZero; limited && below > parent.MaxPathLen {
		return false
	}
	digest, known := certificateDigests[child.SignatureAlgorithm]
	return known && verifySignature(parent.PublicKey, digest, child.RawTBSCertificate, child.Signature) == nil
}

// sound checks a certificate by itself.
func sound(c *x509.Certificate, at time.Time) error {
	for _, oid := range c.UnhandledCriticalExtensions {
		if !strings.HasPrefix(oid.String(), appleArc) {
			return fmt.Errorf("certificate %q has the unknown critical extension %s", c.Subject, oid)
		}
	}
	if !at.IsZero() && (at.Before(c.NotBefore) || at.After(c.NotAfter)) {
		return fmt.Errorf("certificate %q was valid from %s to %s, not on %s", c.Subject,
			c.NotBefore.Format(time.DateOnly), c.NotAfter.Format(time.DateOnly), at.Format(time.DateOnly))
	}
	return nil
}

// allows checks the extended key usage of a signer's certificate.
func allows(c *x509.Certificate, purpose Purpose) error {
	usages := c.ExtKeyUsage
	switch purpose {
	case timeStamping:
		if !slices.Contains(usages, x509.ExtKeyUsageTimeStamping) {
			return fmt.Errorf("certificate %q is not for time stamping", c.Subject)
		}
	case CodeSigning:
		if len(usages)+len(c.UnknownExtKeyUsage) > 0 && !slices.Contains(usages, x509.ExtKeyUsageCodeSigning) {
			return fmt.Errorf("certificate %q is not for code signing", c.Subject)
		}
	}
	return nil
}

// unused lists the certificates that are not part of a chain.
func unused(all, chain []*x509.Certificate) []*x509.Certificate {
	var out []*x509.Certificate
	for _, c := range all {
		if !slices.ContainsFunc(chain, c.Equal) {
			out = append(out, c)
		}
	}
	return out
}

// HasExtension reports whether a certificate carries the extension, which for
// Apple's marks is all that counts.
func HasExtension(c *x509.Certificate, oid asn1.ObjectIdentifier) bool {
	return c != nil && slices.ContainsFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oid) })
}
