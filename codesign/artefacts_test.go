package codesign_test

import (
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kinring/kinring/codesign/archive"
	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/internal/require"
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

// published are packages of npm with their programs, by file name.
var published = []struct {
	file, arch string
	programs   map[string]program
}{
	{"openai-codex-0.169.0-darwin-arm64.tgz", "arm64", codex},
	{"openai-codex-0.169.0-darwin-x64.tgz", "x86_64", codex},
	{"napi-rs-keyring-darwin-arm64-2.1.2.tgz", "arm64", map[string]program{"keyring.darwin-arm64.node": {"keyring.darwin-arm64", "K3VT49H83Y", "runtime", ""}}},
	{"biomejs-cli-darwin-arm64-2.5.15.tgz", "arm64", map[string]program{"biome": {"biome-55b0aa26959bd679", "", "adhoc,linker-signed", ""}}},
	{"esbuild-darwin-arm64-0.28.2.tgz", "arm64", map[string]program{"esbuild": {"a.out", "", "adhoc,linker-signed", ""}}},
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

func TestPublishedPrograms(t *testing.T) {
	for _, p := range published {
		t.Run(p.file, func(t *testing.T) {
			fsys := openPublished(t, p.file)
			tree, err := bundle.Walk(fsys, ".", bundle.Options{})
			if err != nil || len(tree.Problems) > 0 {
				t.Fatal(err, tree.Problems)
			}
			left := len(p.programs)
			for _, e := range tree.Executables {
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
			t.Logf("%d programs and libraries, %d bytes read", len(tree.Executables), tree.Read)
		})
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

// TestPublishedPages hashes the code of the smaller packages.
func TestPublishedPages(t *testing.T) {
	for _, name := range []string{"napi-rs-keyring-darwin-arm64-2.1.2.tgz", "esbuild-darwin-arm64-0.28.2.tgz", "biomejs-cli-darwin-arm64-2.5.15.tgz", "openai-codex-0.169.0-darwin-arm64.tgz"} {
		t.Run(name, func(t *testing.T) {
			fsys := openPublished(t, name)
			tree, err := bundle.Walk(fsys, ".", bundle.Options{})
			if err != nil {
				t.Fatal(err)
			}
			changes, read, err := bundle.VerifyPages(fsys, tree)
			if err != nil || len(changes) > 0 || read == 0 {
				t.Errorf("%v, %d bytes read, %v", changes, read, err)
			}
		})
	}
}
