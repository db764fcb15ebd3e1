package preflight

import (
	"bytes"
	"testing"

	"github.com/kinring/kinring/codesign/archive"
	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/internal/signfixture"
)

// electron is an app laid out as Electron's are: a framework with versions,
// libraries and a crash handler inside, Squirrel's ShipIt among resources,
// helpers that share an identifier, native modules beside the archive.
func (k *kit) electron() signfixture.Bundle {
	tool := func(path, id string) func(*bdl) {
		return code(signfixture.Code{Path: path, Programs: [][]byte{signfixture.Tiny()}, Signing: k.signing(id, nil)})
	}
	library := func(path, id string) func(*bdl) {
		return code(signfixture.Code{Path: path, Programs: k.dylib(), Signing: k.library(id)})
	}
	electron := k.framework("com.github.Electron.framework")
	electron.Name = "Electron Framework.framework"
	tool("Helpers/chrome_crashpad_handler", "chrome_crashpad_handler")(&electron)
	library("Libraries/libEGL.dylib", "libEGL")(&electron)
	electron.Files = map[string]string{"Resources/en.lproj/locale.pak": "words", "Resources/icudtl.dat": "data"}
	squirrel := k.framework("com.github.Squirrel")
	squirrel.Name = "Squirrel.framework"
	tool("Resources/ShipIt", "ShipIt")(&squirrel)
	modules := "Resources/app.asar.unpacked/node_modules/node-pty/build/Release/"
	return k.app(
		nest("Frameworks", electron), nest("Frameworks", squirrel),
		nest("Frameworks", k.helper()),
		nest("Frameworks", k.helper(func(b *bdl) { b.Name = "Demo Helper (GPU).app" })),
		tool(modules+"spawn-helper", "spawn-helper"), library(modules+"pty.node", "pty"),
		func(b *bdl) { b.Files["Resources/en.lproj/InfoPlist.strings"] = "words" },
	)
}

func TestElectronAppHasNoFindings(t *testing.T) {
	k := newKit(t)
	app := k.electron().Build(k)
	app["Demo.app/Contents/CodeResources"] = signfixture.Entry{Data: []byte("the ticket that stapler puts there")}
	for _, whole := range []bool{false, true} {
		r := Check([]Input{k.input("app", app, whole)}, options())
		if len(r.Findings) > 0 {
			t.Errorf("whole %v: %s", whole, describe(r))
		}
		if len(r.Executables) != 10 {
			t.Errorf("%d executables, want 10", len(r.Executables))
		}
	}
}

// TestElectronAppKeepsItsFaultsApart signs one inner tool again, with the app's
// entitlements: two faults at one place, and none elsewhere.
func TestElectronAppKeepsItsFaultsApart(t *testing.T) {
	k := newKit(t)
	app := k.electron().Build(k)
	frameworks := "Demo.app/Contents/Frameworks/"
	crashpad := frameworks + "Electron Framework.framework/Versions/A/Helpers/chrome_crashpad_handler"
	app[crashpad] = signfixture.Entry{Exec: true, Data: signfixture.Sign(t, signfixture.Program(t, "arm64"), k.signing("chrome_crashpad_handler", k.claims(appID)))}
	r := k.check(app, options())
	stops(t, r, "KR205", crashpad)
	stops(t, r, "KR405", crashpad)
	if len(r.Findings) != 2 {
		t.Errorf("findings: %s", describe(r))
	}
}

// TestElectronAppPackedHasNoFindings judges the app as users download it.
func TestElectronAppPackedHasNoFindings(t *testing.T) {
	k := newKit(t)
	app := k.electron().Build(k)
	for name, data := range map[string][]byte{"demo.zip": app.Zip(t), "demo.tar.gz": app.TarGz(t)} {
		fsys, _, err := archive.Open(name, bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		in, err := Load(name, fsys, ".", bundle.Options{Roots: k.roots()}, true)
		if err != nil {
			t.Fatal(err)
		}
		if r := Check([]Input{in}, options()); len(r.Findings) > 0 || len(r.Executables) != 10 {
			t.Errorf("%s: %d executables, findings: %s", name, len(r.Executables), describe(r))
		}
	}
}
