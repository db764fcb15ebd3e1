package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kinring/kinring/internal/signfixture"
)

// fixture KIND PATH writes macOS code. The shipped command does not know the
// test authority that signs it, so that every signed fixture has a finding
// about its signer beside the one that it is for.
func fixture(t *testing.T) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		if len(args) != 2 || fixtures[args[0]] == nil {
			ts.Fatalf("usage: fixture KIND PATH")
		}
		at := ts.MkAbs(args[1])
		switch made := fixtures[args[0]](t).(type) {
		case []byte:
			ts.Check(os.WriteFile(at, made, 0o755))
		case signfixture.Tree:
			made.Write(t, filepath.Clean(at))
		}
	}
}

// fixtures make a file or a tree.
var fixtures = map[string]func(*testing.T) any{
	"linker": func(t *testing.T) any { return signfixture.Program(t, "arm64") },
	"none":   func(t *testing.T) any { return signfixture.Program(t, "amd64") },
	"bare": func(t *testing.T) any {
		return signfixture.Sign(t, signfixture.Program(t, "arm64"), claiming(t, "org.kinring.tool"))
	},
	"app": func(t *testing.T) any { return demoApp(t).Build(t) },
	"zip": func(t *testing.T) any { return demoApp(t).Build(t).Zip(t) },
	"tgz": func(t *testing.T) any { return demoApp(t).Build(t).TarGz(t) },
	"dmg": func(*testing.T) any { return append(make([]byte, 512), "koly"+strings.Repeat("\x00", 508)...) },
	"profile": func(t *testing.T) any {
		return signfixture.Profile{AppID: "org.kinring.demo"}.Encode(t)
	},
}

func claiming(t *testing.T, id string) signfixture.Signing {
	a := signfixture.TestAuthority(t)
	return signfixture.Signing{
		Identifier: id, Signer: a.Leaf(t, signfixture.Certificate{}), TSA: a.Timestamp,
		Entitlements: signfixture.AppEntitlements(signfixture.Team, id, "org.kinring.shared"),
	}
}

// demoApp is an app whose helper has the group and no profile.
func demoApp(t *testing.T) signfixture.Bundle {
	helper := signfixture.Bundle{Name: "Demo Helper.app", ID: "org.kinring.demo.helper", Signing: claiming(t, "org.kinring.demo.helper")}
	return signfixture.Bundle{
		Name: "Demo.app", ID: "org.kinring.demo", Signing: claiming(t, "org.kinring.demo"),
		Profile: &signfixture.Profile{AppID: "org.kinring.demo", Certificates: []*signfixture.Identity{claiming(t, "").Signer}},
		Files:   map[string]string{"Resources/a.txt": "a resource"},
		Nested:  []signfixture.Nested{{Dir: "Frameworks", Bundle: helper}},
	}
}
