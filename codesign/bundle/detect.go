package bundle

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// kinds maps the extensions of bundle directories. Those that Apple gives to
// code that another program loads are all plug-ins.
var kinds = map[string]Kind{
	".app": KindApp, ".xpc": KindXPC, ".appex": KindExtension, ".systemextension": KindExtension, ".dext": KindExtension,
	".framework": KindFramework, ".bundle": KindPlugIn, ".plugin": KindPlugIn, ".kext": KindPlugIn, ".component": KindPlugIn,
	".mdimporter": KindPlugIn, ".qlgenerator": KindPlugIn, ".saver": KindPlugIn, ".prefPane": KindPlugIn, ".driver": KindPlugIn,
	".vst": KindPlugIn, ".vst3": KindPlugIn,
}

// packageTypes maps CFBundlePackageType, for a bundle whose directory's name
// says nothing.
var packageTypes = map[string]Kind{"APPL": KindApp, "XPC!": KindXPC, "FMWK": KindFramework, "BNDL": KindPlugIn}

// detect returns the bundle that a directory is, or nil. It knows three
// layouts: Contents/Info.plist; Versions/NAME of a framework; and Info.plist
// beside the executable, as on iOS.
func (w *walker) detect(at string, entries []fs.DirEntry, parent *Bundle) *Bundle {
	has := func(name string) bool {
		for _, e := range entries {
			if e.Name() == name {
				return true
			}
		}
		return false
	}
	kind, b := kinds[path.Ext(at)], &Bundle{Path: at, Contents: at, Parent: parent}
	switch {
	case isVersion(at):
		b.Kind = KindFramework
		return b
	case has("Contents") && (kind != "" || w.exists(path.Join(at, "Contents/Info.plist"))):
		b.Contents = path.Join(at, "Contents")
		b.Kind = kind
		return b
	case kind == KindFramework && has("Versions"):
		return nil // each version is a bundle of its own
	case kind != "" && (has("Info.plist") || has("Resources") && w.exists(path.Join(at, "Resources/Info.plist"))):
		b.Kind = kind
		return b
	}
	return nil
}

// isVersion reports whether a directory is one version of a framework.
func isVersion(at string) bool {
	versions := path.Dir(at)
	return path.Base(versions) == "Versions" && path.Ext(path.Dir(versions)) == ".framework"
}

func (w *walker) exists(at string) bool {
	_, err := fs.Stat(w.fsys, at)
	return err == nil
}

// Is reports whether a directory is laid out as a bundle. The name alone does not
// tell: repositories are called example.app too.
func Is(dir fs.FS) bool {
	return slices.ContainsFunc([]string{"Contents", "Versions", "Info.plist", "Resources/Info.plist"}, func(name string) bool {
		_, err := fs.Stat(dir, name)
		return err == nil
	})
}

// Around returns the outermost bundle in whose directory a path lies, and the
// rest of the path, for a program that was named by its own path:
// "dist/Demo.app/Contents/MacOS/demo" lies in "dist/Demo.app". Is is asked about
// directories that are named like a bundle. Where the path lies in no bundle, ok
// is false.
func Around(at string, is func(dir string) bool) (dir, inside string, ok bool) {
	parts := strings.Split(path.Clean(at), "/")
	for i := range len(parts) - 1 {
		if dir := strings.Join(parts[:i+1], "/"); kinds[path.Ext(parts[i])] != "" && is(dir) {
			return dir, strings.Join(parts[i+1:], "/"), true
		}
	}
	return "", "", false
}
