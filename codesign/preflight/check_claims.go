package preflight

import (
	"strings"

	"github.com/kinring/kinring/codesign/plist"
)

// checkClaims judges how each claim is written.
func (s *subject) checkClaims() {
	for _, e := range s.claims {
		s.checkValue(e)
		if want, wrong := wrongKind(e); wrong {
			s.add("KR221", "%s is %s, not %s", e.Key, article(e.Value.Kind), want)
		}
	}
	if !s.isProgram() {
		return // what a library claims is reported as such
	}
	s.checkGroups()
	s.checkIdentity()
}

// checkValue looks for text that no profile can match.
func (s *subject) checkValue(e plist.Entry) {
	for _, rule := range valueFaults(e) {
		s.add(rule.number, "%s: %s", e.Key, rule.seen)
	}
}

// fault is a rule's number with what was seen.
type fault struct{ number, seen string }

// valueFaults judges one claim by itself; a plan's files are judged alike.
func valueFaults(e plist.Entry) (out []fault) {
	restrictedKey := classify(e.Key) == restricted || e.Key == keyAppGroups
	for _, t := range texts(e.Value) {
		switch {
		case strings.Contains(t, "$(") || strings.Contains(t, "${"):
			out = append(out, fault{"KR209", "the value is \"" + t + "\""})
		case restrictedKey && strings.Contains(t, "*"):
			out = append(out, fault{"KR210", "the value is \"" + t + "\""})
		}
	}
	if classify(e.Key) == restricted && isEmpty(e.Value) {
		out = append(out, fault{"KR206", "the value is " + e.Value.String()})
	}
	return out
}

// kindOf are the claims whose type is fixed.
var kindOf = map[string]plist.Kind{
	keyGroups: plist.Array, keyAppGroups: plist.Array, keyAppID: plist.String, keyTeamID: plist.String,
	"application-identifier": plist.String, keyDebug: plist.Boolean,
}

// wrongKind reports a claim whose value has another type than the system reads.
func wrongKind(e plist.Entry) (want string, wrong bool) {
	kind, fixed := kindOf[e.Key]
	if !fixed && strings.HasPrefix(e.Key, "com.apple.security.cs.") {
		kind, fixed = plist.Boolean, true
	}
	if !fixed {
		return "", false
	}
	if kind == plist.Array {
		_, isStrings := e.Value.Strings()
		return "an array of strings", e.Value.Kind != plist.Array || !isStrings
	}
	return article(kind), e.Value.Kind != kind
}

func article(k plist.Kind) string {
	name := k.String()
	if strings.ContainsAny(name[:1], "aeiou") {
		return "an " + name
	}
	return "a " + name
}

// checkGroups looks at the team in front of each keychain group.
func (s *subject) checkGroups() {
	groups, _ := s.claims.Strings(keyGroups)
	for _, g := range groups {
		if s.dir.Team != "" && literal(g) && !strings.HasPrefix(g, s.dir.Team+".") {
			s.add("KR213", "the group %q is not of the signing team %q", g, s.dir.Team)
		}
	}
}

// literal reports whether a value has its final text; one with a variable or
// without content is reported as such.
func literal(t string) bool { return t != "" && !strings.Contains(t, "$") }

// checkIdentity compares the claimed identifiers with the signature's.
func (s *subject) checkIdentity() {
	team, appID := s.claims.Text(keyTeamID), s.claims.Text(keyAppID)
	if literal(team) && s.dir.Team != "" && team != s.dir.Team {
		s.add("KR216", "claims team %q, signed by %q", team, s.dir.Team)
	}
	b := s.owner()
	if b == nil || b.Profile == nil || b.Info == nil {
		return
	}
	if want := s.dir.Team + "." + b.Info.Identifier; literal(appID) && appID != want && !strings.Contains(appID, "*") {
		s.add("KR215", "claims %q, and the bundle is %q", appID, want)
	}
	if groups, _ := s.claims.Strings(keyGroups); len(groups) > 0 {
		s.checkAppIDClaimed()
	}
}

func (s *subject) checkAppIDClaimed() {
	var missing []string
	for _, key := range []string{keyAppID, keyTeamID} {
		if _, found := s.claims.Get(key); !found {
			missing = append(missing, key)
		}
	}
	if len(missing) > 0 {
		s.add("KR214", "does not claim %s", quoted(missing))
	}
}
