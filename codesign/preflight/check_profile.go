package preflight

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"strings"

	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/codesign/plist"
	"github.com/kinring/kinring/codesign/profile"
)

// profilePlatform is the name of macOS in a profile.
const profilePlatform = "OSX"

// checkProfile judges a bundle's profile by itself.
func (c *checker) checkProfile(b *bundle.Bundle) {
	file := b.Profile
	if file.Err != nil {
		c.addPath("KR301", file.Path, "", "%v", file.Err)
		return
	}
	for _, f := range c.profileFaults(file.Profile) {
		c.addPath(f.number, file.Path, "", "%s", f.seen)
	}
	c.checkProfileSealed(b)
}

// profileFaults judges a profile without the code that it is for.
func (c *checker) profileFaults(p *profile.Profile) []fault {
	return slices.Concat(trustFaults(p), c.lifeFaults(p), kindFaults(p), copyFaults(p))
}

// trustFaults looks at both signatures of the profile.
func trustFaults(p *profile.Profile) (out []fault) {
	out = messageFaults("the profile", p.CMS)
	if p.DER != nil {
		out = append(out, messageFaults("its DER copy", p.DER.CMS)...)
	}
	return out
}

// messageFaults wants a signature that holds, by a certificate that Apple keeps
// for profiles: any developer's certificate chains to the same roots.
func messageFaults(name string, m *cms.Message) []fault {
	switch {
	case m.SignatureErr != nil:
		return []fault{{"KR302", name + ": " + m.SignatureErr.Error()}}
	case m.ChainErr != nil:
		return []fault{{"KR302", name + ": " + m.ChainErr.Error()}}
	case !cms.HasExtension(m.Signer, cms.MarkProfileSigner):
		return []fault{{"KR302", name + ": signed by " + m.Signer.Subject.CommonName + ", which signs no profiles"}}
	}
	return nil
}

// lifeFaults looks at the profile's dates.
func (c *checker) lifeFaults(p *profile.Profile) (out []fault) {
	switch {
	case !c.Now.Before(p.Expires):
		out = append(out, fault{"KR303", "it ended on " + day(p.Expires)})
	case !c.Now.Add(c.ProfileWarning).Before(p.Expires):
		out = append(out, fault{"KR304", "it ends on " + day(p.Expires)})
	}
	if c.Now.Before(p.Created) {
		out = append(out, fault{"KR314", "it is made on " + day(p.Created)})
	}
	return out
}

// kindFaults looks at the platform and at the devices.
func kindFaults(p *profile.Profile) (out []fault) {
	if !slices.Contains(p.Platforms, profilePlatform) {
		out = append(out, fault{"KR305", "it is for " + quoted(p.Platforms)})
	}
	if !p.AllDevices {
		out = append(out, fault{"KR310", "it is for " + devices(len(p.Devices)) + ", not for all"})
	}
	return out
}

func devices(n int) string {
	if n == 1 {
		return "one listed device"
	}
	return strings.TrimSpace(plist.Value{Kind: plist.Integer, Integer: int64(n)}.String() + " listed devices")
}

// copyFaults compares the property list with the DER copy.
func copyFaults(p *profile.Profile) (out []fault) {
	if p.DERErr != nil {
		return []fault{{"KR301", "the DER copy: " + p.DERErr.Error()}}
	}
	if p.DER == nil {
		return []fault{{"KR312", "there is no DER-Encoded-Profile"}}
	}
	for _, d := range p.DER.Differences {
		out = append(out, fault{"KR311", d.String()})
	}
	return out
}

// checkProfileSealed looks for the profile among the bundle's sealed files.
func (c *checker) checkProfileSealed(b *bundle.Bundle) {
	if b.Resources == nil || b.Resources.Err != nil {
		return // reported for the bundle as a whole
	}
	name := strings.TrimPrefix(b.Profile.Path, b.Contents+"/")
	seal, found := b.Resources.Seal(name)
	digest := sha256.Sum256(b.Profile.Raw)
	switch {
	case !found:
		c.addPath("KR313", b.Profile.Path, "", "%s does not list it", b.Resources.Path)
	case !bytes.Equal(seal.SHA256, digest[:]):
		c.addPath("KR313", b.Profile.Path, "", "it hashes to %x, and %x is sealed", digest, seal.SHA256)
	}
}

