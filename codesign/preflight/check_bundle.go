package preflight

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/kinring/kinring/codesign"
	"github.com/kinring/kinring/codesign/bundle"
)

// bundle runs the checks of one bundle.
func (c *checker) bundle(b *bundle.Bundle) {
	c.checkInfo(b)
	c.checkSealThere(b)
	if b.Profile != nil {
		c.checkProfile(b)
	}
	if b.Resources != nil && b.Resources.Err == nil {
		c.checkNestedSeals(b)
		c.checkUnsealedCode(b)
	}
	c.checkSecondApp(b)
}

// checkInfo looks at what the system needs to start the bundle.
func (c *checker) checkInfo(b *bundle.Bundle) {
	switch {
	case b.Info != nil && b.Info.Err != nil:
		c.addPath("KR401", b.Info.Path, "", "%v", b.Info.Err)
	case !b.Kind.AppLike():
	case b.Info == nil:
		c.addPath("KR401", b.Path, "", "there is no Info.plist")
	case b.Info.Identifier == "":
		c.addPath("KR401", b.Info.Path, "", "there is no CFBundleIdentifier")
	case b.Main == nil:
		c.addPath("KR401", b.Info.Path, "", "the main executable %q is not there", b.Info.Executable)
	}
	c.checkSigningIdentifier(b)
}

func (c *checker) checkSigningIdentifier(b *bundle.Bundle) {
	d := mainDirectory(b)
	if d == nil || b.Info == nil || b.Info.Identifier == "" || !b.Kind.AppLike() {
		return
	}
	if d.Identifier != b.Info.Identifier {
		c.addPath("KR124", b.Main.Path, "", "signed as %q, and Info.plist says %q", d.Identifier, b.Info.Identifier)
	}
}

// mainDirectory is the code directory of the first signed slice of a bundle's
// main executable, or nil.
func mainDirectory(b *bundle.Bundle) *codesign.CodeDirectory {
	if b.Main == nil || b.Main.File == nil {
		return nil
	}
	for _, s := range b.Main.File.Slices {
		if s.Signature != nil {
			return preferred(s.Signature.Directories)
		}
	}
	return nil
}

// checkSealThere reports a bundle of which only the executable is signed.
func (c *checker) checkSealThere(b *bundle.Bundle) {
	d := mainDirectory(b)
	if d == nil {
		return // an unsigned executable is reported as such
	}
	switch {
	case b.Resources == nil && specialHash(d, codesign.SlotResources) == nil:
		c.addPath("KR402", b.Path, "", "%s/_CodeSignature/CodeResources is not there", b.Contents)
	case b.Resources != nil && b.Resources.Err != nil:
		c.addPath("KR402", b.Resources.Path, "", "%v", b.Resources.Err)
	}
}

// checkNestedSeals compares nested code with the hashes that the bundle seals.
func (c *checker) checkNestedSeals(b *bundle.Bundle) {
	for _, seal := range b.Resources.Seals {
		if seal.CDHash == nil {
			continue
		}
		at := path.Join(b.Contents, seal.Path)
		code := c.codeAt(at)
		switch {
		case len(code) == 0 && !seal.Optional:
			c.addPath("KR403", at, "", "%s seals code here, and there is none", b.Resources.Path)
		case len(code) > 0 && !slices.ContainsFunc(code, func(e *bundle.Executable) bool { return hasCDHash(e, seal.CDHash) }):
			c.addPath("KR405", at, "", "%s seals code directory hash %x, and the code here has %s", b.Resources.Path, seal.CDHash, hashesOf(code))
		}
	}
}

// codeAt finds the code that a seal's path means: a file, the main executable
// of a bundle, or those of a framework's versions.
func (c *checker) codeAt(at string) (out []*bundle.Executable) {
	for _, e := range c.current.Tree.Executables {
		if e.Path == at {
			out = append(out, e)
		}
	}
	for _, b := range c.current.Tree.Bundles {
		if sealedPath(b) == at && b.Main != nil {
			out = append(out, b.Main)
		}
	}
	return out
}

// sealedPath is the path by which the bundle around b seals it: of a framework
// its directory, not that of its version.
func sealedPath(b *bundle.Bundle) string {
	if b.Kind != bundle.KindFramework {
		return b.Path
	}
	outer, _, _ := strings.Cut(b.Path, ".framework/Versions/")
	if outer == b.Path {
		return b.Path
	}
	return outer + ".framework"
}

