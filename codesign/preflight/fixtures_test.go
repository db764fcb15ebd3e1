package preflight

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/kinring/kinring/internal/signfixture"
)

// fixture breaks one rule and no other.
type fixture struct {
	rule    string
	trees   []signfixture.Tree
	options Options
	against signfixture.Tree
	whole   bool // read whole files
}

type (
	tree    = signfixture.Tree
	dict    = signfixture.Dict
	signing = signfixture.Signing
	bdl     = signfixture.Bundle
	prof    = signfixture.Profile
)

// one is the fixture of a single tree.
func one(rule string, t tree) fixture {
	return fixture{rule: rule, trees: []tree{t}, options: options()}
}

// withProfile is the app with a changed profile.
func (k *kit) withProfile(change func(*prof)) tree {
	return k.app(func(b *bdl) { change(b.Profile) }).Build(k)
}

// withClaims is the app with other entitlements.
func (k *kit) withClaims(claims dict) tree {
	return k.app(func(b *bdl) { b.Signing.Entitlements = claims }).Build(k)
}

// fixtures breaks every rule that a built artefact can break.
func (k *kit) fixtures() (out []fixture) {
	for _, list := range [][]fixture{
		k.signatureFixtures(), k.signerFixtures(), k.entitlementFixtures(), k.claimFixtures(), k.profileFixtures(),
		k.bundleFixtures(), k.familyFixtures(), k.updateFixtures(),
	} {
		out = append(out, list...)
	}
	return out
}

func (k *kit) signatureFixtures() []fixture {
	slice := func(arch, id string) []byte {
		return signfixture.Sign(k, signfixture.Program(k, arch), k.signing(id, nil))
	}
	unsigned := func(arch string) tree {
		return signfixture.Code{Path: "tool", Unsigned: true, Programs: [][]byte{signfixture.Program(k, arch)}}.Tree(k)
	}
	return []fixture{
		one("KR101", unsigned("amd64")),
		one("KR102", tree{"tool": {Data: signfixture.Fat(false, slice("amd64", "a"), slice("arm64", "b"))}}),
		one("KR103", k.bare(nil, func(s *signing) { s.Version = 0x20400 })),
		one("KR104", k.plain(func(b *bdl) { b.Signing.Signer = nil }).Build(k)),
		one("KR105", k.bare(nil, func(s *signing) { s.NoRuntime = true })),
		one("KR106", unsigned("arm64")),
		one("KR108", k.bare(nil, func(s *signing) { s.Digests = []int{signfixture.SHA1} })),
		{rule: "KR109", trees: []tree{k.changedPage()}, options: options(), whole: true},
		one("KR110", k.bare(nil, func(s *signing) {
			s.Break = func(b *signfixture.Blobs) { b.Slots[1].Bytes = append(b.Slots[1].Bytes[:0:0], emptyRequirements...) }
		})),
		one("KR111", k.app(after("Demo.app/Contents/Info.plist", "\n")).Build(k)),
		one("KR112", k.app(after("Demo.app/Contents/_CodeSignature/CodeResources", "\n")).Build(k)),
		one("KR126", k.bare(nil, func(s *signing) { s.Overreach = 16 })),
		one("KR127", k.bare(nil, func(s *signing) { s.Directory = field(execSegLimitAt, 4096) })),
		one("KR128", k.bare(nil, func(s *signing) { s.Directory = field(scatterOffsetAt, 4096) })),
		one("KR120", k.bare(nil, func(s *signing) { s.Break = func(b *signfixture.Blobs) { b.Padding = []byte{1} } })),
	}
}

// Where a code directory has the low word of the executable segment's size and
// the offset of its scatter vector (cs_blobs.h).
const (
	execSegLimitAt  = 72 + 4
	scatterOffsetAt = 44
)

// field writes one word of a code directory.
func field(at int, word uint32) func([]byte) {
	return func(raw []byte) { binary.BigEndian.PutUint32(raw[at:], word) }
}

// emptyRequirements is a requirement set without members.
var emptyRequirements = []byte{0xfa, 0xde, 0x0c, 0x01, 0, 0, 0, 12, 0, 0, 0, 0}

