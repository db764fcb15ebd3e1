package preflight

import (
	"testing"

	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/internal/signfixture"
)

const (
	appID   = "org.kinring.demo"
	group   = "org.kinring.shared"
	other   = "ZYXWV98765"
	jit     = "com.apple.security.cs.allow-jit"
	mainExe = "Demo.app/Contents/MacOS/Demo"
)

// kit makes the parts of fixtures.
type kit struct {
	testing.TB
	authority *signfixture.Authority
	leaf      *signfixture.Identity
}

func newKit(tb testing.TB) *kit {
	a := signfixture.TestAuthority(tb)
	return &kit{tb, a, a.Leaf(tb, signfixture.Certificate{})}
}

// signing is a well-made signature with the entitlements.
func (k *kit) signing(id string, claims signfixture.Dict) signfixture.Signing {
	return signfixture.Signing{Identifier: id, Signer: k.leaf, TSA: k.authority.Timestamp, Entitlements: claims}
}

func (k *kit) claims(id string) signfixture.Dict {
	return signfixture.AppEntitlements(signfixture.Team, id, group)
}

func (k *kit) profile(id string) *signfixture.Profile {
	return &signfixture.Profile{AppID: id, Certificates: []*signfixture.Identity{k.leaf}}
}

// bare is a lone executable.
func (k *kit) bare(claims signfixture.Dict, change ...func(*signfixture.Signing)) signfixture.Tree {
	s := k.signing("org.kinring.tool", claims)
	for _, f := range change {
		f(&s)
	}
	return signfixture.Code{Path: "tool", Signing: s}.Tree(k)
}

// app is a well-made app with the shared group, its profile and a resource.
func (k *kit) app(change ...func(*signfixture.Bundle)) signfixture.Bundle {
	b := signfixture.Bundle{
		Name: "Demo.app", ID: appID, Signing: k.signing(appID, k.claims(appID)), Profile: k.profile(appID),
		Files: map[string]string{"Resources/a.txt": "a"},
	}
	for _, f := range change {
		f(&b)
	}
	return b
}

// plain is an app that claims nothing restricted and so needs no profile.
func (k *kit) plain(change ...func(*signfixture.Bundle)) signfixture.Bundle {
	return k.app(append([]func(*signfixture.Bundle){func(b *signfixture.Bundle) {
		b.Profile, b.Signing.Entitlements = nil, signfixture.Dict{jit: true}
	}}, change...)...)
}

// tiny gives an app the smallest program.
func tiny(b *signfixture.Bundle) { b.Programs = [][]byte{signfixture.Tiny()} }

func (k *kit) library(id string) signfixture.Signing { return k.signing(id, nil) }

func (k *kit) dylib() [][]byte {
	return [][]byte{signfixture.SetFileType(signfixture.Tiny(), signfixture.TypeDylib)}
}

// nest places a bundle in the app.
func nest(dir string, inner signfixture.Bundle) func(*signfixture.Bundle) {
	return func(b *signfixture.Bundle) { b.Nested = append(b.Nested, signfixture.Nested{Dir: dir, Bundle: inner}) }
}

// helper is a nested app that claims nothing restricted.
func (k *kit) helper(change ...func(*signfixture.Bundle)) signfixture.Bundle {
	b := signfixture.Bundle{
		Name: "Demo Helper.app", ID: appID + ".helper", Signing: k.signing(appID+".helper", signfixture.Dict{jit: true}),
	}
	for _, f := range change {
		f(&b)
	}
	return b
}

// framework is a nested library with versions.
func (k *kit) framework(id string) signfixture.Bundle {
	return signfixture.Bundle{Name: "Lib.framework", ID: id, Programs: k.dylib(), Signing: k.library(id)}
}

// code places a bare file in the app.
func code(c signfixture.Code) func(*signfixture.Bundle) {
	return func(b *signfixture.Bundle) { b.Code = append(b.Code, c) }
}

// good is the whole: two architectures, helpers with and without a profile,
// an XPC service, a framework, a library, an add-on, bare tools and resources.
func (k *kit) good() signfixture.Bundle {
	addOn := [][]byte{signfixture.SetFileType(signfixture.Program(k, "arm64"), signfixture.TypeBundle)}
	broker := appID + ".broker"
	return k.app(
		func(b *signfixture.Bundle) {
			b.Programs = [][]byte{signfixture.Program(k, "amd64"), signfixture.Program(k, "arm64")}
			b.Links = map[string]string{"Resources/b.txt": "a.txt"}
		},
		nest("Frameworks", k.helper()),
		nest("Frameworks", k.framework("org.kinring.lib")),
		nest("XPCServices", signfixture.Bundle{Name: "Service.xpc", ID: appID + ".service", Signing: k.signing(appID+".service", nil)}),
		nest("Helpers", signfixture.Bundle{Name: "Broker.app", ID: broker, Signing: k.signing(broker, k.claims(broker)), Profile: k.profile(broker)}),
		code(signfixture.Code{Path: "MacOS/spawn-helper", Signing: k.signing("spawn-helper", nil)}),
		code(signfixture.Code{Path: "Resources/bin/rg", Signing: k.signing("rg", nil)}),
		code(signfixture.Code{Path: "Resources/addon.node", Programs: addOn, Signing: k.library("addon")}),
		code(signfixture.Code{Path: "Frameworks/libextra.dylib", Programs: k.dylib(), Signing: k.library("libextra")}),
	)
}

func (k *kit) roots() *cms.Roots { return cms.NewRoots(k.authority.Root.Certificate) }

// input reads a tree as the command does.
func (k *kit) input(name string, tree signfixture.Tree, whole bool) Input {
	k.Helper()
	in, err := Load(name, tree.FS(), ".", bundle.Options{Roots: k.roots()}, whole)
	if err != nil {
		k.Fatal(err)
	}
	return in
}

func options() Options { return Options{Now: signfixture.Now} }

// check judges one tree.
func (k *kit) check(tree signfixture.Tree, o Options) *Report {
	k.Helper()
	return Check([]Input{k.input("input", tree, false)}, o)
}