// hasCDHash reports whether any architecture of the file has the hash.
func hasCDHash(e *bundle.Executable, hash []byte) bool {
	return slices.ContainsFunc(directoriesOf(e), func(d *codesign.CodeDirectory) bool { return bytes.Equal(d.CDHash, hash) })
}

func directoriesOf(e *bundle.Executable) (out []*codesign.CodeDirectory) {
	if e.File == nil {
		return nil
	}
	for _, s := range e.File.Slices {
		if s.Signature != nil {
			out = append(out, s.Signature.Directories...)
		}
	}
	return out
}

func hashesOf(code []*bundle.Executable) string {
	var out []string
	for _, e := range code {
		for _, d := range directoriesOf(e) {
			out = append(out, codesignHash(d))
		}
	}
	if len(out) == 0 {
		return "no signature"
	}
	return strings.Join(out, ", ")
}

// checkUnsealedCode looks for code that the seal does not know.
func (c *checker) checkUnsealedCode(b *bundle.Bundle) {
	for _, e := range c.current.Tree.Executables {
		if e.Bundle == b && !isMain(e) && !sealsFile(b, e.Path) {
			c.addPath("KR404", e.Path, "", "%s does not list it", b.Resources.Path)
		}
	}
	for _, inner := range c.current.Tree.Bundles {
		if inner.Parent == b && inner.Main != nil && !sealsFile(b, sealedPath(inner)) && !sealsFile(b, inner.Main.Path) {
			c.addPath("KR404", inner.Path, "", "%s does not list it", b.Resources.Path)
		}
	}
}

// sealsFile reports whether a seal names the path or a directory above it that
// is sealed as code.
func sealsFile(b *bundle.Bundle, at string) bool {
	for name := strings.TrimPrefix(at, b.Contents+"/"); name != "." && name != "/"; name = path.Dir(name) {
		if _, found := b.Resources.Seal(name); found {
			return true
		}
	}
	return false
}

// helperPlaces are the directories for nested apps (TN2206, and the nested
// rules that codesign writes into a seal).
var helperPlaces = []string{"Frameworks", "SharedFrameworks", "PlugIns", "Plug-ins", "XPCServices", "Helpers", "MacOS", "Library"}

// checkSecondApp looks for an app that is no helper of the one around it.
func (c *checker) checkSecondApp(b *bundle.Bundle) {
	outer := b.Parent
	if b.Kind != bundle.KindApp || outer == nil || outer.Info == nil || b.Info == nil {
		return
	}
	place, _, _ := strings.Cut(strings.TrimPrefix(b.Path, outer.Contents+"/"), "/")
	related := strings.HasPrefix(b.Info.Identifier, outer.Info.Identifier+".") || b.Info.Identifier == outer.Info.Identifier
	if !related && !slices.Contains(helperPlaces, place) {
		c.addPath("KR406", b.Path, "", "%q lies in %s of %q", b.Info.Identifier, place, outer.Info.Identifier)
	}
}

// checkIdentifiers looks for programs of one product that share an identifier
// which a profile or a restricted claim makes matter. Electron's helpers share
// one without harm.
func (c *checker) checkIdentifiers(list []*bundle.Bundle) {
	first := map[string]*bundle.Bundle{}
	for _, b := range list {
		if b.Info == nil || b.Info.Identifier == "" || !b.Kind.AppLike() {
			continue
		}
		key := outermost(b).Path + "\x00" + b.Info.Identifier
		other := first[key]
		if other == nil {
			first[key] = b
			continue
		}
		if c.isProvisioned(b) || c.isProvisioned(other) {
			c.addPath("KR407", b.Path, "", "%q is also the identifier of %s", b.Info.Identifier, other.Path)
		}
	}
}

// isProvisioned reports whether the system looks a profile up for the bundle.
func (c *checker) isProvisioned(b *bundle.Bundle) bool {
	if b.Profile != nil || b.Main == nil || b.Main.File == nil {
		return b.Profile != nil
	}
	s := c.signed(b.Main)
	return s != nil && len(restrictedKeys(s.claims)) > 0
}

// outermost returns the bundle that holds b and lies in no other.
func outermost(b *bundle.Bundle) *bundle.Bundle {
	for b.Parent != nil {
		b = b.Parent
	}
	return b
}
