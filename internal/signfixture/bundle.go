package signfixture

import (
	"path"
	"strings"
	"testing"
)

// Bundle describes a bundle and everything in it; Build signs it inside out.
type Bundle struct {
	Name     string   // directory: Demo.app, Demo.framework, Demo.xpc
	ID       string   // CFBundleIdentifier, and the signing identifier unless Signing names one
	Main     string   // main executable's file name; empty: Name without extension
	Programs [][]byte // unsigned slices of the main executable; nil: one for arm64
	Signing  Signing  // of the main executable
	Profile  *Profile // sealed as embedded.provisionprofile; nil: none
	Info     Dict     // further Info.plist keys
	Files    map[string]string
	Links    map[string]string // symbolic links, path to target
	Code     []Code
	Nested   []Nested

	NoSeal bool             // sign the main executable only: no CodeResources
	Seal   func(files Dict) // edits the list of sealed files before it is signed
	After  func(Tree)       // edits the finished tree
}

// Code is a bare Mach-O file inside a bundle, or on its own.
type Code struct {
	Path     string   // relative to Contents
	Programs [][]byte // unsigned slices; nil: one for arm64
	Signing  Signing
	Unsigned bool // leave as Go's linker made it
}

// Nested is a bundle inside a bundle.
type Nested struct {
	Dir    string // relative to Contents: Frameworks, Helpers, XPCServices
	Bundle Bundle
}

// Build makes the bundle's tree; paths start with the bundle's name.
func (b Bundle) Build(tb testing.TB) Tree {
	tb.Helper()
	tree, _ := b.assemble(tb)
	return tree
}

// assemble also returns the main executable as it was signed, whose hash an
// outer bundle seals.
func (b Bundle) assemble(tb testing.TB) (Tree, []byte) {
	content, main := b.content(tb)
	out := Tree{}.Add(b.Name+"/"+b.root(), content)
	if b.isFramework() {
		b.addVersionLinks(out)
	}
	if b.After != nil {
		b.After(out)
	}
	return out, main
}

// Executable returns the main executable's path within the tree.
func (b Bundle) Executable() string {
	return path.Join(b.Name, b.root(), b.mainPath())
}

func (b Bundle) isFramework() bool { return path.Ext(b.Name) == ".framework" }

// root is the directory that holds Info.plist and the seal's paths.
func (b Bundle) root() string {
	if b.isFramework() {
		return "Versions/A"
	}
	return "Contents"
}

func (b Bundle) main() string {
	if b.Main != "" {
		return b.Main
	}
	return strings.TrimSuffix(b.Name, path.Ext(b.Name))
}

func (b Bundle) mainPath() string {
	if b.isFramework() {
		return b.main()
	}
	return "MacOS/" + b.main()
}

func (b Bundle) infoPath() string {
	if b.isFramework() {
		return "Resources/Info.plist"
	}
	return "Info.plist"
}

// info is the Info.plist that the signature hashes.
func (b Bundle) info() Dict {
	kind := map[string]string{".app": "APPL", ".framework": "FMWK", ".xpc": "XPC!"}[path.Ext(b.Name)]
	d := Dict{
		"CFBundleExecutable":         b.main(),
		"CFBundleIdentifier":         b.ID,
		"CFBundleName":               b.main(),
		"CFBundlePackageType":        kind,
		"CFBundleShortVersionString": "1.0",
		"CFBundleVersion":            "1",
		"LSMinimumSystemVersion":     "13.0",
	}
	for k, v := range b.Info {
		d[k] = v
	}
	return d
}

// content builds everything below root and returns the main executable too.
func (b Bundle) content(tb testing.TB) (Tree, []byte) {
	t, sealed := Tree{}, Dict{}
	for _, c := range b.Code {
		data := c.build(tb)
		t[c.Path] = Entry{Data: data, Exec: true}
		if nestedCode(c.Path) {
			sealed[c.Path] = codeSeal(data, c.Signing)
		}
	}
	for _, n := range b.Nested {
		nested, main := n.Bundle.assemble(tb)
		t.Add(n.Dir, nested)
		sealed[n.Dir+"/"+n.Bundle.Name] = codeSeal(main, n.Bundle.signing())
	}
	b.addFiles(tb, t)
	info := b.info().XML()
	t[b.infoPath()] = Entry{Data: info}
	seal := b.resources(t, sealed)
	main := Code{Programs: b.Programs, Signing: b.signing()}
	main.Signing.InfoPlist = info
	if !b.NoSeal {
		main.Signing.Resources = seal
		t["_CodeSignature/CodeResources"] = Entry{Data: seal}
	}
	signed := main.build(tb)
	t[b.mainPath()] = Entry{Data: signed, Exec: true}
	return t, signed
}

func (b Bundle) signing() Signing {
	s := b.Signing
	if s.Identifier == "" {
		s.Identifier = b.ID
	}
	return s
}

func (b Bundle) addFiles(tb testing.TB, t Tree) {
	for p, text := range b.Files {
		t[p] = Entry{Data: []byte(text)}
	}
	for p, target := range b.Links {
		t[p] = Entry{Link: target}
	}
	if b.Profile != nil {
		t["embedded.provisionprofile"] = Entry{Data: b.Profile.Encode(tb)}
	}
}

// addVersionLinks adds the links that a framework has beside Versions/A.
func (b Bundle) addVersionLinks(t Tree) {
	t[b.Name+"/Versions/Current"] = Entry{Link: "A"}
	t[b.Name+"/"+b.main()] = Entry{Link: "Versions/Current/" + b.main()}
	t[b.Name+"/Resources"] = Entry{Link: "Versions/Current/Resources"}
}

func (c Code) build(tb testing.TB) []byte {
	tb.Helper()
	programs := c.Programs
	if programs == nil {
		programs = [][]byte{Program(tb, "arm64")}
	}
	var thin [][]byte
	for _, p := range programs {
		if !c.Unsigned {
			p = Sign(tb, p, c.Signing)
		}
		thin = append(thin, p)
	}
	if len(thin) == 1 {
		return thin[0]
	}
	return Fat(false, thin...)
}

// Tree makes the code's file as a tree of its own.
func (c Code) Tree(tb testing.TB) Tree {
	tb.Helper()
	return Tree{c.Path: {Data: c.build(tb), Exec: true}}
}
