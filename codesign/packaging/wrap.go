package packaging

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kinring/kinring/codesign"
	"github.com/kinring/kinring/codesign/macho"
	"github.com/kinring/kinring/codesign/plist"

	"github.com/kinring/kinring/internal/lazyregexp"
)

// Wrap describes a helper app around a bare binary.
type Wrap struct {
	Family  Family
	Name    string // of the app, its executable and the launcher
	ID      string // bundle identifier
	Version string // empty: 1.0

	Program   *codesign.File // the binary
	Binary    string         // where the binary comes from; becomes File.Source
	Profile   []byte         // the provisioning profile; nil: to be added before signing
	Libraries []string       // where libraries come from that lie in Contents/Frameworks
}

// File is one file to write.
type File struct {
	Path   string // slash-separated, below the output directory
	Mode   fs.FileMode
	Data   []byte // nil where Source says what to copy
	Source string
}

// Names go into file names, property lists and shell scripts; these letters mean
// themselves in all of them.
var (
	appForm     = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	versionForm = lazyregexp.New(`^[0-9]+(\.[0-9]+){0,2}$`)
)

// defaultVersion is written where none is given.
const defaultVersion = "1.0"

// Contents of the app.
func (w *Wrap) contents(name ...string) string {
	return path.Join(append([]string{w.Name + ".app", "Contents"}, name...)...)
}

// Files returns everything that goes to disk: the app, its entitlements, the
// launcher beside it and the script that signs it.
func (w *Wrap) Files() ([]File, error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	info, err := w.info().XML()
	if err != nil {
		return nil, err
	}
	claims, err := w.Family.Entitlements(Program{Kind: Helper, ID: w.ID})
	if err != nil {
		return nil, err
	}
	list, err := claims.XML()
	if err != nil {
		return nil, err
	}
	files := []File{
		{Path: w.contents("Info.plist"), Mode: 0o644, Data: info},
		{Path: w.contents("PkgInfo"), Mode: 0o644, Data: []byte("APPL????")},
		{Path: w.contents("MacOS", w.Name), Mode: 0o755, Source: w.Binary},
	}
	for _, library := range w.Libraries {
		files = append(files, File{Path: w.contents("Frameworks", baseName(library)), Mode: 0o755, Source: library})
	}
	if w.Profile != nil {
		files = append(files, File{Path: w.contents("embedded.provisionprofile"), Mode: 0o644, Data: w.Profile})
	}
	return append(files,
		File{Path: w.Name + ".entitlements", Mode: 0o644, Data: list},
		File{Path: w.Name, Mode: 0o755, Data: w.launcher()},
		File{Path: "sign-" + w.Name + ".sh", Mode: 0o755, Data: w.script()}), nil
}

