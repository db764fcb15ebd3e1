package preflight

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/codesign/archive"
	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/internal/require"
	"github.com/kinring/kinring/internal/signfixture"
)

// artefacts are published packages with what preflight may say of them: the
// Developer ID ones nothing, those that only the linker signed just that.
var artefacts = []struct {
	file     string
	programs int
	team     string
	findings []string
}{
	{"openai-codex-0.169.0-darwin-arm64.tgz", 4, "2DC432GLL2", nil},
	{"openai-codex-0.169.0-darwin-x64.tgz", 4, "2DC432GLL2", nil},
	{"napi-rs-keyring-darwin-arm64-2.1.2.tgz", 1, "K3VT49H83Y", nil},
	{"biomejs-cli-darwin-arm64-2.5.15.tgz", 1, "", []string{"KR106"}},
	{"esbuild-darwin-arm64-0.28.2.tgz", 1, "", []string{"KR106"}},
}

// openArtefact finds a package that scripts/fetch-darwin-artefacts fetched.
func openArtefact(t *testing.T, name string) *archive.FS {
	t.Helper()
	dir := os.Getenv("KINRING_DARWIN_ARTEFACTS")
	f, err := os.Open(filepath.Join(dir, name))
	require.Need(t, "npm", dir != "" && err == nil,
		"KINRING_DARWIN_ARTEFACTS does not name a directory with "+name+" (scripts/fetch-darwin-artefacts fills one)")
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	fsys, _, err := archive.Open(name, f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return fsys
}

// TestPublishedProgramsRaiseNoFalseAlarm judges real programs with Apple's roots.
func TestPublishedProgramsRaiseNoFalseAlarm(t *testing.T) {
	for _, a := range artefacts {
		t.Run(a.file, func(t *testing.T) {
			in, err := Load(a.file, openArtefact(t, a.file), ".", bundle.Options{}, true)
			if err != nil {
				t.Fatal(err)
			}
			r := Check([]Input{in}, options())
			var found []string
			for _, id := range r.IDs() {
				found = append(found, number(id))
			}
			if !slices.Equal(found, a.findings) || r.Failed() {
				t.Errorf("findings: %s", describe(r))
			}
			programs := 0
			for _, e := range r.Executables {
				if e.Team == a.team {
					programs++
				}
			}
			if programs < a.programs {
				t.Errorf("%d executables of team %q, want at least %d: %+v", programs, a.team, a.programs, r.Executables)
			}
		})
	}
}

// TestPublishedProgramFailsWhatIsExpectedOfIt holds the same programs against
// expectations that they do not meet.
func TestPublishedProgramFailsWhatIsExpectedOfIt(t *testing.T) {
	name := artefacts[0].file
	in, err := Load(name, openArtefact(t, name), ".", bundle.Options{}, false)
	if err != nil {
		t.Fatal(err)
	}
	r := Check([]Input{in}, Options{Now: signfixture.Now, Team: signfixture.Team, Group: "com.openai.codex.shared"})
	for _, rule := range []string{"KR122", "KR501"} {
		if !hasRule(r, rule) {
			t.Errorf("%s is not found: %s", rule, describe(r))
		}
	}
	in.Tree.Executables = slices.DeleteFunc(in.Tree.Executables, func(e *bundle.Executable) bool { return !strings.HasSuffix(e.Path, "/codex") })
	if r := Check([]Input{in}, Options{Now: time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)}); len(r.Findings) > 0 {
		t.Errorf("a time-stamped program does not outlive its certificate: %s", describe(r))
	}
}