// after appends to a file once everything is signed.
func after(path, text string) func(*bdl) {
	return func(b *bdl) {
		b.After = func(t tree) {
			e := t[path]
			e.Data = append(e.Data[:len(e.Data):len(e.Data)], text...)
			t[path] = e
		}
	}
}

// changedPage is a tool whose code was patched after signing.
func (k *kit) changedPage() tree {
	t := k.bare(nil)
	t["tool"].Data[20000] ^= 1
	return t
}

func (k *kit) signerFixtures() []fixture {
	stranger := signfixture.OtherAuthority(k)
	leaf := func(c signfixture.Certificate) *signfixture.Identity { return k.authority.Leaf(k, c) }
	signer := func(id *signfixture.Identity) tree { return k.bare(nil, func(s *signing) { s.Signer = id }) }
	foreign := k.framework("org.kinring.lib")
	foreign.Signing.Signer = leaf(signfixture.Certificate{Team: other})
	return []fixture{
		one("KR113", k.bare(nil, func(s *signing) {
			s.Break = func(b *signfixture.Blobs) { cd := b.Slots[0].Bytes; cd[len(cd)-1] ^= 1 }
		})),
		one("KR114", signer(stranger.Leaf(k, signfixture.Certificate{}))),
		one("KR115", signer(leaf(signfixture.Certificate{Mark: signfixture.MarkDevelopment}))),
		one("KR116", k.bare(nil, func(s *signing) { s.Team = other })),
		one("KR117", k.bare(nil, func(s *signing) { s.TSA = nil })),
		one("KR118", k.bare(nil, func(s *signing) { s.TSA = stranger.Timestamp })),
		one("KR119", k.bare(nil, func(s *signing) { s.WrongAgility = true })),
		one("KR129", k.bare(nil, func(s *signing) { s.Loose = true })),
		one("KR121", signer(leaf(signfixture.Certificate{Until: signfixture.Now.AddDate(0, -1, 0)}))),
		{rule: "KR122", trees: []tree{k.bare(nil)}, options: Options{Now: signfixture.Now, Team: other}},
		one("KR123", k.bare(nil, func(s *signing) {
			s.Requirements = signfixture.DeveloperIDRequirement("org.kinring.another", signfixture.Team)
		})),
		one("KR124", k.plain(func(b *bdl) { b.Signing.Identifier = "Demo" }).Build(k)),
		one("KR125", k.plain(nest("Frameworks", foreign)).Build(k)),
	}
}

func (k *kit) entitlementFixtures() []fixture {
	claiming := func(id string) func(*bdl) { return func(b *bdl) { b.Signing.Entitlements = k.claims(id) } }
	library := k.framework("org.kinring.lib")
	library.Signing.Entitlements = dict{jit: true}
	return []fixture{
		one("KR107", k.bare(dict{"com.apple.security.get-task-allow": true})),
		one("KR201", k.bare(k.claims("org.kinring.tool"))),
		one("KR202", k.app(func(b *bdl) { b.Profile = nil }).Build(k)),
		one("KR203", k.app(nest("Frameworks", k.helper(claiming(appID+".helper")))).Build(k)),
		one("KR204", k.bare(k.claims("org.kinring.tool"), func(s *signing) { s.Signer = nil })),
		one("KR205", k.app(code(signfixture.Code{Path: "MacOS/spawn-helper", Signing: k.signing("spawn-helper", k.claims(appID))})).Build(k)),
		one("KR206", k.withClaims(k.claims(appID).With("keychain-access-groups", []string{}))),
		one("KR217", k.plain(nest("Frameworks", library)).Build(k)),
		one("KR218", k.bare(dict{"com.apple.private.tcc.allow": []string{"kTCCServiceAll"}})),
		one("KR219", k.bare(dict{"org.kinring.made-up": true})),
		one("KR220", k.withClaims(k.claims(appID).With("com.apple.security.application-groups", []string{"group.org.kinring"}))),
	}
}

