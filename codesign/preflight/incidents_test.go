package preflight

import (
	"testing"

	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/internal/signfixture"
)

// stops demands that the report holds a rule of level error, or, for one that
// only warns, that rule at least.
func stops(t *testing.T, r *Report, rule, path string) {
	t.Helper()
	for _, f := range r.Findings {
		if number(f.Rule) == rule && f.Path == path {
			if f.Level != Error {
				t.Errorf("%s only warns", f.Rule)
			}
			return
		}
	}
	t.Errorf("%s is not found at %s: %s", rule, path, describe(r))
}

// The app was signed with its group and its profile; its helper carried the
// same group and no profile, so that the network process was killed in a loop.
func TestIncidentVSCode312680HelperWithoutProfile(t *testing.T) {
	k := newKit(t)
	helper := k.helper(func(b *bdl) {
		b.Name = "Code - Insiders Helper.app"
		b.Signing.Entitlements = dict{"keychain-access-groups": []string{signfixture.Team + "." + group}, jit: true}
	})
	app := k.app(nest("Frameworks", helper), func(b *bdl) { b.Name = "Code - Insiders.app" })
	r := k.check(app.Build(k), options())
	stops(t, r, "KR203", "Code - Insiders.app/Contents/Frameworks/Code - Insiders Helper.app/Contents/MacOS/Code - Insiders Helper")
}

// The signing script gave every file without a rule of its own the app's
// entitlements, node-pty's spawn-helper among them: no terminal opened.
func TestIncidentVSCode313690SpawnHelper(t *testing.T) {
	k := newKit(t)
	at := "Resources/app/node_modules/node-pty/build/Release/spawn-helper"
	app := k.app(code(signfixture.Code{Path: at, Signing: k.signing("spawn-helper", k.claims(appID))}))
	stops(t, k.check(app.Build(k), options()), "KR205", "Demo.app/Contents/"+at)
}

// Signing with --deep stamped the app's entitlements on everything inside.
func TestIncidentCmux2905DeepSigning(t *testing.T) {
	k := newKit(t)
	app := k.app(
		nest("Frameworks", k.helper(func(b *bdl) { b.Signing.Entitlements = k.claims(appID) })),
		code(signfixture.Code{Path: "Resources/bin/rg", Signing: k.signing("rg", k.claims(appID))}))
	r := k.check(app.Build(k), options())
	stops(t, r, "KR205", "Demo.app/Contents/Frameworks/Demo Helper.app/Contents/MacOS/Demo Helper")
	stops(t, r, "KR205", "Demo.app/Contents/Resources/bin/rg")
}

// The binary of an npm package claimed the shared group; users saw "killed".
func TestIncidentCodex19335NpmBinary(t *testing.T) {
	k := newKit(t)
	at := "package/vendor/aarch64-apple-darwin/codex/codex"
	c := signfixture.Code{Path: at, Signing: k.signing("codex", dict{
		"keychain-access-groups": []string{signfixture.Team + "." + group}, jit: true,
	})}
	stops(t, k.check(c.Tree(k), options()), "KR201", at)
}

// A command line inside an app, with a group of its own: the profile of the app
// around it does not reach it.
func TestIncidentToolport27BareCommandLine(t *testing.T) {
	k := newKit(t)
	at := "Resources/bin/gateway"
	claims := dict{"keychain-access-groups": []string{signfixture.Team + ".gateway"}}
	app := k.app(code(signfixture.Code{Path: at, Signing: k.signing("gateway", claims)}))
	stops(t, k.check(app.Build(k), options()), "KR201", "Demo.app/Contents/"+at)
}

// A comment in the entitlements file made codesign sign without entitlements.
func TestIncidentM1nd469CommentStripped(t *testing.T) {
	k := newKit(t)
	app := k.app(func(b *bdl) { b.Signing.Entitlements = nil }).Build(k)
	stops(t, k.check(app, Options{Now: signfixture.Now, Group: group}), "KR501", mainExe)
	if r := k.check(app, options()); !hasRule(r, "KR212") {
		t.Errorf("without an expected group nothing hints at it: %s", describe(r))
	}
}

// The profile named the certificate before its renewal: same name, other key.
func TestIncidentBlanc32WrongCertificate(t *testing.T) {
	k := newKit(t)
	old := k.authority.Leaf(k, signfixture.Certificate{From: signfixture.Now.AddDate(-1, 0, 0)})
	stops(t, k.check(k.withProfile(func(p *prof) { p.Certificates = []*signfixture.Identity{old} }), options()), "KR309", mainExe)
}

// A development profile lists the author's Mac: it starts there only.
func TestIncidentFlutterSecureStorage1176DevelopmentProfile(t *testing.T) {
	k := newKit(t)
	r := k.check(k.withProfile(func(p *prof) { p.Devices = []string{"00008103-000000000000001E"} }), options())
	stops(t, r, "KR310", "Demo.app/Contents/embedded.provisionprofile")
}

// Every copy of an app stopped starting on the day on which its profile ended.
func TestIncidentOpenradar30717170ExpiredProfile(t *testing.T) {
	k := newKit(t)
	r := k.check(k.withProfile(func(p *prof) { p.Expires = signfixture.Now }), options())
	stops(t, r, "KR303", "Demo.app/Contents/embedded.provisionprofile")
}

