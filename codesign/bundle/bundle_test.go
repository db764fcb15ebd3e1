package bundle_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/codesign/unreadable"
	"github.com/kinring/kinring/internal/signfixture"
)

type kit struct {
	testing.TB
	authority *signfixture.Authority
	leaf      *signfixture.Identity
}

func newKit(t testing.TB) *kit {
	a := signfixture.TestAuthority(t)
	return &kit{t, a, a.Leaf(t, signfixture.Certificate{})}
}

func (k *kit) options() bundle.Options {
	return bundle.Options{Roots: cms.NewRoots(k.authority.Root.Certificate)}
}

func (k *kit) signing(id string) signfixture.Signing {
	return signfixture.Signing{Identifier: id, Signer: k.leaf, TSA: k.authority.Timestamp}
}

func (k *kit) library(kind uint32) [][]byte {
	return [][]byte{signfixture.SetFileType(signfixture.Program(k, "arm64"), kind)}
}

// app is one with everything that a walk must tell apart.
func (k *kit) app() signfixture.Bundle {
	nested := func(name, id string, change func(*signfixture.Bundle)) signfixture.Bundle {
		b := signfixture.Bundle{Name: name, ID: id, Signing: k.signing(id)}
		if change != nil {
			change(&b)
		}
		return b
	}
	claims := k.signing("com.example.demo")
	claims.Entitlements = signfixture.AppEntitlements(signfixture.Team, "com.example.demo", "com.example.shared")
	return signfixture.Bundle{
		Name: "Demo.app", ID: "com.example.demo", Signing: claims,
		Profile: &signfixture.Profile{AppID: "com.example.demo", Certificates: []*signfixture.Identity{k.leaf}},
		Files:   map[string]string{"Resources/a.txt": "a", "Resources/Big.class": "\xca\xfe\xba\xbe\x00\x00\x00\x41", "Resources/empty": ""},
		Links:   map[string]string{"Resources/link": "a.txt", "Resources/loop": "loop", "Resources/up": "../../Contents"},
		Code: []signfixture.Code{
			{Path: "MacOS/spawn-helper", Signing: k.signing("spawn-helper")},
			{Path: "Resources/addon.node", Signing: k.signing("addon"), Programs: k.library(signfixture.TypeBundle)},
			{Path: "Frameworks/libx.dylib", Signing: k.signing("libx"), Programs: k.library(signfixture.TypeDylib)},
		},
		Nested: []signfixture.Nested{
			{Dir: "Frameworks", Bundle: nested("Core.framework", "com.example.core", func(b *signfixture.Bundle) { b.Programs = k.library(signfixture.TypeDylib) })},
			{Dir: "Helpers", Bundle: nested("Tool.app", "com.example.tool", nil)},
			{Dir: "XPCServices", Bundle: nested("Net.xpc", "com.example.net", nil)},
			{Dir: "PlugIns", Bundle: nested("Extra.bundle", "com.example.extra", func(b *signfixture.Bundle) { b.Programs = k.library(signfixture.TypeBundle) })},
		},
	}
}

func (k *kit) walk(fsys fs.FS, root string) *bundle.Tree {
	k.Helper()
	tree, err := bundle.Walk(fsys, root, k.options())
	if err != nil {
		k.Fatal(err)
	}
	return tree
}

func TestWalkFindsEverything(t *testing.T) {
	k := newKit(t)
	tree := k.walk(k.app().Build(t).FS(), "Demo.app")
	var got []string
	for _, e := range tree.Executables {
		owner := "-"
		if e.Bundle != nil {
			owner = e.Bundle.Path
		}
		got = append(got, fmt.Sprintf("%s %s %s", strings.TrimPrefix(e.Path, "Demo.app/Contents/"), e.Role, strings.TrimPrefix(owner, "Demo.app/Contents/")))
	}
	want := []string{
		"Frameworks/Core.framework/Versions/A/Core library Frameworks/Core.framework/Versions/A",
		"Frameworks/libx.dylib library Demo.app",
		"Helpers/Tool.app/Contents/MacOS/Tool main Helpers/Tool.app",
		"MacOS/Demo main Demo.app",
		"MacOS/spawn-helper helper Demo.app",
		"PlugIns/Extra.bundle/Contents/MacOS/Extra library PlugIns/Extra.bundle",
		"Resources/addon.node add-on Demo.app",
		"XPCServices/Net.xpc/Contents/MacOS/Net main XPCServices/Net.xpc",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") || len(tree.Problems) > 0 {
		t.Errorf("got\n%s\nwant\n%s\nproblems %v", strings.Join(got, "\n"), strings.Join(want, "\n"), tree.Problems)
	}
}

