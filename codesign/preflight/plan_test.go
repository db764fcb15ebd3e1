package preflight

import (
	"encoding/hex"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kinring/kinring/internal/signfixture"
)

// planFixture is a directory with a plan that breaks one rule.
type planFixture struct {
	rule, name string
	files      map[string]string
}

func (f planFixture) fs() fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range f.files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// appPlan is a plan for one app with everything it needs.
func (k *kit) appPlan(extra string) map[string]string {
	return map[string]string{
		"plan.toml": "schema = 1\nteam = \"" + signfixture.Team + "\"\ncertificate = \"" + hex.EncodeToString(k.leaf.Fingerprint()) + "\"\n" +
			"[[code]]\npath = \"Demo.app\"\nidentifier = \"" + appID + "\"\nentitlements = \"app.plist\"\nprofile = \"app.profile\"\n" + extra,
		"app.plist":   string(k.claims(appID).XML()),
		"app.profile": string(k.profile(appID).Encode(k)),
	}
}

// changed is the app's plan with one file replaced.
func (k *kit) changed(name, text string) map[string]string {
	files := k.appPlan("")
	files[name] = text
	return files
}

// builder is an electron-builder project with one setting added to mac.
func (k *kit) builder(mac string) map[string]string {
	files := k.appPlan("")
	files["electron-builder.yml"] = "appId: " + appID + "\nproductName: Demo\nforceCodeSigning: true\nmac:\n" +
		"  entitlements: app.plist\n  provisioningProfile: app.profile\n" + mac
	return files
}

// forge is an electron-forge project as JSON with the settings of osxSign.
func (k *kit) forge(osxSign string) map[string]string {
	files := k.appPlan("")
	files["free.plist"] = string(dict{jit: true}.XML())
	files["forge.json"] = `{"packagerConfig": {"name": "Demo", "appBundleId": "` + appID + `"` + osxSign + `}}`
	return files
}

const forgeSign = `, "osxSign": {"entitlements": "app.plist", "provisioningProfile": "app.profile", "entitlements-inherit": "free.plist"`

func (k *kit) planFixtures() []planFixture {
	inherit := k.builder("  entitlementsInherit: app.plist\n")
	commented := strings.Replace(string(k.claims(appID).XML()), "<dict>", "<dict><!-- the shared group -->", 1)
	return []planFixture{
		{"KR701", "plan.toml", k.changed("app.plist", commented)},
		{"KR702", "plan.toml", k.appPlan("[[code]]\npath = \"Demo.app/Contents/Helpers/tool\"\nentitlements = \"nowhere.plist\"\n")},
		{"KR703", "electron-builder.yml", inherit},
		{"KR704", "electron-builder.yml", k.builder("  hardenedRuntime: false\n")},
		{"KR705", "forge.json", k.forge(forgeSign + `, "preEmbedProvisioningProfile": false}`)},
		{"KR706", "electron-builder.yml", k.builder("  identity: null\n")},
		{"KR707", "electron-builder.yml", k.builder("  sign: ./sign.js\n")},
	}
}

func (k *kit) plan(f planFixture, o Options) *Report {
	k.Helper()
	p, err := ReadPlan(f.fs(), f.name)
	if err != nil {
		k.Fatal(err)
	}
	return CheckPlan(p, o, k.roots())
}

func TestEveryPlanRuleHasAFixtureThatBreaksItAlone(t *testing.T) {
	for _, f := range newKit(t).planFixtures() {
		t.Run(f.rule, func(t *testing.T) {
			r := newKit(t).plan(f, options())
			if ids := r.IDs(); len(ids) != 1 || number(ids[0]) != f.rule {
				t.Errorf("findings: %s", describe(r))
			}
		})
	}
}

func TestGoodPlansHaveNoFindings(t *testing.T) {
	k := newKit(t)
	for name, files := range map[string]map[string]string{
		"plan.toml":            k.appPlan("[[code]]\npath = \"Demo.app/Contents/Frameworks/libx.dylib\"\n"),
		"electron-builder.yml": k.builder(""),
		"forge.json":           k.forge(forgeSign + "}"),
	} {
		r := k.plan(planFixture{name: name, files: files}, Options{Now: signfixture.Now, Team: signfixture.Team, Group: group})
		if len(r.Findings) > 0 {
			t.Errorf("%s: %s", name, describe(r))
		}
		if len(r.NotChecked) == 0 {
			t.Errorf("%s: the report claims to have checked everything", name)
		}
	}
}

