package preflight

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/codesign/entitlements"
	"github.com/kinring/kinring/codesign/plist"
	"github.com/kinring/kinring/codesign/profile"
)

// Plan is what is going to be signed: programs with the entitlements and
// profiles meant for them. It needs no certificate, so that it can be judged
// where there is none, as for a pull request.
type Plan struct {
	Name        string // of the file that says so
	Team        string // that will sign; empty: not known
	Certificate []byte // SHA-256 of the certificate that will sign; nil: not known
	Targets     []Target
	Faults      []PlanFault // found while reading the plan
}

// PlanFault is a finding about the plan's own files.
type PlanFault struct{ Rule, Path, Seen string }

// Target is one program, or all nested code where one file is for all of it.
type Target struct {
	Path         string // where it will lie in the product: Demo.app, Demo.app/Contents/Helpers/x
	Identifier   string // CFBundleIdentifier; empty: not known
	Place        Place
	Entitlements *PlanFile // nil: none
	Profile      *PlanFile // nil: none
}

// Place says what a target can carry.
type Place string

// The places.
const (
	PlaceApp     Place = "app"     // outermost app: may have a profile
	PlaceHelper  Place = "helper"  // bundle inside another: may have a profile of its own
	PlaceBare    Place = "bare"    // executable that is no bundle's main one
	PlaceLibrary Place = "library" // loaded by other programs
	PlaceInherit Place = "inherit" // every helper and binary that has no file of its own
)

// PlanFile is a file that the plan names.
type PlanFile struct {
	Name string
	Data []byte
}

// maxPlanFile bounds every file of a plan; real ones have a few kilobytes.
const maxPlanFile = 4 << 20

// fault notes a finding about the plan itself.
func (p *Plan) fault(rule, at, format string, args ...any) {
	p.Faults = append(p.Faults, PlanFault{rule, at, fmt.Sprintf(format, args...)})
}