func TestWalkReadsTheListsOfBundles(t *testing.T) {
	k := newKit(t)
	tree := k.walk(k.app().Build(t).FS(), "Demo.app")
	kinds := map[string]bundle.Kind{}
	for _, b := range tree.Bundles {
		kinds[b.Path] = b.Kind
		if b.Info == nil || b.Info.Err != nil || b.Main == nil || b.Resources == nil || b.Resources.Err != nil {
			t.Errorf("%s: info %+v, main %v, resources %+v", b.Path, b.Info, b.Main, b.Resources)
		}
	}
	want := map[string]bundle.Kind{
		"Demo.app": bundle.KindApp, "Demo.app/Contents/Frameworks/Core.framework/Versions/A": bundle.KindFramework,
		"Demo.app/Contents/Helpers/Tool.app": bundle.KindApp, "Demo.app/Contents/XPCServices/Net.xpc": bundle.KindXPC,
		"Demo.app/Contents/PlugIns/Extra.bundle": bundle.KindPlugIn,
	}
	if fmt.Sprint(kinds) != fmt.Sprint(want) {
		t.Errorf("got %v", kinds)
	}
	app := tree.Bundles[0]
	if app.Path != "Demo.app" || app.Parent != nil || tree.Bundles[1].Parent != app || app.Contents != "Demo.app/Contents" {
		t.Errorf("%+v", app)
	}
	if app.Info.Identifier != "com.example.demo" || app.Profile == nil || app.Profile.Err != nil || app.Profile.Profile.AppID() != signfixture.Team+".com.example.demo" {
		t.Errorf("%+v %+v", app.Info, app.Profile)
	}
	if !app.Kind.AppLike() || !bundle.KindXPC.AppLike() || bundle.KindFramework.AppLike() || bundle.KindPlugIn.AppLike() {
		t.Error("AppLike")
	}
}

func TestLinks(t *testing.T) {
	k := newKit(t)
	app := k.app()
	app.Links["Resources/out"], app.Links["Resources/far"] = "../../../etc/passwd", "/etc/passwd"
	app.Links["Resources/system"], app.Links["Resources/around"] = "/System/Library/Fonts", "/System/../etc/passwd"
	volume := app.Build(t).FS()
	volume["Applications"] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte("/Applications")}
	leaving := map[string]bool{}
	for _, l := range k.walk(volume, ".").Links {
		leaving[strings.TrimPrefix(l.Path, "Demo.app/Contents/")] = l.Leaves
	}
	want := map[string]bool{
		"Resources/link": false, "Resources/loop": false, "Resources/up": false, "Resources/out": true, "Resources/far": true,
		"Resources/system": false, "Resources/around": true,
		"Applications": false, // as in every disk image: no bundle, so nothing seals it
		"Frameworks/Core.framework/Versions/Current": false, "Frameworks/Core.framework/Core": false, "Frameworks/Core.framework/Resources": false,
	}
	if fmt.Sprint(leaving) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", leaving, want)
	}
}

// TestWalkOnDisk walks the same tree as files, with links and loops of links.
func TestWalkOnDisk(t *testing.T) {
	k := newKit(t)
	dir := t.TempDir()
	k.app().Build(t).Write(t, dir)
	if err := os.Symlink(dir, filepath.Join(dir, "Demo.app/Contents/Resources/itself")); err != nil {
		t.Skip("needs symbolic links: ", err)
	}
	tree := k.walk(os.DirFS(dir), "Demo.app")
	if len(tree.Executables) != 8 || len(tree.Problems) > 0 {
		t.Errorf("%d executables, %v", len(tree.Executables), tree.Problems)
	}
}

func TestBareProgram(t *testing.T) {
	k := newKit(t)
	fsys := signfixture.Code{Path: "bin/tool", Signing: k.signing("tool")}.Tree(t).FS()
	for _, root := range []string{"bin/tool", "bin", "."} {
		tree := k.walk(fsys, root)
		if len(tree.Executables) != 1 || tree.Executables[0].Role != bundle.RoleBare || tree.Executables[0].Bundle != nil {
			t.Errorf("%s: %+v", root, tree.Executables)
		}
	}
}

