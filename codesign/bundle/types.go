// Package bundle walks a built macOS product - an app, a directory, an unpacked
// archive, a bare binary - and finds every executable in it, the bundle that
// each one belongs to, and that bundle's Info.plist, profile and resource seal.
//
// It reads through fs.FS, follows no symbolic link out of a bundle and visits
// every real file once, so that linked loops end.
package bundle

import (
	"github.com/kinring/kinring/codesign"
	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/codesign/plist"
	"github.com/kinring/kinring/codesign/profile"
)

// Tree is everything that a walk found.
type Tree struct {
	Bundles     []*Bundle     // outer ones before inner ones, else by path
	Executables []*Executable // every Mach-O file, by path
	Links       []Link        // every symbolic link, by path
	Problems    []error       // what could not be read and is no executable, each an *unreadable.Error
	Files       int           // files that were looked at
	Read        int64         // bytes that were read
}

// Link is a symbolic link.
type Link struct {
	Path   string
	Target string
	Leaves bool // leads out of the outermost bundle around it; false outside every bundle
}

// Options of Walk. The zero value is what the shipped command uses.
type Options struct {
	Roots *cms.Roots // nil: Apple's
}

// Kind says what sort of bundle a directory is.
type Kind string

// The kinds of bundles.
const (
	KindApp       Kind = "app"
	KindFramework Kind = "framework" // one version of a framework
	KindXPC       Kind = "xpc"       // XPC service
	KindExtension Kind = "extension" // .appex and .systemextension
	KindPlugIn    Kind = "plug-in"   // .bundle, .plugin and their like
	KindOther     Kind = "other"     // has a Contents/Info.plist, but no known extension
)

// AppLike reports whether the bundle's main executable is started as a program
// of its own, and may so have a profile of its own.
func (k Kind) AppLike() bool { return k == KindApp || k == KindXPC || k == KindExtension }

// Bundle is one directory with an Info.plist of its own.
type Bundle struct {
	Path     string // slash-separated, from the root of the walk; of a framework, its version's directory
	Contents string // directory that holds Info.plist, MacOS and _CodeSignature: Path+"/Contents" in an app
	Kind     Kind
	Parent   *Bundle // the bundle around it; nil for an outermost one

	Info      *Info       // nil where there is no Info.plist
	Profile   *Profile    // nil where there is no embedded profile
	Resources *Resources  // nil where there is no _CodeSignature/CodeResources
	Main      *Executable // what CFBundleExecutable names; nil where it is not there
}

// Info is an Info.plist.
type Info struct {
	Path       string
	Raw        []byte
	Values     plist.Dict
	Identifier string // CFBundleIdentifier
	Executable string // CFBundleExecutable
	Err        error  // it does not parse
}

// Profile is an embedded provisioning profile.
type Profile struct {
	Path    string
	Raw     []byte
	Profile *profile.Profile // nil where Err is not
	Err     error            // it does not parse
}

// Resources is a bundle's resource seal, _CodeSignature/CodeResources.
type Resources struct {
	Path  string
	Raw   []byte
	Seals []Seal // of files2, by path
	Rules []Rule // of rules2
	Err   error  // it does not parse
}

// Seal is one entry of the resource seal.
type Seal struct {
	Path        string // relative to Bundle.Contents
	SHA1        []byte // of the file; nil where absent
	SHA256      []byte // of the file; nil where absent
	Symlink     string // target of a symbolic link
	CDHash      []byte // of nested code
	Requirement string // of nested code
	Optional    bool
}

// Rule is one rule of the resource seal: which files are sealed and how.
type Rule struct {
	Pattern  string // regular expression over paths relative to Bundle.Contents
	Omit     bool
	Optional bool
	Nested   bool
	Weight   float64
}

// Role says what an executable is to the bundle that it lies in.
type Role string

// The roles.
const (
	RoleMain    Role = "main"    // main executable of its bundle
	RoleHelper  Role = "helper"  // other executable inside a bundle
	RoleBare    Role = "bare"    // executable outside every bundle
	RoleLibrary Role = "library" // dylib, framework or plug-in code, loaded by another program
	RoleAddOn   Role = "add-on"  // a .node add-on of Node.js
	RoleOther   Role = "other"   // object file, debug symbols: never run
)

// Executable is one Mach-O file.
type Executable struct {
	Path   string
	Role   Role
	Bundle *Bundle        // the innermost bundle that it lies in; nil for a bare one
	File   *codesign.File // nil where Err is not
	Err    error          // it does not read as Mach-O though it starts like one
}
