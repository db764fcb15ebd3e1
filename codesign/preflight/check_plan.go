package preflight

import (
	"slices"

	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/codesign/entitlements"
	"github.com/kinring/kinring/codesign/plist"
	"github.com/kinring/kinring/codesign/profile"
)

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
		t.add("KR701", f.Name, "the file has %s", plural(d.Comments, "comment"))
	}
	t.tell(documentFaults(d))
}

// tell adds faults of the entitlements file.
func (t *planned) tell(list []fault) {
	for _, f := range list {
		t.add(f.number, t.at(), "%s", f.seen)
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
		t.tell(valueFaults(e))
		t.tell(kindFault(e))
	}
	t.tell(nameFaults(t.claims))
	t.tell(teamFaults(t.claims, t.team()))
	if t.target.Identifier != "" && t.team() != "" {
		t.tell(appIDFault(t.claims, t.team()+"."+t.target.Identifier))
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
	t.tell(claimFaults(p, t.claims, team))
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