// TestPlanStopsWhatTheArtefactWouldShow walks the rules that a plan shares with
// the built artefact.
func TestPlanStopsWhatTheArtefactWouldShow(t *testing.T) {
	k := newKit(t)
	claims := func(d dict) map[string]string { return k.changed("app.plist", string(d.XML())) }
	profile := func(change func(*prof)) map[string]string {
		p := k.profile(appID)
		change(p)
		return k.changed("app.profile", string(p.Encode(k)))
	}
	place := func(path string) map[string]string {
		return k.appPlan("[[code]]\npath = \"" + path + "\"\nentitlements = \"app.plist\"\n")
	}
	groups := func(g ...string) map[string]string { return claims(k.claims(appID).With("keychain-access-groups", g)) }
	noProfile := k.appPlan("")
	noProfile["plan.toml"] = strings.Replace(noProfile["plan.toml"], "profile = \"app.profile\"\n", "", 1)
	twins := k.appPlan("[[code]]\npath = \"Demo.app/Contents/Helpers/H.app\"\nidentifier = \"" + appID + "\"\n")
	for rule, files := range map[string]map[string]string{
		"KR107": claims(k.claims(appID).With("com.apple.security.get-task-allow", true)),
		"KR201": place("Demo.app/Contents/MacOS/spawn-helper"),
		"KR202": noProfile,
		"KR203": place("Demo.app/Contents/Frameworks/Demo Helper.app"),
		"KR206": groups(),
		"KR209": groups("$(AppIdentifierPrefix)" + group),
		"KR210": groups(signfixture.Team + ".*"),
		"KR211": k.changed("app.plist", "<plist><array/></plist>"),
		"KR213": groups(other + "." + group),
		"KR215": claims(k.claims(appID + ".next")),
		"KR216": claims(k.claims(appID).With("com.apple.developer.team-identifier", other)),
		"KR217": place("Demo.app/Contents/Frameworks/libx.dylib"),
		"KR218": claims(k.claims(appID).With("com.apple.private.x", true)),
		"KR219": claims(k.claims(appID).With("made-up", true)),
		"KR221": claims(k.claims(appID).With("keychain-access-groups", signfixture.Team+"."+group)),
		"KR301": k.changed("app.profile", "no profile"),
		"KR303": profile(func(p *prof) { p.Expires = signfixture.Now }),
		"KR306": profile(func(p *prof) { p.Team = other }),
		"KR307": profile(func(p *prof) { p.AppID = "org.kinring.another" }),
		"KR308": claims(k.claims(appID).With("com.apple.developer.networking.vpn.api", []string{"allow-vpn"})),
		"KR309": profile(func(p *prof) { p.Certificates = nil }),
		"KR310": profile(func(p *prof) { p.Devices = []string{"d"} }),
		"KR407": twins,
	} {
		r := k.plan(planFixture{name: "plan.toml", files: files}, options())
		if !hasRule(r, rule) {
			t.Errorf("%s is not found: %s", rule, describe(r))
		}
	}
}

func hasRule(r *Report, rule string) bool {
	for _, id := range r.IDs() {
		if number(id) == rule {
			return true
		}
	}
	return false
}

// TestConfigurationsThatArePrograms: what only the tool itself can evaluate is
// told, and is no error.
func TestConfigurationsThatArePrograms(t *testing.T) {
	k := newKit(t)
	for name, f := range map[string]planFixture{
		"hook":             {"", "electron-builder.yml", k.builder("  sign: ./sign.js\n")},
		"extended":         {"", "electron-builder.yml", k.builder("extends: base.yml\n")},
		"options for file": {"", "forge.json", k.forge(`, "osxSign": {}`)},
		"true":             {"", "forge.json", k.forge(`, "osxSign": true`)},
	} {
		if r := k.plan(f, options()); !hasRule(r, "KR707") || r.Failed() {
			t.Errorf("%s: %s", name, describe(r))
		}
	}
	unsigned := planFixture{"", "forge.json", k.forge("")}
	if r := k.plan(unsigned, options()); !hasRule(r, "KR706") {
		t.Errorf("without osxSign: %s", describe(r))
	}
	inherited := planFixture{"", "forge.json", k.forge(`, "osxSign": {"entitlements": "app.plist", "provisioningProfile": "app.profile"}`)}
	if r := k.plan(inherited, options()); !hasRule(r, "KR703") {
		t.Errorf("nested code gets the app's file: %s", describe(r))
	}
}

