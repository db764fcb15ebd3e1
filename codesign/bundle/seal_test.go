package bundle_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/internal/allocbound"
	"github.com/kinring/kinring/internal/signfixture"
)

// verify returns the problems of the app's seal as "path state".
func (k *kit) verify(built signfixture.Tree) []string {
	k.Helper()
	fsys := built.FS()
	tree := k.walk(fsys, "Demo.app")
	report, err := bundle.VerifySeal(fsys, tree, tree.Bundles[0])
	if err != nil {
		k.Fatal(err)
	}
	if report.Checked != len(tree.Bundles[0].Resources.Seals) || report.Read == 0 {
		k.Errorf("%d of %d entries checked, %d bytes read", report.Checked, len(tree.Bundles[0].Resources.Seals), report.Read)
	}
	var out []string
	for _, p := range report.Problems {
		out = append(out, strings.TrimPrefix(p.Path, "Demo.app/Contents/")+" "+string(p.State))
	}
	return out
}

func TestGoodSeals(t *testing.T) {
	k := newKit(t)
	fsys := k.app().Build(t).FS()
	tree := k.walk(fsys, "Demo.app")
	for _, b := range tree.Bundles {
		report, err := bundle.VerifySeal(fsys, tree, b)
		if err != nil || len(report.Problems) > 0 {
			t.Errorf("%s: %v, %+v", b.Path, err, report)
		}
	}
}

// TestSealsOfShippedApps: what Apple's tools add to a signed app, and bundles of
// resources that are sealed file by file, are in order.
func TestSealsOfShippedApps(t *testing.T) {
	k := newKit(t)
	app := k.app()
	app.Files["Resources/Kit_Kit.bundle/Contents/Info.plist"] = string(signfixture.Dict{"CFBundleIdentifier": "com.example.kit", "CFBundlePackageType": "BNDL"}.XML())
	app.Files["Resources/Kit_Kit.bundle/Contents/Resources/en.lproj/a.strings"] = "a"
	built := app.Build(t)
	built["Demo.app/Contents/CodeResources"] = signfixture.Entry{Data: []byte("the ticket that stapler puts there")}
	built["Demo.app/Contents/_MASReceipt/receipt"] = signfixture.Entry{Data: []byte("of the App Store")}
	if got := k.verify(built); len(got) > 0 {
		t.Errorf("%q", got)
	}
	built["Demo.app/Contents/Resources/Kit_Kit.bundle/Contents/Resources/late"] = signfixture.Entry{}
	built["Demo.app/Contents/Resources/CodeResources"] = signfixture.Entry{}
	if got := strings.Join(k.verify(built), "; "); got != "Resources/CodeResources unsealed; Resources/Kit_Kit.bundle/Contents/Resources/late unsealed" {
		t.Errorf("%s", got)
	}
}

