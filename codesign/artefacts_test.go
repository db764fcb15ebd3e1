package codesign_test

import (
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/codesign/archive"
	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/codesign/preflight"
	"github.com/kinring/kinring/internal/require"
	"github.com/kinring/kinring/internal/signfixture"
)

const (
	openai = "2DC432GLL2"
	jit    = "com.apple.security.cs.allow-jit com.apple.security.cs.allow-unsigned-executable-memory"
	audio  = "com.apple.security.device.audio-input"
)

// program is what a published program is known to carry.
type program struct{ identifier, team, flags, entitlements string }

// codex are the programs of both architectures of one release.
var codex = map[string]program{
	"codex":                {"codex", openai, "runtime", jit},
	"codex-code-mode-host": {"codex-code-mode-host", openai, "runtime", jit},
	"rg":                   {"com.openai.codex.rg", openai, "runtime", ""},
	"codex-voice-host":     {"com.openai.codex.voice-host", openai, "runtime", audio},
}

// published are packages of npm with their programs, by file name, and with
// what preflight may say of them: of those with a Developer ID nothing, of those
// that only a linker signed just that.
var published = []struct {
	file, arch string
	programs   map[string]program
	findings   string
	large      bool // takes seconds to unpack
	pages      bool // compare the code with its hashes
}{
	{"openai-codex-0.169.0-darwin-arm64.tgz", "arm64", codex, "", true, true},
	{"openai-codex-0.169.0-darwin-x64.tgz", "x86_64", codex, "", true, false},
	{"napi-rs-keyring-darwin-arm64-2.1.2.tgz", "arm64", map[string]program{"keyring.darwin-arm64.node": {"keyring.darwin-arm64", "K3VT49H83Y", "runtime", ""}}, "", false, true},
	{"biomejs-cli-darwin-arm64-2.5.15.tgz", "arm64", map[string]program{"biome": {"biome-55b0aa26959bd679", "", "adhoc,linker-signed", ""}}, "KR106-linker-signed", false, true},
	{"esbuild-darwin-arm64-0.28.2.tgz", "arm64", map[string]program{"esbuild": {"a.out", "", "adhoc,linker-signed", ""}}, "KR106-linker-signed", false, true},
}

// openPublished opens a package that scripts/fetch-darwin-artefacts fetched.
func openPublished(t *testing.T, name string) *archive.FS {
	t.Helper()
	dir := os.Getenv("KINRING_DARWIN_ARTEFACTS")
	f, err := os.Open(filepath.Join(dir, name))
	require.Need(t, "npm", dir != "" && err == nil,
		"KINRING_DARWIN_ARTEFACTS names no directory with "+name+"; scripts/fetch-darwin-artefacts DIR fills one")
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	fsys, kind, err := archive.Open(name, f, info.Size())
	if err != nil || kind != archive.TarGz {
		t.Fatal(kind, err)
	}
	return fsys
}

// TestPublishedPrograms reads and judges each package, once unpacked.
func TestPublishedPrograms(t *testing.T) {
	for _, p := range published {
		t.Run(p.file, func(t *testing.T) {
			if p.large && testing.Short() {
				t.Skip("unpacks hundreds of megabytes")
			}
			fsys := openPublished(t, p.file)
			in, err := preflight.Load(p.file, fsys, ".", bundle.Options{}, p.pages)
			if err != nil || len(in.Tree.Problems) > 0 {
				t.Fatal(err, in.Tree.Problems)
			}
			checkFindings(t, in, p.findings)
			left := len(p.programs)
			for _, e := range in.Tree.Executables {
				if e.Err != nil {
					t.Errorf("%s: %v", e.Path, e.Err)
					continue
				}
				checkPublished(t, fsys, e, p.arch)
				if want, named := p.programs[path.Base(e.Path)]; named {
					left--
					checkProgram(t, e, want)
				}
			}
			if left != 0 {
				t.Errorf("%d programs of the package were not found", left)
			}
			t.Logf("%d programs and libraries, %d bytes read", len(in.Tree.Executables), in.Read)
		})
	}
}

// checkFindings judges a package by Apple's roots: nothing may be a false alarm,
// today or long after its certificate has ended, and what is expected of another
// product must be missed.
func checkFindings(t *testing.T, in preflight.Input, want string) {
	t.Helper()
	for _, year := range []int{signfixture.Now.Year(), 2099} {
		r := preflight.Check([]preflight.Input{in}, preflight.Options{Now: time.Date(year, 11, 1, 0, 0, 0, 0, time.UTC)})
		if got := strings.Join(r.IDs(), " "); got != want || r.Failed() {
			t.Errorf("in %d: findings %q, want %q: %+v", year, got, want, r.Findings)
		}
	}
	r := preflight.Check([]preflight.Input{in}, preflight.Options{Now: signfixture.Now, Team: signfixture.Team, Group: "org.kinring.shared"})
	if got := strings.Join(r.IDs(), " "); !r.Failed() || want == "" && !strings.HasPrefix(got, "KR122-") {
		t.Errorf("as another family's: findings %q", got)
	}
}

// checkPublished checks what holds for every file of a published package: the
// other reader reads the same, nothing is broken, and whoever signs is known to
// Apple.
func checkPublished(t *testing.T, fsys *archive.FS, e *bundle.Executable, arch string) {
	t.Helper()
	s := &e.File.Slices[0]
	if len(e.File.Slices) != 1 || s.Arch != arch {
		t.Errorf("%s: %d slices, %s", e.Path, len(e.File.Slices), s.Arch)
	}
	f, err := fsys.Open(e.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	compareReaders(t, f.(io.ReaderAt), s)
	got := faults(s)
	switch {
	case s.Signature.AdHoc() && strings.Join(got, "") == "no signer":
	case len(got) > 0:
		t.Errorf("%s: %v", e.Path, got)
	case cms.AppleRoots().Name(s.Signature.CMS.Chain) != "Apple Root CA":
		t.Errorf("%s chains to %q", e.Path, cms.AppleRoots().Name(s.Signature.CMS.Chain))
	}
}

func checkProgram(t *testing.T, e *bundle.Executable, want program) {
	t.Helper()
	g := e.File.Slices[0].Signature
	d := g.Primary()
	got := program{d.Identifier, d.Team, d.Flags.String(), strings.Join(g.Entitlements.Effective().Keys(), " ")}
	if got != want {
		t.Errorf("%s: %+v, want %+v", e.Path, got, want)
	}
	for _, entry := range g.Entitlements.Effective() {
		if !entry.Value.Bool {
			t.Errorf("%s: %s is %s, not true", e.Path, entry.Key, entry.Value)
		}
	}
	if want.team == "" {
		return
	}
	m := g.CMS
	if cms.Team(m.Signer) != want.team || !cms.HasExtension(m.Signer, cms.MarkDeveloperID) || !cms.HasExtension(m.Chain[1], cms.MarkDeveloperIDCA) {
		t.Errorf("%s: signed by %s", e.Path, m.Signer.Subject)
	}
	if requirement := g.Designated(); !strings.HasPrefix(requirement, `identifier "`+want.identifier+`" and anchor apple generic and `) ||
		!strings.HasSuffix(requirement, `certificate leaf[subject.OU] = "`+want.team+`"`) {
		t.Errorf("%s: designated requirement %s", e.Path, requirement)
	}
}