func TestPlanRefusesWhatItCannotRead(t *testing.T) {
	files := map[string]string{
		"schema.toml":  "schema = 2",
		"key.toml":     "schema = 1\nnonsense = 1",
		"path.toml":    "schema = 1\n[[code]]\nidentifier = \"a\"",
		"print.toml":   "schema = 1\ncertificate = \"abc\"",
		"broken.toml":  "schema = ",
		"list.json":    "[1, 2]",
		"empty.yml":    "",
		"tab.yml":      "a:\n\t- b",
		"other.json":   `{"name": "x"}`,
		"bomb.yml":     yamlBomb(),
		"plan.txt":     "",
		"huge.json":    strings.Repeat(" ", maxPlanFile+1),
		"present.json": "{}",
		// Nothing would be judged.
		"nothing.toml":    "schema = 1\nteam = \"ABCDE12345\"",
		"forge.config.js": "module.exports = {}",
		"forge.config.ts": "export default {}",
	}
	fsys := planFixture{files: files}.fs()
	fsys["pipe.toml"] = &fstest.MapFile{Mode: fs.ModeNamedPipe}
	files["pipe.toml"] = ""
	for name := range files {
		if _, err := ReadPlan(fsys, name); err == nil {
			t.Errorf("%s is read", name)
		}
	}
	if _, err := ReadPlan(fsys, "absent.toml"); err == nil {
		t.Error("an absent plan is read")
	}
}

// yamlBomb names one list many times over.
func yamlBomb() string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 12; i++ {
		ref := strings.Repeat("*a"+string(rune('a'+i-1))+",", 8)
		if i == 1 {
			ref = strings.Repeat("*a0,", 8)
		}
		b.WriteString("k" + string(rune('a'+i)) + ": &a" + string(rune('a'+i)) + " [" + ref + "]\n")
	}
	return b.String()
}

func TestPlanFilesStayInsideTheirDirectory(t *testing.T) {
	k := newKit(t)
	files := k.appPlan("[[code]]\npath = \"x\"\nentitlements = \"../outside.plist\"\n")
	r := k.plan(planFixture{name: "plan.toml", files: files}, options())
	if ids := r.IDs(); len(ids) != 1 || number(ids[0]) != "KR702" {
		t.Errorf("findings: %s", describe(r))
	}
}

func TestParseFingerprint(t *testing.T) {
	good := strings.Repeat("ab", 32)
	for text, want := range map[string]bool{
		good: true, strings.ToUpper(good): true, strings.Repeat("AB:", 31) + "AB": true,
		"": false, good[:62]: false, good + "ab": false, strings.Repeat("zz", 32): false,
	} {
		if got, err := ParseFingerprint(text); (err == nil) != want || want && len(got) != 32 {
			t.Errorf("%q: %x, %v", text, got, err)
		}
	}
}

func FuzzReadPlan(f *testing.F) {
	k := newKit(f)
	for _, p := range append(k.planFixtures(), planFixture{name: "plan.toml", files: k.appPlan("")}) {
		f.Add(p.name, []byte(p.files[p.name]))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		fsys := fstest.MapFS{}
		if fs.ValidPath(name) && name != "." {
			fsys[name] = &fstest.MapFile{Data: data}
		}
		p, err := ReadPlan(fsys, name)
		if err != nil {
			return
		}
		if r := CheckPlan(p, options(), nil); r.Count(Error)+r.Count(Warning)+r.Count(Note) != len(r.Findings) {
			t.Error("a finding has no level")
		}
	})
}
