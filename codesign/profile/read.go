package profile

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"strings"

	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/codesign/entitlements"
	"github.com/kinring/kinring/codesign/plist"
	"github.com/kinring/kinring/codesign/unreadable"
)

// MaxSize bounds the bytes of a profile; Apple's have some tens of kilobytes,
// development profiles with many devices some hundreds.
const MaxSize = 4 << 20

// Keys of a profile's property list (TN3125).
const (
	keyDER          = "DER-Encoded-Profile"
	keyCertificates = "DeveloperCertificates"
	keyEntitlements = "Entitlements"
	keyDistribution = "ProfileDistributionType"
)

// Read reads a profile and verifies both of its messages against the roots; nil
// means Apple's. An error says that the profile cannot be read; whether its
// messages hold is told by them. Memory stays within a fixed multiple of the
// profile's bytes.
func Read(raw []byte, roots *cms.Roots) (*Profile, error) {
	if len(raw) > MaxSize {
		return nil, unreadable.At("provisioning profile", 0, "%d bytes; at most %d are read", len(raw), MaxSize)
	}
	m, err := cms.Read(raw, nil, cms.Profile, roots)
	if err != nil {
		return nil, err
	}
	if m.Content == nil {
		return nil, unreadable.At("provisioning profile", 0, "its message encloses no property list")
	}
	doc, err := plist.ParseDict(m.Content)
	if err != nil {
		return nil, unreadable.Because(err, "provisioning profile", 0, "its property list does not read")
	}
	if len(doc.Duplicates) > 0 {
		return nil, unreadable.At("provisioning profile", 0, "the keys %s occur twice in its property list", strings.Join(doc.Duplicates, ", "))
	}
	p := &Profile{CMS: m, Plist: doc.Root.Entries}
	p.fill()
	if inner, ok := p.Plist.Get(keyDER); ok {
		p.DER, p.DERErr = readDER(inner, p, roots)
	}
	return p, nil
}

// fill copies the fields of the property list.
func (p *Profile) fill() {
	d := p.Plist
	p.Name, p.UUID = d.Text("Name"), d.Text("UUID")
	p.AppIDName, p.TeamName = d.Text("AppIDName"), d.Text("TeamName")
	p.Platforms, _ = d.Strings("Platform")
	p.Teams, _ = d.Strings("TeamIdentifier")
	p.AppIDPrefix, _ = d.Strings("ApplicationIdentifierPrefix")
	p.Devices, _ = d.Strings("ProvisionedDevices")
	p.AllDevices = d.Bool("ProvisionsAllDevices")
	p.Entitlements = d.Dict(keyEntitlements)
	version, _ := d.Get("Version")
	created, _ := d.Get("CreationDate")
	expires, _ := d.Get("ExpirationDate")
	p.Version, p.Created, p.Expires = version.Integer, created.Time, expires.Time
	certificates, _ := d.Get(keyCertificates)
	for _, item := range certificates.Items {
		c := Certificate{SHA256: sha256.Sum256(item.Data)}
		if parsed, err := x509.ParseCertificate(item.Data); err == nil {
			c.Certificate = parsed
		}
		p.Certificates = append(p.Certificates, c)
	}
}

// AppID returns the application identifier that the profile is for, with the
// team or prefix in front; empty where it names none. Mac profiles name it with
// Apple's prefix to the key, profiles for iOS without.
func (p *Profile) AppID() string {
	if id := p.Entitlements.Text("com.apple.application-identifier"); id != "" {
		return id
	}
	return p.Entitlements.Text("application-identifier")
}

// Allows reports whether the profile lists the certificate, byte for byte.
func (p *Profile) Allows(c *x509.Certificate) bool {
	if c == nil {
		return false
	}
	digest := sha256.Sum256(c.Raw)
	return slices.ContainsFunc(p.Certificates, func(have Certificate) bool { return have.SHA256 == digest })
}

// readDER reads the DER-encoded copy: a message of its own around a SET of keys
// and values.
func readDER(inner plist.Value, p *Profile, roots *cms.Roots) (*DER, error) {
	if inner.Kind != plist.Data {
		return nil, unreadable.At("der-encoded profile", 0, "it is of kind %s, not data", inner.Kind)
	}
	m, err := cms.Read(inner.Data, nil, cms.Profile, roots)
	if err != nil {
		return nil, err
	}
	if m.Content == nil {
		return nil, unreadable.At("der-encoded profile", 0, "its message encloses nothing")
	}
	values, err := entitlements.ParseDictionaryDER(m.Content)
	if err != nil {
		return nil, err
	}
	d := &DER{CMS: m, Values: values, Entitlements: values.Dict(keyEntitlements), Distribution: values.Text(keyDistribution)}
	d.readDigests()
	d.Differences = d.compare(p)
	return d, nil
}

func (d *DER) readDigests() {
	v, _ := d.Values.Get(keyCertificates)
	for _, item := range v.Items {
		d.Digests = append(d.Digests, item.Data)
	}
}

// compare lists where the two copies disagree on what decides a launch.
func (d *DER) compare(p *Profile) []plist.Difference {
	var out []plist.Difference
	for _, e := range p.Plist {
		if e.Key == keyDER || e.Key == keyCertificates || e.Key == keyEntitlements {
			continue
		}
		if other, found := d.Values.Get(e.Key); found {
			out = append(out, under(e.Key, plist.Diff(e.Value, other))...)
		}
	}
	out = append(out, under(keyEntitlements, plist.Diff(dictionary(p.Entitlements), dictionary(d.Entitlements)))...)
	return append(out, d.compareCertificates(p)...)
}

func dictionary(d plist.Dict) plist.Value { return plist.Value{Kind: plist.Dictionary, Entries: d} }

// under puts a key in front of the paths of differences.
func under(key string, list []plist.Difference) []plist.Difference {
	for i := range list {
		switch {
		case list[i].Path == "":
			list[i].Path = key
		case list[i].Path[0] == '[':
			list[i].Path = key + list[i].Path
		default:
			list[i].Path = key + "." + list[i].Path
		}
	}
	return list
}

// compareCertificates compares certificates on one side with their SHA-256
// digests on the other.
func (d *DER) compareCertificates(p *Profile) []plist.Difference {
	digests := plist.Value{Kind: plist.Array}
	for _, c := range p.Certificates {
		digests.Items = append(digests.Items, plist.Value{Kind: plist.Data, Data: c.SHA256[:]})
	}
	listed := plist.Value{Kind: plist.Array}
	for _, digest := range d.Digests {
		listed.Items = append(listed.Items, plist.Value{Kind: plist.Data, Data: bytes.Clone(digest)})
	}
	return under(keyCertificates, plist.Diff(digests, listed))
}
