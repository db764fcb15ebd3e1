package cms

import (
	"crypto/x509"
	"encoding/asn1"
)

// Apple's certificate marks: extensions that say what a certificate is for, as
// Apple's published certification practice statements list them.
var (
	MarkDeveloperID          = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 1, 13}
	MarkDeveloperIDInstaller = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 1, 14}
	MarkDeveloperIDCA        = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 2, 6}
	MarkMacDevelopment       = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 1, 12}
	MarkMacDistribution      = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 1, 7}
	MarkMacAppStore          = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 1, 9}
	MarkAppleDevelopment     = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 1, 2}
	MarkAppleDistribution    = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 1, 4}
	MarkProfileSigner        = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 4, 11}
	MarkDeveloperRelationsCA = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 6, 2, 1}
)

// Team returns the team of a signer's certificate, its first organizational
// unit; empty where there is none.
func Team(c *x509.Certificate) string {
	if c == nil || len(c.Subject.OrganizationalUnit) == 0 {
		return ""
	}
	return c.Subject.OrganizationalUnit[0]
}
