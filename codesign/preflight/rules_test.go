package preflight

import (
	"slices"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/signfixture"
)

// report judges a fixture.
func (k *kit) report(f fixture) *Report {
	k.Helper()
	var inputs []Input
	for i, t := range f.trees {
		inputs = append(inputs, k.input("input"+string(rune('0'+i)), t, f.whole))
	}
	if f.against != nil {
		installed := k.input("installed", f.against, false)
		f.options.Against = &installed
	}
	return Check(inputs, f.options)
}

func TestEveryRuleHasAFixtureThatBreaksItAlone(t *testing.T) {
	k := newKit(t)
	for _, f := range k.fixtures() {
		t.Run(f.rule, func(t *testing.T) {
			r := newKit(t).report(f)
			if ids := r.IDs(); len(ids) != 1 || number(ids[0]) != f.rule {
				t.Errorf("findings: %s", describe(r))
			}
		})
	}
}

// describe lists findings for a failed test.
func describe(r *Report) string {
	var b strings.Builder
	for _, f := range r.Findings {
		b.WriteString("\n  " + f.Rule + " " + f.Path + " " + f.Arch + ": " + f.Seen)
	}
	return b.String()
}

func TestNoRuleIsWithoutAFixture(t *testing.T) {
	k := newKit(t)
	broken := map[string]bool{}
	for _, f := range k.fixtures() {
		broken[f.rule] = true
	}
	for _, f := range k.planFixtures() {
		broken[f.rule] = true
	}
	for _, r := range Rules() {
		if !broken[r.Number()] {
			t.Errorf("%s has no fixture", r.ID)
		}
	}
}

func TestGoodBundleHasNoFindings(t *testing.T) {
	k := newKit(t)
	good := k.good().Build(k)
	for _, whole := range []bool{false, true} {
		r := Check([]Input{k.input("Demo", good, whole)}, Options{Now: signfixture.Now, Team: signfixture.Team, Group: group})
		if len(r.Findings) > 0 {
			t.Errorf("whole %v: %s", whole, describe(r))
		}
		if len(r.Executables) != 9 {
			t.Errorf("%d executables in the table, want 9", len(r.Executables))
		}
		if len(r.NotChecked) == 0 || !strings.Contains(r.NotChecked[0], "launch") {
			t.Errorf("the report does not say that only a launch shows: %q", r.NotChecked)
		}
	}
}

func TestCatalogueIsComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.Number()] {
			t.Errorf("%s: the number is used twice", r.ID)
		}
		seen[r.Number()] = true
		if !strings.HasPrefix(r.ID, "KR") || !strings.Contains(r.ID, "-") || r.ID != strings.ReplaceAll(r.ID, " ", "") {
			t.Errorf("%q is no id", r.ID)
		}
		if r.Level.rank() < 0 || r.Title == "" || r.Why == "" || len(r.Remedy.lines()) == 0 {
			t.Errorf("%s: level, title, reason or remedy is missing", r.ID)
		}
		if found, err := Lookup(strings.ToLower(r.Number())); err != nil || found.ID != r.ID {
			t.Errorf("%s is not found by its number: %v", r.ID, err)
		}
	}
	if _, err := Lookup("KR999"); err == nil {
		t.Error("an unknown rule is found")
	}
}

func TestSeveralInputsKeepTheirPathsApart(t *testing.T) {
	k := newKit(t)
	broken := k.bare(k.claims("org.kinring.tool"))
	r := k.report(fixture{trees: []tree{broken, broken}, options: options()})
	var paths []string
	for _, f := range r.Findings {
		paths = append(paths, f.Path)
	}
	if want := []string{"input0/tool", "input1/tool"}; !slices.Equal(paths, want) {
		t.Errorf("paths %q, want %q", paths, want)
	}
}

// TestHelpersOfElectronMayShareAnIdentifier: none of them has a profile, so
// nobody looks one up by it.
func TestHelpersOfElectronMayShareAnIdentifier(t *testing.T) {
	k := newKit(t)
	twin := k.helper(func(b *bdl) { b.Name = "Demo Helper (GPU).app" })
	r := k.check(k.app(nest("Frameworks", k.helper()), nest("Frameworks", twin)).Build(k), options())
	if len(r.Findings) > 0 {
		t.Errorf("findings: %s", describe(r))
	}
}

func TestFindingOnEverySliceIsToldOnce(t *testing.T) {
	k := newKit(t)
	fat := signfixture.SignFat(t, k.signing("org.kinring.tool", k.claims("org.kinring.tool")))
	r := k.check(tree{"tool": {Data: fat}}, options())
	if len(r.Findings) != 1 || r.Findings[0].Arch != "" {
		t.Errorf("findings: %s", describe(r))
	}
	half := k.signing("org.kinring.tool", nil)
	half.NoRuntime = true
	mixed := signfixture.Fat(false, signfixture.Sign(t, signfixture.Program(t, "amd64"), half),
		signfixture.Sign(t, signfixture.Program(t, "arm64"), k.signing("org.kinring.tool", nil)))
	r = k.check(tree{"tool": {Data: mixed}}, options())
	at := slices.IndexFunc(r.Findings, func(f Finding) bool { return number(f.Rule) == "KR105" })
	if at < 0 || r.Findings[at].Arch != "x86_64" {
		t.Errorf("findings: %s", describe(r))
	}
}

// TestSeveralCodeDirectories has one directory of each of two hash types.
func TestSeveralCodeDirectories(t *testing.T) {
	k := newKit(t)
	both := func(change func(*signing)) tree {
		return k.bare(nil, func(s *signing) {
			s.Digests = []int{signfixture.SHA1, signfixture.SHA256}
			change(s)
		})
	}
	second := func(raw []byte) {
		if raw[37] == signfixture.SHA256 {
			raw[14] ^= 0x02 // in the flags: library validation
		}
	}
	for _, c := range []struct {
		name string
		t    tree
		want string
	}{
		{"alike", both(func(*signing) {}), ""},
		{"with other flags", both(func(s *signing) { s.Directory = second }), "KR119"},
		{"listed by nobody", both(func(s *signing) { s.NoAgility = true }), "KR119"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := k.check(c.t, options())
			var got string
			for _, f := range r.Findings {
				got += number(f.Rule)
			}
			if got != c.want {
				t.Errorf("want %q, findings: %s", c.want, describe(r))
			}
		})
	}
}

// TestLinkerMayNameItsOwnSegment: a linker's signature may have the size of the
// section __text where signing tools write that of __TEXT.
func TestLinkerMayNameItsOwnSegment(t *testing.T) {
	k := newKit(t)
	for flags, want := range map[uint32]bool{signfixture.FlagLinker: false, 0: true} {
		r := k.check(k.bare(nil, func(s *signing) {
			s.Signer, s.NoRuntime, s.Flags, s.Directory = nil, true, flags, field(execSegLimitAt, 4096)
		}), options())
		if hasRule(r, "KR127") != want {
			t.Errorf("flags %#x: KR127 is found: %v; findings: %s", flags, !want, describe(r))
		}
	}
}