// baseName is the last part of a path of any system.
func baseName(name string) string { return path.Base(strings.ReplaceAll(name, `\`, "/")) }

// check refuses what would make no app.
func (w *Wrap) check() error {
	switch {
	case !appForm().MatchString(w.Name):
		return fmt.Errorf("the name %q is none for an app; use letters, digits, dots, dashes and underscores", w.Name)
	case w.Version != "" && !versionForm().MatchString(w.Version):
		return fmt.Errorf("the version %q is none for an app; use up to three numbers like 1.2.3", w.Version)
	case w.Program == nil || len(w.Program.Slices) == 0:
		return errors.New("the binary has no code")
	}
	seen := map[string]bool{}
	for _, library := range w.Libraries {
		name := baseName(library)
		if !appForm().MatchString(name) || seen[name] {
			return fmt.Errorf("the library name %q is used twice or has letters that a signing script cannot name", name)
		}
		seen[name] = true
	}
	return w.checkSlices()
}

func (w *Wrap) checkSlices() error {
	for _, s := range w.Program.Slices {
		if s.Type != macho.Execute {
			return fmt.Errorf("the %s slice is of type %s, not a program", s.Arch, s.Type)
		}
		if s.Platform != macho.PlatformMacOS && s.Platform != macho.PlatformUnknown {
			return fmt.Errorf("the %s slice is built for %s, not for macos", s.Arch, s.Platform)
		}
	}
	return nil
}

// minimum is the oldest system that any slice runs on.
func (w *Wrap) minimum() macho.Version {
	return slices.MinFunc(w.Program.Slices, func(a, b codesign.Slice) int { return int(a.MinOS) - int(b.MinOS) }).MinOS
}

// info is the app's Info.plist. The app has no window: it shows nothing in the
// Dock.
func (w *Wrap) info() plist.Dict {
	version := w.Version
	if version == "" {
		version = defaultVersion
	}
	d := plist.Dict{
		{Key: "CFBundleExecutable", Value: text(w.Name)},
		{Key: "CFBundleIdentifier", Value: text(w.ID)},
		{Key: "CFBundleInfoDictionaryVersion", Value: text("6.0")},
		{Key: "CFBundleName", Value: text(w.Name)},
		{Key: "CFBundlePackageType", Value: text("APPL")},
		{Key: "CFBundleShortVersionString", Value: text(version)},
		{Key: "CFBundleSupportedPlatforms", Value: plist.Value{Kind: plist.Array, Items: []plist.Value{text("MacOSX")}}},
		{Key: "CFBundleVersion", Value: text(version)},
	}
	if minimum := w.minimum(); minimum != 0 {
		d = append(d, plist.Entry{Key: "LSMinimumSystemVersion", Value: text(minimum.String())})
	}
	return append(d, plist.Entry{Key: "LSUIElement", Value: plist.Value{Kind: plist.Boolean, Bool: true}})
}

// launcherText starts the program from where it lies: a copy outside the app
// would have no profile. It follows links, as package managers link commands.
const launcherText = `#!/bin/sh
# Starts NAME inside its app, where macOS finds its provisioning profile.
self=$0
while [ -L "$self" ]; do
	target=$(readlink "$self")
	case $target in
	/*) self=$target ;;
	*) self=$(dirname -- "$self")/$target ;;
	esac
done
exec "$(dirname -- "$self")/NAME.app/Contents/MacOS/NAME" "$@"
`

func (w *Wrap) launcher() []byte { return []byte(strings.ReplaceAll(launcherText, "NAME", w.Name)) }

// Commands are the commands that sign the app on a Mac, from the inside out:
// libraries first, without entitlements, the app last. They run in the output
// directory; $IDENTITY names the signing certificate.
func (w *Wrap) Commands() []string {
	const sign = `codesign --force --timestamp --options runtime --sign "$IDENTITY"`
	var list []string
	for _, library := range w.Libraries {
		list = append(list, sign+" "+w.contents("Frameworks", baseName(library)))
	}
	return append(list,
		sign+" --entitlements "+w.Name+".entitlements "+w.Name+".app",
		"codesign --verify --strict "+w.Name+".app",
		fmt.Sprintf("kinring preflight --verify-pages --expect-team %s --expect-group %s %s.app", w.Family.Team, w.Family.Group, w.Name),
		fmt.Sprintf("ditto -c -k --keepParent %s.app %s.zip", w.Name, w.Name),
		fmt.Sprintf(`xcrun notarytool submit %s.zip --keychain-profile "$NOTARY_PROFILE" --wait`, w.Name),
		"xcrun stapler staple "+w.Name+".app",
	)
}

// scriptHead checks what the commands need.
const scriptHead = `#!/bin/sh
# Signs and notarizes NAME.app. Run it on a Mac.
#   IDENTITY        the certificate, like "Developer ID Application: Example (TEAM)"
#   NOTARY_PROFILE  what notarytool store-credentials saved
set -eu
: "${IDENTITY:?name the signing certificate}" "${NOTARY_PROFILE:?name the notarytool profile}"
cd "$(dirname -- "$0")"
if [ ! -f NAME.app/Contents/embedded.provisionprofile ]; then
	echo "NAME.app/Contents/embedded.provisionprofile is missing: make a Developer ID profile for the App ID ID and put it there first" >&2
	exit 1
fi
`

// scriptTail is the proof that no check replaces.
const scriptTail = `# Then start the program once on a Mac that no management profile loosens.
`

func (w *Wrap) script() []byte {
	head := strings.NewReplacer("NAME.app", w.Name+".app", "App ID ID", "App ID "+w.Family.Team+"."+w.ID).Replace(scriptHead)
	return []byte(head + strings.Join(w.Commands(), "\n") + "\n" + scriptTail)
}

// resolved are the rules of preflight that say nothing but that the app is not
// signed yet, or that its binary was signed by itself.
var resolved = []string{
	"KR101", "KR103", "KR104", "KR105", "KR106", // no signature, or the linker's
	"KR111", "KR112", "KR117", "KR124", "KR402", // one that does not know the app
	"KR122", "KR212", "KR313", "KR501", // team, claims and profile come with signing
}

// ResolvedBySigning reports whether a finding of preflight, by the id or number
// of its rule, goes away when the commands are run.
func ResolvedBySigning(rule string) bool {
	number, _, _ := strings.Cut(rule, "-")
	return slices.Contains(resolved, number)
}