func TestOtherLayouts(t *testing.T) {
	program := signfixture.Program(t, "arm64")
	info := func(kind, executable string) []byte {
		return signfixture.Dict{"CFBundlePackageType": kind, "CFBundleExecutable": executable, "CFBundleIdentifier": "com.example"}.XML()
	}
	for _, c := range []struct {
		name, root string
		files      map[string][]byte
		kind       bundle.Kind
		path, main string
	}{
		{"as on ios", "Demo.app", map[string][]byte{"Demo.app/Info.plist": info("APPL", "Demo"), "Demo.app/Demo": program}, bundle.KindApp, "Demo.app", "Demo.app/Demo"},
		{"framework without versions", "X.framework", map[string][]byte{"X.framework/Resources/Info.plist": info("FMWK", "X"), "X.framework/X": program}, bundle.KindFramework, "X.framework", "X.framework/X"},
		{"no extension", "Demo", map[string][]byte{"Demo/Contents/Info.plist": info("APPL", "Demo"), "Demo/Contents/MacOS/Demo": program}, bundle.KindApp, "Demo", "Demo/Contents/MacOS/Demo"},
		{"opened inside", ".", map[string][]byte{"Contents/Info.plist": info("XPC!", "Demo"), "Contents/MacOS/Demo": program}, bundle.KindXPC, ".", "Contents/MacOS/Demo"},
		{"unknown type", "D", map[string][]byte{"D/Contents/Info.plist": info("????", "Demo"), "D/Contents/MacOS/Demo": program}, bundle.KindOther, "D", "D/Contents/MacOS/Demo"},
		{"no info.plist", "Demo.app", map[string][]byte{"Demo.app/Contents/MacOS/Demo": program}, bundle.KindApp, "Demo.app", "Demo.app/Contents/MacOS/Demo"},
		{"executable not named", "Demo.app", map[string][]byte{"Demo.app/Contents/Info.plist": signfixture.Dict{}.XML(), "Demo.app/Contents/MacOS/Demo": program}, bundle.KindApp, "Demo.app", "Demo.app/Contents/MacOS/Demo"},
		{"executable outside", "Demo.app", map[string][]byte{"Demo.app/Contents/Info.plist": info("APPL", "../../other"), "Demo.app/other": program}, bundle.KindApp, "Demo.app", ""},
		{"executable missing", "Demo.app", map[string][]byte{"Demo.app/Contents/Info.plist": info("APPL", "Gone"), "Demo.app/Contents/MacOS/Demo": program}, bundle.KindApp, "Demo.app", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys := fstest.MapFS{}
			for name, data := range c.files {
				fsys[name] = &fstest.MapFile{Data: data, Mode: 0o755}
			}
			tree := newKit(t).walk(fsys, c.root)
			if len(tree.Bundles) != 1 {
				t.Fatalf("%d bundles", len(tree.Bundles))
			}
			b, main := tree.Bundles[0], ""
			if b.Main != nil {
				main = b.Main.Path
			}
			if b.Kind != c.kind || b.Path != c.path || main != c.main {
				t.Errorf("%s %s, main %q", b.Kind, b.Path, main)
			}
		})
	}
}

