package preflight

import (
	"strings"

	"github.com/kinring/kinring/codesign/plist"
)

// checkClaims judges how each claim is written.
func (s *subject) checkClaims() {
	for _, e := range s.claims {
		s.tell(valueFaults(e))
		s.tell(kindFault(e))
	}
	if !s.isProgram() {
		return // what a library claims is reported as such
	}
	s.tell(teamFaults(s.claims, s.dir.Team))
	b := s.owner()
	if b == nil || b.Profile == nil || b.Info == nil {
		return
	}
	s.tell(appIDFault(s.claims, s.dir.Team+"."+b.Info.Identifier))
	if groups, _ := s.claims.Strings(keyGroups); len(groups) > 0 {
		s.checkAppIDClaimed()
	}
}

// tell adds faults of this slice.
func (s *subject) tell(list []fault) {
	for _, f := range list {
		s.add(f.number, "%s", f.seen)
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
			out = append(out, fault{"KR209", e.Key + ": the value is \"" + t + "\""})
		case restrictedKey && strings.Contains(t, "*"):
			out = append(out, fault{"KR210", e.Key + ": the value is \"" + t + "\""})
		}
	}
	if classify(e.Key) == restricted && isEmpty(e.Value) {
		out = append(out, fault{"KR206", e.Key + ": the value is " + e.Value.String()})
	}
	return out
}

// kindOf are the claims whose type is fixed.
var kindOf = map[string]plist.Kind{
	keyGroups: plist.Array, keyAppGroups: plist.Array, keyAppID: plist.String, keyTeamID: plist.String,
	"application-identifier": plist.String, keyDebug: plist.Boolean,
}

// kindFault reports a claim whose value has another type than the system reads.
func kindFault(e plist.Entry) []fault {
	kind, fixed := kindOf[e.Key]
	if !fixed && strings.HasPrefix(e.Key, "com.apple.security.cs.") {
		kind, fixed = plist.Boolean, true
	}
	_, isStrings := e.Value.Strings()
	if !fixed || e.Value.Kind == kind && (kind != plist.Array || isStrings) {
		return nil
	}
	want := article(kind)
	if kind == plist.Array {
		want = "an array of strings"
	}
	return []fault{{"KR221", e.Key + " is " + article(e.Value.Kind) + ", not " + want}}
}

func article(k plist.Kind) string {
	name := k.String()
	if strings.ContainsAny(name[:1], "aeiou") {
		return "an " + name
	}
	return "a " + name
}

// nameFaults judges claims by their keys alone.
func nameFaults(claims plist.Dict) (out []fault) {
	if claims.Bool(keyDebug) {
		out = append(out, fault{"KR107", keyDebug + " is true"})
	}
	for _, key := range claims.Keys() {
		switch classify(key) {
		case private:
			out = append(out, fault{"KR218", "claims \"" + key + "\""})
		case unknown:
			out = append(out, fault{"KR219", "claims \"" + key + "\""})
		}
	}
	return out
}

// teamFaults compares the claims with the team that signs; without one there is
// nothing to compare.
func teamFaults(claims plist.Dict, team string) (out []fault) {
	if team == "" {
		return nil
	}
	groups, _ := claims.Strings(keyGroups)
	for _, g := range groups {
		if literal(g) && !strings.HasPrefix(g, team+".") {
			out = append(out, fault{"KR213", "the group \"" + g + "\" is not of the signing team \"" + team + "\""})
		}
	}
	if claimed := claims.Text(keyTeamID); literal(claimed) && claimed != team {
		out = append(out, fault{"KR216", "claims team \"" + claimed + "\", and \"" + team + "\" signs"})
	}
	return out
}

// appIDFault compares the claimed application identifier with the bundle's.
func appIDFault(claims plist.Dict, want string) []fault {
	claimed := claims.Text(keyAppID)
	if !literal(claimed) || strings.Contains(claimed, "*") || claimed == want {
		return nil // a wildcard is reported as such
	}
	return []fault{{"KR215", "claims \"" + claimed + "\", and the bundle is \"" + want + "\""}}
}

// literal reports whether a value has its final text; one with a variable or
// without content is reported as such.
func literal(t string) bool { return t != "" && !strings.Contains(t, "$") }

// checkAppIDClaimed looks for the two claims that belong beside groups.
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