func TestBrokenSeals(t *testing.T) {
	const contents = "Demo.app/Contents/"
	for _, c := range []struct {
		name   string
		change func(signfixture.Tree)
		want   string
	}{
		{"changed", func(t signfixture.Tree) { t[contents+"Resources/a.txt"] = signfixture.Entry{Data: []byte("b")} }, "Resources/a.txt changed"},
		{"missing", func(t signfixture.Tree) { t.Remove(contents + "Resources/a.txt") }, "Resources/a.txt missing"},
		{"added", func(t signfixture.Tree) { t[contents+"Resources/new"] = signfixture.Entry{} }, "Resources/new unsealed"},
		{"added beside Contents", func(t signfixture.Tree) { t["Demo.app/README"] = signfixture.Entry{} }, "Demo.app/README unsealed"},
		{"the Finder's own", func(t signfixture.Tree) { t["Demo.app/.DS_Store"] = signfixture.Entry{} }, ""},
		{"added where the rules omit", func(t signfixture.Tree) { t[contents+"Resources/.DS_Store"] = signfixture.Entry{} }, ""},
		{"profile replaced", func(t signfixture.Tree) {
			t[contents+"embedded.provisionprofile"] = signfixture.Entry{Data: []byte("x")}
		}, "embedded.provisionprofile changed"},
		{"link redirected", func(t signfixture.Tree) { t[contents+"Resources/link"] = signfixture.Entry{Link: "empty"} }, "Resources/link wrong-link"},
		{"link became a file", func(t signfixture.Tree) { t[contents+"Resources/link"] = signfixture.Entry{Data: []byte("a")} }, "Resources/link wrong-link"},
		{"file became a link", func(t signfixture.Tree) { t[contents+"Resources/a.txt"] = signfixture.Entry{Link: "empty"} }, "Resources/a.txt wrong-link"},
		{"helper added", func(t signfixture.Tree) { t[contents+"MacOS/more"] = signfixture.Entry{Data: []byte("#!/bin/sh")} }, "MacOS/more unsealed"},
		{"nested code gone", func(t signfixture.Tree) { t.Remove(contents + "Helpers/Tool.app") }, "Helpers/Tool.app missing"},
		{"nested code added", func(t signfixture.Tree) {
			for name, e := range t.Clone() {
				if rest, ok := strings.CutPrefix(name, contents+"Helpers/Tool.app/"); ok {
					t[contents+"Helpers/Two.app/"+rest] = e
				}
			}
		}, "Helpers/Two.app unsealed"},
		{"changed inside nested code", func(t signfixture.Tree) {
			t[contents+"Helpers/Tool.app/Contents/Info.plist"] = signfixture.Entry{Data: signfixture.Dict{}.XML()}
		}, ""}, // the nested bundle's own seal says so
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t)
			built := k.app().Build(t)
			c.change(built)
			if got := strings.Join(k.verify(built), "; "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// seal builds the app with another resource seal.
func (k *kit) seal(text string) (*bundle.Tree, *bundle.Bundle) {
	built := k.app().Build(k)
	built["Demo.app/Contents/_CodeSignature/CodeResources"] = signfixture.Entry{Data: []byte(text)}
	tree := k.walk(built.FS(), "Demo.app")
	return tree, tree.Bundles[0]
}

func TestSealForms(t *testing.T) {
	k := newKit(t)
	_, b := k.seal(`<dict>
<key>files2</key><dict>
 <key>b</key><dict><key>hash</key><data>AQ==</data><key>hash2</key><data>Ag==</data><key>optional</key><true/></dict>
 <key>a</key><dict><key>symlink</key><string>b</string></dict>
 <key>c</key><dict><key>cdhash</key><data>Aw==</data><key>requirement</key><string>always</string></dict>
</dict>
<key>rules2</key><dict>
 <key>^x</key><true/><key>^y</key><false/>
 <key>^z</key><dict><key>weight</key><real>12.5</real><key>omit</key><true/><key>nested</key><true/></dict>
 <key>^w</key><dict><key>weight</key><integer>7</integer><key>optional</key><true/></dict>
</dict></dict>`)
	if b.Resources.Err != nil {
		t.Fatal(b.Resources.Err)
	}
	if got := fmt.Sprint(b.Resources.Seals); got != "[{a [] [] b []  false} {b [1] [2]  []  true} {c [] []  [3] always false}]" {
		t.Errorf("seals %s", got)
	}
	if got := fmt.Sprint(b.Resources.Rules); got != "[{^x false false false 1} {^y true false false 1} {^z true false true 12.5} {^w false true false 7}]" {
		t.Errorf("rules %s", got)
	}
	if s, ok := b.Resources.Seal("c"); !ok || s.Requirement != "always" {
		t.Errorf("%+v %v", s, ok)
	}
	if _, ok := b.Resources.Seal("d"); ok {
		t.Error("an entry that is not there was found")
	}
	if _, old := k.seal("<dict><key>files</key><dict><key>r</key><data>AQ==</data></dict><key>rules</key><dict/></dict>"); len(old.Resources.Seals) != 1 || len(old.Resources.Seals[0].SHA1) != 1 {
		t.Errorf("%+v", old.Resources)
	}
}

func TestSealsThatDoNotRead(t *testing.T) {
	k := newKit(t)
	many := strings.Builder{}
	for i := range 300 {
		fmt.Fprintf(&many, "<key>%d</key><true/>", i)
	}
	for name, c := range map[string][2]string{
		"no list":          {"x", "text stands"},
		"no files":         {"<dict/>", "no dictionary files2"},
		"files no dict":    {"<dict><key>files2</key><true/></dict>", "no dictionary files2"},
		"entry of no kind": {"<dict><key>files2</key><dict><key>a</key><true/></dict></dict>", "neither a hash nor a dictionary"},
		"sealed twice":     {"<dict><key>files2</key><dict><key>a</key><data/><key>a</key><data/></dict></dict>", `seals "a" twice`},
		"rule of no kind":  {"<dict><key>files2</key><dict/><key>rules2</key><dict><key>a</key><data/></dict></dict>", "neither a boolean nor a dictionary"},
		"too many rules":   {"<dict><key>files2</key><dict/><key>rules2</key><dict>" + many.String() + "</dict></dict>", "300 rules"},
	} {
		tree, b := k.seal(c[0])
		if b.Resources.Err == nil || !strings.Contains(b.Resources.Err.Error(), c[1]) {
			t.Errorf("%s: got %v, want %q", name, b.Resources.Err, c[1])
		}
		if _, err := bundle.VerifySeal(signfixture.Tree{}.FS(), tree, b); err == nil {
			t.Errorf("%s: the seal was verified", name)
		}
	}
}

func TestSealRuleThatIsNoExpression(t *testing.T) {
	k := newKit(t)
	tree, b := k.seal("<dict><key>files2</key><dict/><key>rules2</key><dict><key>(</key><true/></dict></dict>")
	if _, err := bundle.VerifySeal(signfixture.Tree{}.FS(), tree, b); err == nil || !strings.Contains(err.Error(), "no regular expression") {
		t.Errorf("got %v", err)
	}
}

func TestSealThatNamesAPathOutside(t *testing.T) {
	k := newKit(t)
	built := k.app().Build(t)
	built["Demo.app/Contents/_CodeSignature/CodeResources"] = signfixture.Entry{Data: []byte("<dict><key>files2</key><dict><key>../../x</key><dict><key>hash2</key><data>AQ==</data></dict></dict></dict>")}
	fsys := built.FS()
	tree := k.walk(fsys, "Demo.app")
	report, err := bundle.VerifySeal(fsys, tree, tree.Bundles[0])
	if err != nil || len(report.Problems) != 1 || !strings.Contains(report.Problems[0].Detail, "outside the bundle") {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestVerifyPagesNamesTheProgram(t *testing.T) {
	k := newKit(t)
	built := k.app().Build(t)
	at := "Demo.app/Contents/MacOS/spawn-helper"
	changed := append([]byte{}, built[at].Data...)
	changed[20000] ^= 1
	built[at] = signfixture.Entry{Data: changed, Exec: true}
	fsys := built.FS()
	changes, read, err := bundle.VerifyPages(fsys, k.walk(fsys, "Demo.app"))
	if err != nil || read == 0 || len(changes) != 1 || changes[0].Executable.Path != at || changes[0].Arch != "arm64" || changes[0].Report.First[0] != 4*4096 {
		t.Errorf("%+v, %v", changes, err)
	}
}

func FuzzCodeResources(f *testing.F) {
	k := newKit(f)
	built := k.app().Build(f)
	f.Add(built["Demo.app/Contents/_CodeSignature/CodeResources"].Data, built["Demo.app/Contents/Info.plist"].Data)
	small := signfixture.Tree{
		"D.app/Contents/MacOS/D":     {Data: []byte("#!/bin/sh")},
		"D.app/Contents/Resources/a": {Data: []byte("a")},
	}
	f.Fuzz(func(t *testing.T, seal, info []byte) {
		tree := small.Clone()
		tree["D.app/Contents/_CodeSignature/CodeResources"] = signfixture.Entry{Data: seal}
		tree["D.app/Contents/Info.plist"] = signfixture.Entry{Data: info}
		fsys := tree.FS()
		allocbound.Check(t, len(seal)+len(info), 1024, func() {
			found, err := bundle.Walk(fsys, "D.app", bundle.Options{})
			if err != nil {
				t.Fatal(err)
			}
			_, _ = bundle.VerifySeal(fsys, found, found.Bundles[0])
		})
	})
}
