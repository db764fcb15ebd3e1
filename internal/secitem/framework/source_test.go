package framework

import (
	"bytes"
	"debug/elf"
	"go/build"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../../.."

// TestOneSource: what the tests run on Linux is what a Mac runs. The two differ
// in the names of the libraries and in nothing else.
func TestOneSource(t *testing.T) {
	files := map[string][]string{}
	for _, system := range []string{"darwin", "linux"} {
		context := build.Default
		context.GOOS, context.CgoEnabled = system, false
		p, err := context.ImportDir(".", 0)
		if err != nil {
			t.Fatal(err)
		}
		only := "paths_" + system + ".go"
		if !slices.Contains(p.GoFiles, only) {
			t.Errorf("%s lacks %s", system, only)
		}
		files[system] = slices.DeleteFunc(p.GoFiles, func(name string) bool { return name == only })
	}
	if !slices.Equal(files["darwin"], files["linux"]) || !slices.Contains(files["linux"], "prototypes.go") {
		t.Errorf("built for darwin from %q, for linux from %q", files["darwin"], files["linux"])
	}
}

// shipped calls do for every Go file of the module that is no test.
func shipped(t *testing.T, do func(name string, source []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{"testdata", "node_modules", ".git"}, d.Name()):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		do(filepath.ToSlash(rel), source)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestNoSecondBinding: Apple's functions are named in one file, purego is used in
// one package, and nothing is written in C.
func TestNoSecondBinding(t *testing.T) {
	const here = "internal/secitem/framework/"
	seen := 0
	shipped(t, func(name string, source []byte) {
		seen++
		for _, sign := range []string{`"CFRelease"`, `"CFDictionaryCreate`, "go:cgo_import_dynamic"} {
			if bytes.Contains(source, []byte(sign)) && name != here+"prototypes.go" {
				t.Errorf("%s has %s", name, sign)
			}
		}
		if bytes.Contains(source, []byte(`"github.com/ebitengine/purego`)) && name != here+"load.go" {
			t.Errorf("%s imports purego", name)
		}
		if bytes.Contains(source, []byte("\nimport \"C\"")) || bytes.Contains(source, []byte("\t\"C\"\n")) {
			t.Errorf("%s imports C", name)
		}
	})
	if seen < 50 {
		t.Errorf("only %d files", seen)
	}
}

// goTool runs the go command for a system, without cgo.
func goTool(t *testing.T, system, architecture string, args ...string) string {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("needs the go command")
	}
	cmd := exec.Command(tool, args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+architecture, "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestOnlyMacsLink: no program for Linux or Windows has the binding in it. On
// Linux it would make a static program a dynamic one.
func TestOnlyMacsLink(t *testing.T) {
	for _, system := range []string{"linux", "windows"} {
		deps := goTool(t, system, "amd64", "list", "-deps", "./cmd/kinring", ".", "./kinringtest")
		if strings.Contains(deps, "purego") || strings.Contains(deps, "secitem/framework") || !strings.Contains(deps, "kinring/store") {
			t.Errorf("%s: the programs depend on the binding", system)
		}
	}
}

// TestLinuxIsStatic: the command for Linux asks for no loader.
func TestLinuxIsStatic(t *testing.T) {
	if testing.Short() {
		t.Skip("links the command")
	}
	out := filepath.Join(t.TempDir(), "kinring")
	goTool(t, "linux", "amd64", "build", "-o", out, "./cmd/kinring")
	f, err := elf.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("the command is linked dynamically")
	}
}
