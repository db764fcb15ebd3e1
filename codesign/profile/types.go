// Package profile reads provisioning profiles: the signed list of who may claim
// which entitlements, with which certificates, where and how long.
//
// Format: a CMS message around a property list, as Technical Note TN3125
// describes; current systems take the second, DER-encoded copy inside that list
// as the truth, so both are read and compared.
package profile

import (
	"crypto/x509"
	"time"

	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/codesign/plist"
)

// Profile is a provisioning profile.
type Profile struct {
	CMS   *cms.Message // of the outer message
	Plist plist.Dict   // everything in the property list

	Name        string
	UUID        string
	AppIDName   string
	TeamName    string
	Version     int64
	Platforms   []string // "OSX" for macOS
	Teams       []string // TeamIdentifier
	AppIDPrefix []string // ApplicationIdentifierPrefix
	Created     time.Time
	Expires     time.Time

	AllDevices bool     // ProvisionsAllDevices: Developer ID and enterprise profiles
	Devices    []string // ProvisionedDevices: development and ad hoc profiles

	Certificates []Certificate // DeveloperCertificates
	Entitlements plist.Dict    // what may be claimed, with wildcards

	DER    *DER  // the DER-encoded copy; nil: none, or DERErr
	DERErr error // the DER-encoded copy does not parse
}

// Certificate is one certificate that a profile allows to sign.
type Certificate struct {
	SHA256      [32]byte          // of the DER form
	Certificate *x509.Certificate // nil where it does not parse
}

// DER is the DER-encoded copy of a profile.
type DER struct {
	CMS          *cms.Message // its own message
	Values       plist.Dict   // everything in it; Data for values of unknown type
	Entitlements plist.Dict
	Digests      [][]byte           // SHA-256 of the certificates
	Distribution string             // ProfileDistributionType: "DIRECT" for Developer ID
	Differences  []plist.Difference // A is the property list's side, B the DER side
}