// checkCoverage compares the code with the profile of its bundle.
func (s *subject) checkCoverage() {
	b := s.owner()
	if b == nil || b.Profile == nil || b.Profile.Profile == nil || s.adHoc() {
		return
	}
	p := b.Profile.Profile
	if len(restrictedKeys(s.claims)) == 0 {
		if _, groups := s.claims.Get(keyAppGroups); !groups {
			s.add("KR212", "the profile %q is embedded, and no restricted entitlement is claimed", p.Name)
		}
	}
	if s.dir.Team != "" && !slices.Contains(p.Teams, s.dir.Team) {
		s.add("KR306", "it is of team %s, and the code of %q", quoted(p.Teams), s.dir.Team)
		return // everything else in it is that team's too
	}
	if b.Info != nil && !s.coversBundle(p, b.Info.Identifier) {
		s.add("KR307", "it is for %s, and the bundle is %q", quoted(profileAppIDs(p)), s.dir.Team+"."+b.Info.Identifier)
	}
	s.tell(claimFaults(p, s.claims, s.dir.Team))
	if m := s.sig.CMS; m != nil && m.Signer != nil && !namesCertificate(p, m.Signer) {
		s.add("KR309", "signed with %q (SHA-256 %x), and the profile names %s",
			m.Signer.Subject.CommonName, sha256.Sum256(m.Signer.Raw), certificateNames(p))
	}
}

// profileEntitlements is what the profile allows, as the system reads it.
func profileEntitlements(p *profile.Profile) plist.Dict {
	if p.DER != nil {
		return p.DER.Entitlements
	}
	return p.Entitlements
}

// profileAppIDs lists the App ID patterns of the profile.
func profileAppIDs(p *profile.Profile) []string {
	for _, key := range []string{keyAppID, "application-identifier"} {
		if v, found := profileEntitlements(p).Get(key); found {
			list, _ := v.Strings()
			return list
		}
	}
	return nil
}

// coversBundle reports whether the profile's App ID is that of the bundle,
// under any of the prefixes that the profile has.
func (s *subject) coversBundle(p *profile.Profile, id string) bool {
	for _, prefix := range append(slices.Clone(p.AppIDPrefix), s.dir.Team) {
		if slices.ContainsFunc(profileAppIDs(p), func(pattern string) bool { return matchPattern(pattern, prefix+"."+id) }) {
			return true
		}
	}
	return false
}

// claimFaults lists claims that the profile does not allow. Claims that are
// wrong by themselves have been reported as such.
func claimFaults(p *profile.Profile, claims plist.Dict, team string) (out []fault) {
	allowed := profileEntitlements(p)
	for _, e := range claims {
		value, found := allowed.Get(e.Key)
		if judgedElsewhere(e, found, team) {
			continue
		}
		rule := "KR308"
		if e.Key == keyAppGroups {
			rule = "KR220"
		}
		if !found {
			out = append(out, fault{rule, e.Key + ": claims " + e.Value.String() + ", and the profile has no such key"})
		} else if !covers(value, e.Value) {
			out = append(out, fault{rule, e.Key + ": claims " + e.Value.String() + ", and the profile allows " + value.String()})
		}
	}
	return out
}

// judgedElsewhere reports whether a claim needs no profile, or is compared with
// the bundle and the signing team instead of the profile's text.
func judgedElsewhere(e plist.Entry, inProfile bool, team string) bool {
	switch {
	case len(valueFaults(e)) > 0:
		return true
	case e.Key == keyAppGroups:
		return !needsProfile(e.Value)
	case classify(e.Key) != restricted:
		return true
	case e.Key == keyGroups:
		return slices.ContainsFunc(texts(e.Value), func(g string) bool { return !strings.HasPrefix(g, team+".") })
	}
	return inProfile && (e.Key == keyAppID || e.Key == keyTeamID)
}

// needsProfile reports whether an application group is one that a profile must
// allow: those that begin with the team need nothing.
func needsProfile(v plist.Value) bool {
	return slices.ContainsFunc(texts(v), func(g string) bool { return strings.HasPrefix(g, "group.") })
}

// namesCertificate reports whether the profile allows this very certificate.
func namesCertificate(p *profile.Profile, signer *x509.Certificate) bool {
	digest := sha256.Sum256(signer.Raw)
	return namesDigest(p, digest[:])
}

// namesDigest reports whether the profile allows the certificate with a digest.
func namesDigest(p *profile.Profile, digest []byte) bool {
	if p.DER != nil {
		return slices.ContainsFunc(p.DER.Digests, func(d []byte) bool { return bytes.Equal(d, digest) })
	}
	return slices.ContainsFunc(p.Certificates, func(c profile.Certificate) bool { return bytes.Equal(c.SHA256[:], digest) })
}

func certificateNames(p *profile.Profile) string {
	var out []string
	for _, c := range p.Certificates {
		name := "unreadable certificate"
		if c.Certificate != nil {
			name = c.Certificate.Subject.CommonName
		}
		out = append(out, name+" ("+plist.Value{Kind: plist.Data, Data: c.SHA256[:8]}.String()+"…)")
	}
	return strings.Join(out, ", ")
}
