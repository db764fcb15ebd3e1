package preflight

import (
	"slices"

	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/codesign/entitlements"
	"github.com/kinring/kinring/codesign/plist"
)

// checkForms looks at the two forms of the entitlements and how they read.
func (s *subject) checkForms() {
	e := s.sig.Entitlements
	for _, err := range []error{e.XMLErr, e.DERErr} {
		if err != nil {
			s.add("KR211", "%v", err)
		}
	}
	for _, d := range e.Differences {
		s.add("KR207", "XML and DER: %s", d)
	}
	hasXML, hasDER := e.XML != nil || e.XMLErr != nil, e.DER != nil || e.DERErr != nil
	if hasXML != hasDER {
		s.add("KR208", "there is %s only", map[bool]string{true: "an XML form", false: "a DER form"}[hasXML])
	}
	for _, d := range []*entitlements.Document{e.XML, e.DER} {
		if d != nil && d.Comments > 0 {
			s.add("KR222", "the signed list has %s", plural(d.Comments, "comment"))
		}
		if d != nil {
			s.tell(documentFaults(d))
		}
	}
}

// documentFaults looks at what readers of such a list resolve differently.
func documentFaults(d *entitlements.Document) (out []fault) {
	if d.ByteMark {
		out = append(out, fault{"KR211", "the list starts with a byte order mark"})
	}
	if d.Unsorted {
		out = append(out, fault{"KR223", "the DER form has its keys in another order than the ascending one"})
	}
	for _, key := range d.Duplicates {
		out = append(out, fault{"KR211", "the key \"" + key + "\" is there twice"})
	}
	return out
}

// checkPlace judges whether code at this place can have the claims at all.
func (s *subject) checkPlace() {
	if !s.isProgram() || s.exe.Role == bundle.RoleLibrary || s.exe.Role == bundle.RoleAddOn {
		if len(s.claims) > 0 {
			s.add("KR217", "claims %s", quoted(s.claims.Keys()))
		}
		return
	}
	s.tell(nameFaults(s.claims))
	if keys := restrictedKeys(s.claims); len(keys) > 0 && !s.adHoc() {
		s.checkCarrier(keys)
	}
	s.checkAppGroups()
}

// checkAppGroups looks at application groups where no profile can allow them;
// with a profile they are compared with it.
func (s *subject) checkAppGroups() {
	groups, _ := s.claims.Get(keyAppGroups)
	if b := s.owner(); needsProfile(groups) && (b == nil || b.Profile == nil) {
		s.add("KR220", "%s: claims %s, and no profile is embedded", keyAppGroups, groups)
	}
}

// checkCarrier judges restricted claims by what could hold their profile.
func (s *subject) checkCarrier(keys []string) {
	b := s.owner()
	switch {
	case b != nil && b.Profile != nil:
	case s.inherits():
		s.add("KR205", "claims %s, as the app around it does", quoted(keys))
	case b == nil:
		s.add("KR201", "claims %s, and %s", quoted(keys), s.whyBare())
	case b.Parent == nil:
		s.add("KR202", "claims %s, and %s/embedded.provisionprofile is not there", quoted(keys), b.Contents)
	default:
		s.add("KR203", "claims %s, and %s/embedded.provisionprofile is not there", quoted(keys), b.Contents)
	}
}

func (s *subject) whyBare() string {
	if s.exe.Bundle == nil {
		return "lies in no bundle"
	}
	return "is not the main executable of a bundle"
}

// inherits reports whether the code carries the claims of the app around it:
// the app's own identifier, or, in a file that is no bundle, all of them.
func (s *subject) inherits() bool {
	for b := outer(s); b != nil; b = b.Parent {
		if b.Main == nil || b.Main == s.exe || b.Main.File == nil {
			continue
		}
		for i := range b.Main.File.Slices {
			app := s.c.subject(b.Main, &b.Main.File.Slices[i])
			if app.dir != nil && s.takesFrom(app) {
				return true
			}
		}
	}
	return false
}

// outer is the nearest bundle whose main executable is another one.
func outer(s *subject) *bundle.Bundle {
	if s.exe.Role == bundle.RoleMain {
		return s.exe.Bundle.Parent
	}
	return s.exe.Bundle
}

func (s *subject) takesFrom(app *subject) bool {
	own, found := s.claims.Get(keyAppID)
	theirs, _ := app.claims.Get(keyAppID)
	if found && own.Equal(theirs) {
		return true
	}
	return s.owner() == nil && sameRestricted(s.claims, app.claims)
}

// sameRestricted reports whether two lists have the same restricted claims.
func sameRestricted(a, b plist.Dict) bool {
	keys := restrictedKeys(a)
	if len(keys) == 0 || len(keys) != len(restrictedKeys(b)) {
		return false
	}
	return !slices.ContainsFunc(keys, func(key string) bool {
		left, _ := a.Get(key)
		right, found := b.Get(key)
		return !found || !left.Equal(right)
	})
}