// file reads a file that the plan names; one that cannot be read is a finding.
func (p *Plan) file(fsys fs.FS, name string) *PlanFile {
	if name == "" {
		return nil
	}
	data, err := readPlanFile(fsys, path.Clean(strings.ReplaceAll(name, `\`, "/")))
	if err != nil {
		p.fault("KR702", name, "%v", err)
		return nil
	}
	return &PlanFile{name, data}
}

// readPlanFile reads one bounded file.
func readPlanFile(fsys fs.FS, name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("%q leads out of the directory of the plan", name)
	}
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxPlanFile {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", name, info.Size(), maxPlanFile)
	}
	return fs.ReadFile(fsys, name)
}

// ReadPlan reads a plan: kinring's own TOML form, or the configuration of
// electron-builder or electron-forge. Files that it names are looked up in the
// directory of the plan, which is the root of fsys.
func ReadPlan(fsys fs.FS, name string) (*Plan, error) {
	p := &Plan{Name: name}
	switch ext := path.Ext(name); ext {
	case ".js", ".cjs", ".mjs", ".ts", ".json5":
		p.fault("KR707", name, "%s", programAdvice(name))
		return p, nil
	case ".toml", ".json", ".yml", ".yaml":
		data, err := readPlanFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("plan: %w", err)
		}
		return p, p.parse(fsys, ext, data)
	}
	return nil, fmt.Errorf("plan %s: not a .toml, .json, .yml or .yaml file", name)
}

// programAdvice tells how a configuration that is a program can be judged.
func programAdvice(name string) string {
	return "the configuration is a program; print its value and judge that: node -p 'JSON.stringify(require(\"./" + name + "\"))' > config.json"
}

// parse fills the plan from its file.
func (p *Plan) parse(fsys fs.FS, ext string, data []byte) error {
	if ext == ".toml" {
		return p.parseTOML(fsys, data)
	}
	config, err := decodeConfig(data)
	if err != nil {
		return fmt.Errorf("plan %s: %w", p.Name, err)
	}
	switch {
	case config.child("build") != nil:
		p.builder(fsys, config.child("build"))
	case config.child("config", "forge") != nil:
		p.forge(fsys, config.child("config", "forge"))
	case config.child("packagerConfig") != nil:
		p.forge(fsys, config)
	case config.child("mac") != nil || config.text("appId") != "":
		p.builder(fsys, config)
	default:
		return fmt.Errorf("plan %s: neither an electron-builder nor an electron-forge configuration", p.Name)
	}
	return nil
}

// CheckPlan judges a plan. roots are those that a profile must chain to; nil
// means Apple's.
func CheckPlan(p *Plan, options Options, roots *cms.Roots) *Report {
	if options.ProfileWarning == 0 {
		options.ProfileWarning = defaultProfileWarning
	}
	c := &checker{Options: options, report: &Report{Date: options.Now, Inputs: []string{p.Name}}}
	for _, f := range p.Faults {
		c.addPath(f.Rule, f.Path, "", "%s", f.Seen)
	}
	for i := range p.Targets {
		t := &planned{c: c, plan: p, target: &p.Targets[i], roots: roots}
		t.check()
	}
	if c.Group == "" {
		c.checkSameGroups()
	}
	c.report.suppress(options.Suppressions)
	c.report.Checked = []string{"entitlements files, profiles and the configuration that names them"}
	c.report.NotChecked = []string{
		"the built artefact: signing tools can drop or replace what is planned; run preflight on it too",
		"whether macOS starts each program: only a launch on a Mac that no management profile loosens shows that",
	}
	c.report.sort()
	return c.report
}

// planned is one target under judgement.
type planned struct {
	c       *checker
	plan    *Plan
	target  *Target
	roots   *cms.Roots
	claims  plist.Dict
	profile *profile.Profile
}

func (t *planned) add(rule, at, format string, args ...any) {
	t.c.addPath(rule, at, "", format, args...)
}

// at is the file to name in a finding about claims.
func (t *planned) at() string {
	if t.target.Entitlements != nil {
		return t.target.Entitlements.Name
	}
	return t.target.Path
}

func (t *planned) check() {
	t.readClaims()
	t.readProfile()
	t.checkTexts()
	t.checkPlace()
	t.checkProfile()
	t.noteMember()
}

// readClaims parses the entitlements file.
func (t *planned) readClaims() {
	f := t.target.Entitlements
	if f == nil {
		return
	}
	d, err := entitlements.ParseXML(f.Data)
	if err != nil {
		t.add("KR211", f.Name, "%v", err)
		return
	}
	t.claims = d.Entries
	if d.Comments > 0 {
		t.add("KR701", f.Name, "%d comments", d.Comments)
	}
	if d.ByteMark {
		t.add("KR211", f.Name, "the file starts with a byte order mark")
	}
	for _, key := range d.Duplicates {
		t.add("KR211", f.Name, "the key %q is there twice", key)
	}
}

// readProfile parses the profile and judges it by itself.
func (t *planned) readProfile() {
	f := t.target.Profile
	if f == nil {
		return
	}
	p, err := profile.Read(f.Data, t.roots)
	if err != nil {
		t.add("KR301", f.Name, "%v", err)
		return
	}
	t.profile = p
	for _, fault := range t.c.profileFaults(p) {
		t.add(fault.number, f.Name, "%s", fault.seen)
	}
}

// team is the one that will sign, as far as it is known.
func (t *planned) team() string {
	switch {
	case t.plan.Team != "":
		return t.plan.Team
	case t.c.Team != "":
		return t.c.Team
	case t.profile != nil && len(t.profile.Teams) > 0:
		return t.profile.Teams[0]
	}
	return ""
}

// checkTexts judges each claim as written.
func (t *planned) checkTexts() {
	for _, e := range t.claims {
		for _, f := range valueFaults(e) {
			t.add(f.number, t.at(), "%s: %s", e.Key, f.seen)
		}
		if want, wrong := wrongKind(e); wrong {
			t.add("KR221", t.at(), "%s is %s, not %s", e.Key, article(e.Value.Kind), want)
		}
		switch classify(e.Key) {
		case private:
			t.add("KR218", t.at(), "claims %q", e.Key)
		case unknown:
			t.add("KR219", t.at(), "claims %q", e.Key)
		}
	}
	if t.claims.Bool(keyDebug) {
		t.add("KR107", t.at(), "%s is true", keyDebug)
	}
	t.checkTeamTexts()
}

// checkTeamTexts compares the claims with the team.
func (t *planned) checkTeamTexts() {
	team := t.team()
	if team == "" {
		return
	}
	groups, _ := t.claims.Strings(keyGroups)
	for _, g := range groups {
		if literal(g) && !strings.HasPrefix(g, team+".") {
			t.add("KR213", t.at(), "the group %q is not of the signing team %q", g, team)
		}
	}
	if claimed := t.claims.Text(keyTeamID); literal(claimed) && claimed != team {
		t.add("KR216", t.at(), "claims team %q, to be signed by %q", claimed, team)
	}
	want := team + "." + t.target.Identifier
	if claimed := t.claims.Text(keyAppID); t.target.Identifier != "" && literal(claimed) && claimed != want {
		t.add("KR215", t.at(), "claims %q, and the bundle is %q", claimed, want)
	}
}

// checkPlace judges whether the target can have its claims.
func (t *planned) checkPlace() {
	keys := restrictedKeys(t.claims)
	rule := map[Place]string{PlaceApp: "KR202", PlaceHelper: "KR203", PlaceBare: "KR201", PlaceInherit: "KR703"}[t.target.Place]
	switch {
	case t.target.Place == PlaceLibrary && len(t.claims) > 0:
		t.add("KR217", t.at(), "claims %s for %s", quoted(t.claims.Keys()), t.target.Path)
	case len(keys) == 0 || rule == "" || t.target.Profile != nil && t.carriesProfile():
	default:
		t.add(rule, t.at(), "claims %s for %s, and no profile can or will allow them there", quoted(keys), t.target.Path)
	}
}

func (t *planned) carriesProfile() bool {
	return t.target.Place == PlaceApp || t.target.Place == PlaceHelper
}

// checkProfile compares claims, bundle and certificate with the profile.
func (t *planned) checkProfile() {
	p := t.profile
	if p == nil || !t.carriesProfile() {
		return
	}
	team := t.team()
	if !slices.Contains(p.Teams, team) {
		t.add("KR306", t.target.Profile.Name, "it is of team %s, and %q will sign", quoted(p.Teams), team)
		return
	}
	if t.target.Identifier != "" && !slices.ContainsFunc(profileAppIDs(p), func(pattern string) bool {
		return matchPattern(pattern, team+"."+t.target.Identifier)
	}) {
		t.add("KR307", t.target.Profile.Name, "it is for %s, and the bundle is %q", quoted(profileAppIDs(p)), team+"."+t.target.Identifier)
	}
	for _, f := range claimFaults(p, t.claims, team) {
		t.add(f.number, t.at(), "%s", f.seen)
	}
	if len(restrictedKeys(t.claims)) == 0 && t.target.Entitlements != nil {
		t.add("KR212", t.target.Profile.Name, "%s claims nothing that it allows", t.target.Entitlements.Name)
	}
	if len(t.plan.Certificate) > 0 && !namesDigest(p, t.plan.Certificate) {
		t.add("KR309", t.target.Profile.Name, "the certificate with SHA-256 %x will sign, and the profile names %s", t.plan.Certificate, certificateNames(p))
	}
}

// noteMember remembers the target for the comparison within the family.
func (t *planned) noteMember() {
	if t.target.Place == PlaceLibrary || t.target.Place == PlaceInherit {
		return
	}
	groups, _ := t.claims.Strings(keyGroups)
	m := member{path: t.at(), team: t.team(), groups: groups, front: t.target.Place == PlaceApp || t.target.Place == PlaceBare}
	t.c.members = append(t.c.members, m)
	if t.target.Place == PlaceApp {
		t.c.expectGroup(m)
	}
}

// ParseFingerprint reads the SHA-256 of a certificate: hexadecimal, colons and
// spaces allowed, as certificate viewers print it.
func ParseFingerprint(text string) ([]byte, error) {
	clean := strings.NewReplacer(":", "", " ", "").Replace(text)
	out, err := hex.DecodeString(clean)
	if err != nil || len(out) != 32 {
		return nil, errors.New("a certificate fingerprint is 64 hexadecimal digits: the SHA-256 of the certificate")
	}
	return out, nil
}