func TestWhatDoesNotRead(t *testing.T) {
	k := newKit(t)
	built := k.app().Build(t)
	built["Demo.app/Contents/Info.plist"] = signfixture.Entry{Data: []byte("<dict>")}
	built["Demo.app/Contents/embedded.provisionprofile"] = signfixture.Entry{Data: []byte("no profile")}
	built["Demo.app/Contents/_CodeSignature/CodeResources"] = signfixture.Entry{Data: []byte("<dict/>")}
	built["Demo.app/Contents/MacOS/broken"] = signfixture.Entry{Data: []byte("\xcf\xfa\xed\xfe\x0c\x00\x00\x01"), Exec: true}
	tree := k.walk(built.FS(), "Demo.app")
	app := tree.Bundles[0]
	for name, err := range map[string]error{"Contents/Info.plist": app.Info.Err, "embedded.provisionprofile": app.Profile.Err, "CodeResources": app.Resources.Err} {
		var e *unreadable.Error
		if !errors.As(err, &e) || !strings.HasSuffix(e.Path, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, e := range tree.Executables {
		if broken := strings.HasSuffix(e.Path, "broken"); broken != (e.Err != nil) || broken && (e.Role != bundle.RoleHelper || e.File != nil) {
			t.Errorf("%s: %v, %s", e.Path, e.Err, e.Role)
		}
	}
}

func TestRootThatIsNone(t *testing.T) {
	fsys := fstest.MapFS{"text": &fstest.MapFile{Data: []byte("hello, world")}, "short": &fstest.MapFile{}}
	for root, want := range map[string]string{"gone": "does not exist", "text": "no mach-o file", "short": "no mach-o file"} {
		_, err := bundle.Walk(fsys, root, bundle.Options{})
		var e *unreadable.Error
		if !errors.As(err, &e) || e.Path != root || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", root, err)
		}
	}
}

// denied is a file system that refuses some paths.
type denied struct {
	fs.FS
	paths map[string]bool
}

func (d denied) Open(name string) (fs.File, error) {
	if d.paths[name] {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.FS.Open(name)
}

func (d denied) ReadLink(name string) (string, error)   { return fs.ReadLink(d.FS, name) }
func (d denied) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(d.FS, name) }

func TestDeniedFilesAreToldOf(t *testing.T) {
	k := newKit(t)
	fsys := denied{k.app().Build(t).FS(), map[string]bool{
		"Demo.app/Contents/MacOS/spawn-helper": true, "Demo.app/Contents/Helpers": true, "Demo.app/Contents/embedded.provisionprofile": true,
	}}
	tree := k.walk(fsys, "Demo.app")
	var got []string
	for _, err := range tree.Problems {
		var e *unreadable.Error
		if !errors.As(err, &e) || !errors.Is(err, fs.ErrPermission) {
			t.Fatal(err)
		}
		got = append(got, e.Path)
	}
	want := "Demo.app/Contents/Helpers Demo.app/Contents/MacOS/spawn-helper Demo.app/Contents/embedded.provisionprofile"
	if strings.Join(got, " ") != want || !errors.Is(tree.Bundles[0].Profile.Err, fs.ErrPermission) {
		t.Errorf("got %v, profile %v", got, tree.Bundles[0].Profile.Err)
	}
}

// forwardOnly hides random access, as a file system over a stream has it.
type forwardOnly struct{ fs.FS }

type forwardFile struct{ fs.File }

func (f forwardOnly) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if _, dir := file.(fs.ReadDirFile); dir || err != nil {
		return file, err
	}
	return forwardFile{file}, nil
}

func TestForwardOnlyFiles(t *testing.T) {
	k := newKit(t)
	fsys := forwardOnly{signfixture.Code{Path: "tool", Signing: k.signing("tool")}.Tree(t).FS()}
	tree := k.walk(fsys, "tool")
	if tree.Executables[0].Err != nil || tree.Executables[0].File.Slices[0].Signature.CMS.ChainErr != nil {
		t.Errorf("%+v", tree.Executables[0])
	}
	if changes, read, err := bundle.VerifyPages(fsys, tree); err != nil || len(changes) > 0 || read == 0 {
		t.Errorf("%v %d %v", changes, read, err)
	}
}

func TestAround(t *testing.T) {
	for at, want := range map[string]string{
		"dist/Demo.app/Contents/MacOS/demo":                      "dist/Demo.app|Contents/MacOS/demo",
		"Demo.app/Contents/Helpers/Tool.app/Contents/MacOS/tool": "Demo.app|Contents/Helpers/Tool.app/Contents/MacOS/tool",
		"/x/Net.xpc/Contents/MacOS/Net":                          "/x/Net.xpc|Contents/MacOS/Net",
		"bin/tool":                                               "",
		"dist/Demo.app":                                          "",
		"src/repository.app/bin/tool":                            "",
		"src/repository.app/Demo.app/Contents/MacOS/demo":        "src/repository.app/Demo.app|Contents/MacOS/demo",
	} {
		dir, inside, ok := bundle.Around(at, func(dir string) bool { return path.Base(dir) != "repository.app" })
		if got := dir + "|" + inside; ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q", at, got)
		}
	}
}

func TestIs(t *testing.T) {
	for name, want := range map[string]bool{"Contents/Info.plist": true, "Info.plist": true, "Versions/A/Demo": true, "Resources/Info.plist": true, "src/main.go": false, "Resources/icon.png": false} {
		if got := bundle.Is(fstest.MapFS{name: &fstest.MapFile{}}); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestDeepDirectoriesEnd(t *testing.T) {
	fsys := fstest.MapFS{strings.Repeat("d/", 80) + "f": &fstest.MapFile{Data: []byte("x")}}
	tree := newKit(t).walk(fsys, ".")
	if len(tree.Problems) != 1 || !strings.Contains(tree.Problems[0].Error(), "deeper than 64") {
		t.Errorf("%v", tree.Problems)
	}
}
