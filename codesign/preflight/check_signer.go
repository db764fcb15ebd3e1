package preflight

import (
	"regexp"
	"slices"
	"time"

	"github.com/kinring/kinring/codesign"
	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/codesign/plist"
	"github.com/kinring/kinring/codesign/requirement"

	"github.com/kinring/kinring/internal/lazyregexp"
)

// checkSigner looks at the certificate and its signature.
func (s *subject) checkSigner() {
	s.checkExpectedTeam()
	s.checkRequirement()
	s.checkLibraryTeam()
	if s.sig.CMSErr != nil {
		s.add("KR113", "the certificate's signature cannot be read: %v", s.sig.CMSErr)
	}
	m := s.sig.CMS
	if m == nil {
		return
	}
	if m.SignatureErr != nil {
		s.add("KR113", "%v", m.SignatureErr)
		return
	}
	if m.Signer == nil {
		s.add("KR113", "the signer's certificate is not in the signature")
		return
	}
	s.checkCertificate(m)
	s.checkStamp(m)
	s.checkAgility()
	for _, oid := range m.Unsigned {
		s.add("KR129", "attribute %s", oid)
	}
	if m.ChainErr != nil || m.Stamp != nil && m.Stamp.Err != nil {
		return // without a chain no certificate is in use
	}
	for _, c := range m.Unused {
		s.add("KR120", "the certificate %q belongs to no chain of the signature", c.Subject.CommonName)
	}
}

// checkCertificate judges who signed.
func (s *subject) checkCertificate(m *cms.Message) {
	if unit := cms.Team(m.Signer); s.dir.Team != unit {
		s.add("KR116", "the code directory says team %q, the certificate %q", s.dir.Team, unit)
	}
	switch at, how := s.signedAt(m); {
	case at.Before(m.Signer.NotBefore) || at.After(m.Signer.NotAfter):
		s.add("KR121", "the certificate is valid from %s to %s, not on %s (%s)", day(m.Signer.NotBefore), day(m.Signer.NotAfter), day(at), how)
	case m.ChainErr != nil:
		s.add("KR114", "%q: %v", m.Signer.Subject.CommonName, m.ChainErr)
	case !isDeveloperID(m):
		s.add("KR115", "signed by %q, which is no Developer ID Application certificate", m.Signer.Subject.CommonName)
	}
}

// signedAt is the day on which the certificate must have been valid: that of
// the time stamp, or, without a good one, today.
func (s *subject) signedAt(m *cms.Message) (time.Time, string) {
	if m.Stamp != nil && m.Stamp.Err == nil {
		return m.Stamp.Time, "when the time stamp was made"
	}
	return s.c.Now, "today, and no time stamp shows when it was signed"
}

// isDeveloperID reports whether both the signer and its issuer carry the marks
// of Developer ID.
func isDeveloperID(m *cms.Message) bool {
	return cms.HasExtension(m.Signer, cms.MarkDeveloperID) && len(m.Chain) > 1 && cms.HasExtension(m.Chain[1], cms.MarkDeveloperIDCA)
}

// checkStamp judges the time stamp.
func (s *subject) checkStamp(m *cms.Message) {
	switch {
	case m.Stamp == nil:
		s.add("KR117", "the signature has no time stamp by an authority")
	case m.Stamp.Err != nil:
		s.add("KR118", "%v", m.Stamp.Err)
	}
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// checkAgility compares the signer's list of code directories with them. One
// directory by itself is covered by the signature even without a list.
func (s *subject) checkAgility() {
	for _, p := range s.sig.Agility.Problems {
		s.add("KR119", "%s", p)
	}
}

// checkExpectedTeam compares the team with the one that the user named.
func (s *subject) checkExpectedTeam() {
	if s.c.Team != "" && s.dir.Team != s.c.Team && (s.exe.Bundle == nil || s.exe.Role != bundle.RoleLibrary) {
		s.add("KR122", "signed by team %q, expected %q", s.dir.Team, s.c.Team)
	}
}

// Names in the text of a requirement, quoted or not.
var (
	requiredIdentifier = lazyregexp.New(`(?:^|[^.\w])identifier "?([^"\s)]+)"?`)
	requiredTeam       = lazyregexp.New(`subject\.OU\] = "?([^"\s)]+)"?`)
)

// checkRequirement compares the designated requirement with the code itself.
func (s *subject) checkRequirement() {
	if s.sig.RequirementsErr != nil {
		s.add("KR123", "the requirements cannot be read: %v", s.sig.RequirementsErr)
		return
	}
	text := designated(s.sig.Requirements)
	s.checkNamed(text, requiredIdentifier(), "identifier", s.dir.Identifier)
	if s.dir.Team != "" {
		s.checkNamed(text, requiredTeam(), "team", s.dir.Team)
	}
}

func (s *subject) checkNamed(text string, name *regexp.Regexp, what, own string) {
	var named []string
	for _, m := range name.FindAllStringSubmatch(text, -1) {
		named = append(named, m[1])
	}
	if len(named) > 0 && !slices.Contains(named, own) {
		s.add("KR123", "the code has %s %q, its designated requirement asks for %s", what, own, quoted(named))
	}
}

// designated returns the text of the designated requirement, or "".
func designated(list []requirement.Requirement) string {
	for _, r := range list {
		if r.Type == requirement.Designated {
			return r.Text
		}
	}
	return ""
}

// checkLibraryTeam looks at libraries of another team than the program that
// they lie in.
func (s *subject) checkLibraryTeam() {
	host := s.hostProgram()
	if host == nil || s.isProgram() || s.dir.Team == "" {
		return
	}
	for i := range host.File.Slices {
		h := s.c.subject(host, &host.File.Slices[i])
		if h.dir != nil && h.code.Arch == s.code.Arch && h.validatesLibraries() && h.dir.Team != s.dir.Team {
			s.add("KR125", "signed by team %q, and %s by team %q", s.dir.Team, host.Path, h.dir.Team)
		}
	}
}

// hostProgram is the main executable of the nearest app around a library.
func (s *subject) hostProgram() *bundle.Executable {
	for b := s.exe.Bundle; b != nil; b = b.Parent {
		if b.Kind.AppLike() && b.Main != nil && b.Main.File != nil {
			return b.Main
		}
	}
	return nil
}

// validatesLibraries reports whether the program refuses code of other teams.
func (s *subject) validatesLibraries() bool {
	const enforcing = codesign.FlagRuntime | codesign.FlagLibraryValidation
	return s.dir.Flags&enforcing != 0 && !s.claims.Bool(keyForeign)
}

// dictDifference renders the first difference between two entitlement lists.
func dictDifference(a, b plist.Dict) string {
	d := plist.Diff(plist.Value{Kind: plist.Dictionary, Entries: a}, plist.Value{Kind: plist.Dictionary, Entries: b})
	if len(d) == 0 {
		return ""
	}
	return d[0].String()
}
