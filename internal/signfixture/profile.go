package signfixture

import (
	"maps"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Profile describes a provisioning profile. The zero value of a field means
// what a Developer ID profile has.
type Profile struct {
	Name         string
	Team         string      // empty: Team
	AppID        string      // bundle id or pattern, without the team
	Entitlements Dict        // nil: application id, team, and every group of the team
	Certificates []*Identity // that may sign code under this profile
	Platforms    []string    // nil: OSX
	Devices      []string    // not nil: a development profile for these devices
	Created      time.Time   // zero: 2025-06-01
	Expires      time.Time   // zero: 18 years later, as Apple's are
	Signer       *Identity   // nil: the test authority's profile signer
	NoDER        bool        // leave the DER copy out
	Change       func(Dict)  // edits the property list copy
	ChangeDER    func(Dict)  // edits the DER copy
}

var profileCreated = time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)

// profileLife is the TimeToLive, in days, of Apple's Developer ID profiles.
const profileLife = 6570

// Encode writes the profile file: a CMS message around the property list, which
// itself holds the DER copy.
func (p Profile) Encode(tb testing.TB) []byte {
	tb.Helper()
	p = p.filled(tb)
	list := p.list()
	if !p.NoDER {
		list["DER-Encoded-Profile"] = p.signed(tb, p.der())
	}
	if p.Change != nil {
		p.Change(list)
	}
	return p.signed(tb, list.XML())
}

func (p Profile) filled(tb testing.TB) Profile {
	if p.Team == "" {
		p.Team = Team
	}
	if p.Name == "" {
		p.Name = "Kinring Test " + p.AppID
	}
	if p.Entitlements == nil {
		p.Entitlements = AppEntitlements(p.Team, p.AppID, "*")
	}
	if p.Platforms == nil {
		p.Platforms = []string{"OSX"}
	}
	if p.Created.IsZero() {
		p.Created = profileCreated
	}
	if p.Expires.IsZero() {
		p.Expires = p.Created.AddDate(0, 0, profileLife)
	}
	if p.Signer == nil {
		p.Signer = TestAuthority(tb).ProfileSigner
	}
	return p
}

// list returns the property list copy.
func (p Profile) list() Dict {
	d := p.common()
	d["Entitlements"] = p.Entitlements
	var certificates [][]byte
	for _, c := range p.Certificates {
		certificates = append(certificates, c.Certificate.Raw)
	}
	d["DeveloperCertificates"] = certificates
	return d
}

// common holds the keys that both copies write alike.
func (p Profile) common() Dict {
	d := Dict{
		"AppIDName":                   "Kinring Test",
		"ApplicationIdentifierPrefix": []string{p.Team},
		"CreationDate":                p.Created,
		"ExpirationDate":              p.Expires,
		"IsXcodeManaged":              false,
		"Name":                        p.Name,
		"Platform":                    p.Platforms,
		"TeamIdentifier":              []string{p.Team},
		"TeamName":                    "Kinring Test",
		"TimeToLive":                  int(p.Expires.Sub(p.Created).Hours() / 24),
		"UUID":                        "0b0c7f5e-2f6a-4f0e-9a55-000000000001",
		"Version":                     1,
	}
	if p.Devices != nil {
		d["ProvisionedDevices"] = p.Devices
	} else {
		d["ProvisionsAllDevices"] = true
	}
	return d
}

// der writes the DER copy: a SET of key and value pairs, certificates by
// fingerprint, entitlements in the form of the code signature.
func (p Profile) der() []byte {
	d := p.common()
	var fingerprints [][]byte
	for _, c := range p.Certificates {
		fingerprints = append(fingerprints, c.Fingerprint())
	}
	d["DeveloperCertificates"] = fingerprints
	d["Entitlements"] = p.Entitlements
	d["ProfileDistributionType"] = "DIRECT"
	if p.Devices != nil {
		d["ProfileDistributionType"] = "DEVELOPMENT"
	}
	if p.ChangeDER != nil {
		p.ChangeDER(d)
	}
	return must(build(func(b *cryptobyte.Builder) {
		b.AddASN1(cbasn1.SET, func(b *cryptobyte.Builder) {
			for _, k := range slices.Sorted(maps.Keys(d)) {
				b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
					addDER(b, k)
					addProfileDER(b, d[k])
				})
			}
		})
	}))
}

// addProfileDER adds the types that only profiles have to those of entitlements.
func addProfileDER(b *cryptobyte.Builder, v any) {
	switch v := v.(type) {
	case time.Time:
		b.AddASN1UTCTime(v.UTC())
	case []byte:
		b.AddASN1OctetString(v)
	case [][]byte:
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, e := range v {
				b.AddASN1OctetString(e)
			}
		})
	case Dict:
		b.AddBytes(v.DER())
	default:
		addDER(b, v)
	}
}

func (p Profile) signed(tb testing.TB, content []byte) []byte {
	m := message{contentType: oidData, content: content, signer: p.Signer, time: p.Created}
	out, err := m.encode()
	if err != nil {
		tb.Fatal(err)
	}
	return out
}