func (k *kit) claimFixtures() []fixture {
	groups := func(list ...string) tree { return k.withClaims(k.claims(appID).With("keychain-access-groups", list)) }
	signed := func(change func(*signing)) tree { return k.app(func(b *bdl) { change(&b.Signing) }).Build(k) }
	return []fixture{
		one("KR207", signed(func(s *signing) { s.DER = k.claims(appID).With(jit, true).DER() })),
		one("KR208", signed(func(s *signing) { s.NoDER = true })),
		one("KR209", groups("$(AppIdentifierPrefix)"+group)),
		one("KR210", groups(signfixture.Team+".*")),
		one("KR211", signed(func(s *signing) { s.XML = []byte("<plist><dict><key>a</key></dict></plist>") })),
		one("KR212", k.withClaims(dict{jit: true})),
		one("KR213", groups(other+"."+group)),
		one("KR214", k.withClaims(dict{"keychain-access-groups": []string{signfixture.Team + "." + group}})),
		one("KR215", k.withClaims(k.claims(appID+".other"))),
		one("KR216", k.withClaims(k.claims(appID).With("com.apple.developer.team-identifier", other))),
		one("KR223", signed(func(s *signing) { s.DER = k.claims(appID).UnsortedDER() })),
		one("KR222", signed(func(s *signing) {
			s.XML = []byte(strings.Replace(string(s.Entitlements.XML()), "<dict>", "<dict><!-- a -->", 1))
		})),
		one("KR221", k.withClaims(k.claims(appID).With("keychain-access-groups", signfixture.Team+"."+group))),
	}
}

func (k *kit) profileFixtures() []fixture {
	garbage := k.app(func(b *bdl) { b.Profile, b.Files["embedded.provisionprofile"] = nil, "no profile" })
	renewed := k.authority.Leaf(k, signfixture.Certificate{From: signfixture.Now.AddDate(0, -1, 0)})
	return []fixture{
		one("KR301", garbage.Build(k)),
		one("KR302", k.withProfile(func(p *prof) { p.Signer = signfixture.OtherAuthority(k).ProfileSigner })),
		one("KR303", k.withProfile(func(p *prof) { p.Expires = signfixture.Now.AddDate(0, 0, -1) })),
		one("KR304", k.withProfile(func(p *prof) { p.Expires = signfixture.Now.AddDate(0, 0, 60) })),
		one("KR305", k.withProfile(func(p *prof) { p.Platforms = []string{"iOS"} })),
		one("KR306", k.withProfile(func(p *prof) { p.Team = other })),
		one("KR307", k.withProfile(func(p *prof) { p.AppID = "org.kinring.another" })),
		one("KR308", k.withProfile(func(p *prof) {
			p.Entitlements = signfixture.AppEntitlements(signfixture.Team, appID, "*").Without("keychain-access-groups")
		})),
		one("KR309", k.withProfile(func(p *prof) { p.Certificates = []*signfixture.Identity{renewed} })),
		one("KR310", k.withProfile(func(p *prof) { p.Devices = []string{"00008103-000000000000001E"} })),
		one("KR311", k.withProfile(func(p *prof) { p.ChangeDER = func(d dict) { d["Name"] = "Another" } })),
		one("KR312", k.withProfile(func(p *prof) { p.NoDER = true })),
		one("KR313", k.app(func(b *bdl) { b.Seal = func(d dict) { delete(d, "embedded.provisionprofile") } }).Build(k)),
		one("KR314", k.withProfile(func(p *prof) { p.Created = signfixture.Now.AddDate(0, 1, 0) })),
	}
}

