package preflight

import (
	"strings"
	"testing"

	"github.com/kinring/kinring/codesign/plist"
	"github.com/kinring/kinring/internal/signfixture"
)

func text(s string) plist.Value { return plist.Value{Kind: plist.String, Text: s} }

func array(items ...plist.Value) plist.Value { return plist.Value{Kind: plist.Array, Items: items} }

func TestCovers(t *testing.T) {
	yesValue, noValue := plist.Value{Kind: plist.Boolean, Bool: true}, plist.Value{Kind: plist.Boolean}
	five := plist.Value{Kind: plist.Integer, Integer: 5}
	for _, c := range []struct {
		allowed, claimed plist.Value
		want             bool
	}{
		{text("T.a"), text("T.a"), true},
		{text("T.a"), text("T.ab"), false},
		{text("T.*"), text("T.a.b"), true},
		{text("T.a.*"), text("T.ab"), false},
		{text("*"), text("anything"), true},
		{text("T.*.b"), text("T.a.b"), false}, // a star counts at the end only
		{array(text("T.*")), array(text("T.a"), text("T.b")), true},
		{array(text("T.*")), array(text("T.a"), text("U.b")), false},
		{array(text("T.a"), text("U.*")), array(text("U.b"), text("T.a")), true},
		{array(), array(text("T.a")), false},
		{array(text("T.*")), array(), true},
		{array(text("T.*")), array(five), false},
		{yesValue, yesValue, true},
		{noValue, yesValue, false},
		{noValue, noValue, true},
		{text("true"), yesValue, false},
		{five, five, true},
		{yesValue, five, false},
		{yesValue, text("T.a"), false},
	} {
		if got := covers(c.allowed, c.claimed); got != c.want {
			t.Errorf("%s allows %s: %v, want %v", c.allowed, c.claimed, got, c.want)
		}
	}
}

func TestClassify(t *testing.T) {
	for key, want := range map[string]class{
		"keychain-access-groups":                 restricted,
		"com.apple.application-identifier":       restricted,
		"com.apple.developer.team-identifier":    restricted,
		"com.apple.developer.networking.vpn.api": restricted,
		"com.apple.vm.networking":                restricted,
		"aps-environment":                        restricted,
		"com.apple.security.application-groups":  free,
		"com.apple.security.cs.allow-jit":        free,
		"com.apple.security.get-task-allow":      free,
		"com.apple.private.tcc.allow":            private,
		"com.apple.rootless.install":             private,
		"com.apple.developerx":                   unknown,
		"keychain-access-group":                  unknown,
		"":                                       unknown,
	} {
		if got := classify(key); got != want {
			t.Errorf("%q is of class %d, want %d", key, got, want)
		}
	}
}

// TestOddEntitlementLists signs lists that readers understand differently.
func TestOddEntitlementLists(t *testing.T) {
	k := newKit(t)
	good := string(k.claims(appID).XML())
	for name, xml := range map[string]string{
		"byte mark":      "\ufeff" + good,
		"key twice":      strings.Replace(good, "<dict>", "<dict><key>"+jit+"</key><true/><key>"+jit+"</key><false/>", 1),
		"no dictionary":  "<plist version=\"1.0\"><array/></plist>",
		"nothing":        "",
		"cut":            good[:len(good)/2],
		"binary garbage": "\x00\x01\x02",
	} {
		app := k.app(func(b *bdl) { b.Signing.XML = []byte(xml) }).Build(k)
		if r := k.check(app, options()); !hasRule(r, "KR211") {
			t.Errorf("%s: %s", name, describe(r))
		}
	}
}

// TestPrefixedAppGroupsNeedNoProfile: groups that begin with the team are free.
func TestPrefixedAppGroupsNeedNoProfile(t *testing.T) {
	k := newKit(t)
	groups := dict{"com.apple.security.application-groups": []string{signfixture.Team + ".group"}}
	if r := k.check(k.bare(groups), options()); len(r.Findings) > 0 {
		t.Errorf("findings: %s", describe(r))
	}
}

// TestWildcardProfilesCoverTheirApps: an App ID of TEAM.* and of TEAM.org.*.
func TestWildcardProfilesCoverTheirApps(t *testing.T) {
	k := newKit(t)
	for pattern, covered := range map[string]bool{"*": true, "org.kinring.*": true, "org.kinring.demo.*": false, "com.*": false} {
		r := k.check(k.withProfile(func(p *prof) { p.AppID = pattern }), options())
		if covered != (len(r.Findings) == 0) {
			t.Errorf("App ID %s: %s", pattern, describe(r))
		}
	}
}