// An application group that the profile does not hold.
func TestIncidentCodex27891AppGroups(t *testing.T) {
	k := newKit(t)
	claims := k.claims(appID).With("com.apple.security.application-groups", []string{"group.com.openai.codex"})
	stops(t, k.check(k.withClaims(claims), options()), "KR220", mainExe)
	bare := k.bare(dict{"com.apple.security.application-groups": []string{"group.com.openai.codex"}})
	stops(t, k.check(bare, options()), "KR220", "tool")
}

// The claim was the profile's pattern, and the keychain took it literally.
func TestIncidentAgiCLI210WildcardClaim(t *testing.T) {
	k := newKit(t)
	claims := k.claims(appID).With("keychain-access-groups", []string{signfixture.Team + ".*"})
	stops(t, k.check(k.withClaims(claims), options()), "KR210", mainExe)
}

// A check that looked for the key alone was content with an empty list.
func TestIncidentCmux2727EmptyArray(t *testing.T) {
	k := newKit(t)
	empty := dict{"keychain-access-groups": []string{}}
	r := k.check(k.bare(empty), options())
	stops(t, r, "KR206", "tool")
	stops(t, r, "KR201", "tool")
	stops(t, k.check(k.withClaims(k.claims(appID).With("keychain-access-groups", []string{})), Options{Now: signfixture.Now, Group: group}), "KR501", mainExe)
}

// Whatever the value, without a profile the app was killed; with one it started.
func TestIncidentSwifty469TruthTable(t *testing.T) {
	k := newKit(t)
	for _, groups := range [][]string{{signfixture.Team + "." + group}, {signfixture.Team + "." + appID}, {signfixture.Team + ".a", signfixture.Team + ".b"}} {
		claims := k.claims(appID).With("keychain-access-groups", groups)
		bad := k.app(func(b *bdl) { b.Signing.Entitlements, b.Profile = claims, nil }).Build(k)
		stops(t, k.check(bad, options()), "KR202", mainExe)
		if r := k.check(k.withClaims(claims), options()); len(r.Findings) > 0 {
			t.Errorf("%q with a profile: %s", groups, describe(r))
		}
	}
}

// The claimed identifier was that of another bundle than the profile's.
func TestIncidentEnviousWispr922AppID(t *testing.T) {
	k := newKit(t)
	stops(t, k.check(k.withClaims(k.claims("org.kinring.debug")), options()), "KR215", mainExe)
	stops(t, k.check(k.withProfile(func(p *prof) { p.AppID = "org.kinring.debug" }), options()), "KR307", mainExe)
}

// The update brought the first profile: unmanaged Macs could not apply it.
func TestIncidentVSCode313635UpdateGainsProfile(t *testing.T) {
	k := newKit(t)
	old := k.input("installed", k.plain(func(b *bdl) { b.Info = dict{"CFBundleVersion": "0"} }).Build(k), false)
	o := options()
	o.Against = &old
	if r := k.check(k.app().Build(k), o); !hasRule(r, "KR605") {
		t.Errorf("findings: %s", describe(r))
	}
}

// Files were written into the bundle after it was signed: "is damaged".
func TestIncidentVSCode313109Damaged(t *testing.T) {
	k := newKit(t)
	stops(t, k.check(k.app(after("Demo.app/Contents/Info.plist", " ")).Build(k), options()), "KR111", mainExe)
	profile := "Demo.app/Contents/embedded.provisionprofile"
	late := k.app(func(b *bdl) {
		b.Profile = nil
		b.After = func(t tree) { t[profile] = signfixture.Entry{Data: k.profile(appID).Encode(k)} }
	})
	stops(t, k.check(late.Build(k), options()), "KR313", profile)
	resource := k.app(after("Demo.app/Contents/Resources/a.txt", " ")).Build(k)
	stops(t, Check([]Input{k.input("app", resource, true)}, options()), "KR403", "Demo.app/Contents/Resources/a.txt")
}

// The secret with the certificate was absent, and an unsigned build went out.
func TestIncidentMeetingTranscriber722SigningSecretAbsent(t *testing.T) {
	k := newKit(t)
	app := k.plain(func(b *bdl) { b.Signing.Signer, b.Signing.TSA = nil, nil })
	stops(t, k.check(app.Build(k), options()), "KR104", mainExe)
}

// A library was given the entitlement that its host needs.
func TestIncidentCryptomator3311LibraryEntitlement(t *testing.T) {
	k := newKit(t)
	at := "Frameworks/libkeychain.dylib"
	c := signfixture.Code{Path: at, Programs: k.dylib(), Signing: k.signing("libkeychain", k.claims(appID))}
	stops(t, k.check(k.plain(code(c)).Build(k), options()), "KR217", "Demo.app/Contents/"+at)
}

// A certificate of the same team signs no profiles: a profile made by hand with
// it chains to the same root and is still refused.
func TestProfileSignedByADeveloperIsRefused(t *testing.T) {
	k := newKit(t)
	stops(t, k.check(k.withProfile(func(p *prof) { p.Signer = k.leaf }), options()), "KR302", "Demo.app/Contents/embedded.provisionprofile")
}

// The shipped roots are Apple's: nothing that a fixture signs passes with them.
func TestTestRootsAreNotTheShippedOnes(t *testing.T) {
	k := newKit(t)
	in, err := Load("app", k.app().Build(k).FS(), ".", bundle.Options{}, false)
	if err != nil {
		t.Fatal(err)
	}
	r := Check([]Input{in}, options())
	stops(t, r, "KR114", mainExe)
	stops(t, r, "KR302", "Demo.app/Contents/embedded.provisionprofile")
}
