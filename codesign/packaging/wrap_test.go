package packaging

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/kinring/kinring/codesign"
	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/codesign/macho"
	"github.com/kinring/kinring/codesign/plist"
	"github.com/kinring/kinring/codesign/preflight"
	"github.com/kinring/kinring/internal/signfixture"
)

// wrapped describes an app around a program as Go's linker leaves it.
func wrapped(t testing.TB, program []byte) *Wrap {
	t.Helper()
	f, err := codesign.Read(bytes.NewReader(program), int64(len(program)), codesign.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &Wrap{Family: Family{signfixture.Team, "com.example.shared"}, Name: "tool", ID: "com.example.tool", Program: f, Binary: "build/tool"}
}

// onDisk lays the files out; source is what every Source stands for.
func onDisk(t testing.TB, w *Wrap, source []byte) fstest.MapFS {
	t.Helper()
	files, err := w.Files()
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{}
	for _, f := range files {
		data := f.Data
		if f.Source != "" {
			data = source
		}
		fsys[f.Path] = &fstest.MapFile{Data: data, Mode: f.Mode}
	}
	return fsys
}

func TestWrapOfEveryArchitectureNeedsOnlySigning(t *testing.T) {
	arm, intel := signfixture.Program(t, "arm64"), signfixture.Program(t, "amd64")
	for name, program := range map[string][]byte{"arm64": arm, "x86_64": intel, "both": signfixture.Fat(false, intel, arm)} {
		t.Run(name, func(t *testing.T) {
			w := wrapped(t, program)
			in, err := preflight.Load("tool.app", onDisk(t, w, program), "tool.app", bundle.Options{}, false)
			if err != nil {
				t.Fatal(err)
			}
			b := in.Tree.Bundles[0]
			if b.Kind != bundle.KindApp || b.Main == nil || b.Info.Identifier != "com.example.tool" {
				t.Fatalf("%+v %+v", b, b.Info)
			}
			report := preflight.Check([]preflight.Input{in}, preflight.Options{Now: signfixture.Now, Team: w.Family.Team, Group: w.Family.Group})
			if len(report.Findings) == 0 {
				t.Error("preflight finds nothing in an app that nobody signed")
			}
			for _, f := range report.Findings {
				if !ResolvedBySigning(f.Rule) {
					t.Errorf("%s %s: %s", f.Rule, f.Path, f.Seen)
				}
			}
		})
	}
}

// TestSigningResolvesIt signs the wrapped app as its script would, and finds
// nothing.
func TestSigningResolvesIt(t *testing.T) {
	program := signfixture.Program(t, "arm64")
	w := wrapped(t, program)
	fsys := onDisk(t, w, program)
	a := signfixture.TestAuthority(t)
	leaf := a.Leaf(t, signfixture.Certificate{})
	info, err := plist.ParseDict(fsys["tool.app/Contents/Info.plist"].Data)
	if err != nil {
		t.Fatal(err)
	}
	extra := signfixture.Dict{}
	for _, e := range info.Root.Entries {
		switch e.Value.Kind {
		case plist.String:
			extra[e.Key] = e.Value.Text
		case plist.Boolean:
			extra[e.Key] = e.Value.Bool
		}
	}
	claims, err := plist.ParseDict(fsys["tool.entitlements"].Data)
	if err != nil {
		t.Fatal(err)
	}
	groups, _ := claims.Root.Entries.Strings(keyGroups)
	signing := signfixture.Signing{Signer: leaf, TSA: a.Timestamp, Entitlements: signfixture.Dict{
		keyAppID: claims.Root.Entries.Text(keyAppID), keyTeam: claims.Root.Entries.Text(keyTeam), keyGroups: groups,
	}}
	signed := signfixture.Bundle{
		Name: "tool.app", ID: "com.example.tool", Main: "tool", Info: extra, Signing: signing,
		Profile: &signfixture.Profile{AppID: "com.example.tool", Certificates: []*signfixture.Identity{leaf}},
	}.Build(t)
	in, err := preflight.Load("tool.app", signed.FS(), "tool.app", bundle.Options{Roots: cms.NewRoots(a.Root.Certificate)}, true)
	if err != nil {
		t.Fatal(err)
	}
	report := preflight.Check([]preflight.Input{in}, preflight.Options{
		Now: signfixture.Now, ProfileWarning: 24 * time.Hour, Team: w.Family.Team, Group: w.Family.Group,
	})
	for _, f := range report.Findings {
		t.Errorf("%s %s: %s", f.Rule, f.Path, f.Seen)
	}
}

func TestWrapWritesWhatIsGiven(t *testing.T) {
	program := signfixture.Program(t, "arm64")
	w := wrapped(t, program)
	w.Version, w.Profile, w.Libraries = "2.3.4", []byte("profile"), []string{`C:\build\liba.dylib`, "build/libb.dylib"}
	fsys := onDisk(t, w, program)
	for name, mode := range map[string]string{
		"tool.app/Contents/MacOS/tool": "-rwxr-xr-x", "tool.app/Contents/Frameworks/liba.dylib": "-rwxr-xr-x", "tool.app/Contents/Frameworks/libb.dylib": "-rwxr-xr-x",
		"tool.app/Contents/embedded.provisionprofile": "-rw-r--r--", "tool.app/Contents/PkgInfo": "-rw-r--r--", "tool": "-rwxr-xr-x", "sign-tool.sh": "-rwxr-xr-x",
	} {
		if f := fsys[name]; f == nil || f.Mode.String() != mode {
			t.Errorf("%s: %+v", name, f)
		}
	}
	info, err := plist.ParseDict(fsys["tool.app/Contents/Info.plist"].Data)
	if err != nil || info.Root.Entries.Text("CFBundleVersion") != "2.3.4" || info.Root.Entries.Text("LSMinimumSystemVersion") == "" || !info.Root.Entries.Bool("LSUIElement") {
		t.Errorf("%v %v", info, err)
	}
}

func TestCommandsSignFromTheInsideOut(t *testing.T) {
	w := wrapped(t, signfixture.Program(t, "arm64"))
	w.Libraries = []string{"liba.dylib"}
	commands := w.Commands()
	if !strings.HasSuffix(commands[0], "Contents/Frameworks/liba.dylib") || strings.Contains(commands[0], "--entitlements") {
		t.Errorf("first %s", commands[0])
	}
	if !strings.HasSuffix(commands[1], "--entitlements tool.entitlements tool.app") {
		t.Errorf("then %s", commands[1])
	}
	script := string(w.script())
	for _, c := range commands {
		if !strings.Contains(script, c+"\n") || strings.Contains(c, "--deep") {
			t.Errorf("the script lacks %q, or it signs deep", c)
		}
	}
	if !strings.Contains(script, "App ID "+signfixture.Team+".com.example.tool") {
		t.Errorf("script\n%s", script)
	}
}

func TestWrapRefuses(t *testing.T) {
	program := signfixture.Program(t, "arm64")
	for _, c := range []struct {
		name   string
		change func(*Wrap)
		want   string
	}{
		{"name with a blank", func(w *Wrap) { w.Name = "a b" }, "none for an app"},
		{"name with a slash", func(w *Wrap) { w.Name = "../a" }, "none for an app"},
		{"name that a shell reads", func(w *Wrap) { w.Name = "a;b" }, "none for an app"},
		{"version", func(w *Wrap) { w.Version = "1.0-beta" }, "the version"},
		{"identifier", func(w *Wrap) { w.ID = "a b" }, "bundle identifier"},
		{"family", func(w *Wrap) { w.Family.Team = "" }, "team"},
		{"no program", func(w *Wrap) { w.Program = nil }, "has no code"},
		{"library", func(w *Wrap) { w.Program.Slices[0].Type = macho.Dylib }, "not a program"},
		{"phone", func(w *Wrap) { w.Program.Slices[0].Platform = macho.PlatformIOS }, "not for macos"},
		{"library twice", func(w *Wrap) { w.Libraries = []string{"a/x", "b/x"} }, "used twice"},
		{"library name", func(w *Wrap) { w.Libraries = []string{"a b"} }, "cannot name"},
	} {
		w := wrapped(t, program)
		c.change(w)
		if _, err := w.Files(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestResolvedBySigning(t *testing.T) {
	for rule, want := range map[string]bool{"KR101-unsigned": true, "KR402": true, "KR203-helper-without-profile": false, "KR1": false, "": false} {
		if got := ResolvedBySigning(rule); got != want {
			t.Errorf("%q: %v", rule, got)
		}
	}
	for _, number := range resolved {
		if _, err := preflight.Lookup(number); err != nil {
			t.Errorf("%s is no rule: %v", number, err)
		}
	}
}