func (k *kit) bundleFixtures() []fixture {
	helper := "Demo.app/Contents/Frameworks/Demo Helper.app"
	edit := func(f func(tree)) tree {
		return k.plain(nest("Frameworks", k.helper()), func(b *bdl) { b.After = f }).Build(k)
	}
	tool := k.bare(nil)["tool"]
	second := k.plain(func(b *bdl) {
		b.Name, b.ID, b.Signing.Identifier = "Second.app", "com.example.second", "com.example.second"
	})
	return []fixture{
		one("KR401", k.plain(func(b *bdl) { b.Info = dict{"CFBundleIdentifier": ""} }).Build(k)),
		one("KR402", k.plain(func(b *bdl) { b.NoSeal = true }).Build(k)),
		one("KR403", edit(func(t tree) { t.Remove(helper) })),
		one("KR404", edit(func(t tree) { t["Demo.app/Contents/MacOS/late"] = tool })),
		one("KR405", edit(func(t tree) {
			t.Remove(helper)
			t.Add("Demo.app/Contents/Frameworks", k.helper(func(b *bdl) { b.Info = dict{"CFBundleVersion": "2"} }).Build(k))
		})),
		one("KR406", k.plain(nest("Applications", second)).Build(k)),
		one("KR407", k.app(nest("Frameworks", k.helper(func(b *bdl) { b.ID, b.Signing.Identifier = appID, appID }))).Build(k)),
		{rule: "KR408", whole: true, options: options(), trees: []tree{
			k.plain(func(b *bdl) { b.Links = map[string]string{"Resources/out": "../../../elsewhere"} }).Build(k)}},
		one("KR409", tree{"tool": {Data: tool.Data[:len(tool.Data)/2]}}),
	}
}

func (k *kit) familyFixtures() []fixture {
	second := func(groups ...string) tree {
		id := "org.kinring.second"
		claims := k.claims(id).With("keychain-access-groups", groups)
		return k.app(func(b *bdl) { b.ID, b.Signing, b.Profile = id, k.signing(id, claims), k.profile(id) }).Build(k)
	}
	shared, own := signfixture.Team+"."+group, signfixture.Team+".org.kinring.second"
	expecting := Options{Now: signfixture.Now, Group: group}
	ended := Options{Now: signfixture.Now, Suppressions: []Suppression{{Rule: "KR117", Reason: "a test", Expires: signfixture.Now.Add(-time.Hour)}}}
	foreign := k.authority.Leaf(k, signfixture.Certificate{Team: other})
	return []fixture{
		{rule: "KR501", trees: []tree{second(own)}, options: expecting},
		{rule: "KR502", trees: []tree{second(own, shared)}, options: expecting},
		{rule: "KR503", trees: []tree{k.app().Build(k), second(own, shared)}, options: options()},
		{rule: "KR504", trees: []tree{k.bare(nil)}, options: ended},
		{rule: "KR505", options: options(), trees: []tree{
			k.bare(nil), k.bare(nil, func(s *signing) { s.Signer = foreign })}},
	}
}

func (k *kit) updateFixtures() []fixture {
	update := func(rule string, old, new tree) fixture {
		return fixture{rule: rule, trees: []tree{new}, against: old, options: options()}
	}
	build := func(n string, change ...func(*bdl)) tree {
		return k.plain(append(change, func(b *bdl) { b.Info = dict{"CFBundleVersion": n} })...).Build(k)
	}
	foreign := k.authority.Leaf(k, signfixture.Certificate{Team: other})
	renamed := func(b *bdl) { b.ID, b.Signing.Identifier = appID+".next", appID+".next" }
	regroup := k.claims(appID).With("keychain-access-groups", []string{signfixture.Team + ".new", signfixture.Team + "." + group})
	requirement := func(b *bdl) { b.Signing.Requirements = emptyRequirements }
	return []fixture{
		update("KR601", build("1"), build("2", func(b *bdl) { b.Signing.Signer = foreign })),
		update("KR602", build("1"), build("2", renamed)),
		update("KR603", k.app().Build(k), k.app(func(b *bdl) {
			b.Signing.Entitlements, b.Info = regroup, dict{"CFBundleVersion": "2"}
		}).Build(k)),
		update("KR604", build("1"), build("2", requirement)),
		update("KR605", build("1"), k.app(func(b *bdl) { b.Info = dict{"CFBundleVersion": "2"} }).Build(k)),
		update("KR606", build("1", nest("Frameworks", k.helper())), build("2")),
		update("KR607", build("1"), build("1", func(b *bdl) { b.Files["Resources/a.txt"] = "b" })),
	}
}
