package bundle

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/kinring/kinring/codesign/plist"
	"github.com/kinring/kinring/codesign/profile"
	"github.com/kinring/kinring/codesign/unreadable"
)

// maxInfo bounds an Info.plist; those of large applications have some ten
// kilobytes.
const maxInfo = 4 << 20

// load reads the lists that belong to a bundle and finds its main executable.
func (w *walker) load(b *Bundle) {
	w.loadInfo(b)
	w.loadProfile(b)
	w.loadResources(b)
	if b.Kind == "" {
		b.Kind = KindOther
		if b.Info != nil {
			b.Kind = packageKind(b.Info.Values.Text("CFBundlePackageType"))
		}
	}
	if at := b.mainPath(); at != "" {
		b.Main = w.byPath[at]
	}
}

func packageKind(kind string) Kind {
	if k, ok := packageTypes[kind]; ok {
		return k
	}
	return KindOther
}

// read returns a file's content, or the reason why not; a file that does not
// exist is neither.
func (w *walker) read(at string, limit int64) ([]byte, error) {
	f, err := w.fsys.Open(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	w.tree.Read += int64(len(raw))
	if err == nil && int64(len(raw)) > limit {
		err = unreadable.At("file", 0, "it has more than the %d bytes that are read", limit)
	}
	if raw == nil {
		raw = []byte{}
	}
	return raw, err
}

// infoPlaces are where Info.plist lies, by layout: in Contents or beside the
// executable, or in Resources of a framework's version.
var infoPlaces = []string{"Info.plist", "Resources/Info.plist"}

func (w *walker) loadInfo(b *Bundle) {
	for _, place := range infoPlaces {
		at := path.Join(b.Contents, place)
		raw, err := w.read(at, maxInfo)
		if raw == nil && err == nil {
			continue
		}
		b.Info = parseInfo(at, raw, err)
		return
	}
}

func parseInfo(at string, raw []byte, err error) *Info {
	info := &Info{Path: at, Raw: raw}
	var doc *plist.Document
	if err == nil {
		doc, err = plist.ParseDict(raw)
	}
	if err != nil {
		info.Err = unreadable.Within(err, at, 0)
		return info
	}
	info.Values = doc.Root.Entries
	info.Identifier, info.Executable = info.Values.Text("CFBundleIdentifier"), info.Values.Text("CFBundleExecutable")
	return info
}

// profileNames are the names of embedded profiles: of Mac apps, and of apps in
// the layout of iOS.
var profileNames = []string{"embedded.provisionprofile", "embedded.mobileprovision"}

func (w *walker) loadProfile(b *Bundle) {
	for _, name := range profileNames {
		at := path.Join(b.Contents, name)
		raw, err := w.read(at, profile.MaxSize)
		if raw == nil && err == nil {
			continue
		}
		p := &Profile{Path: at, Raw: raw}
		if err == nil {
			p.Profile, err = profile.Read(raw, w.options.Roots)
		}
		p.Err = unreadable.Within(err, at, 0)
		b.Profile = p
		return
	}
}

func (w *walker) loadResources(b *Bundle) {
	at := path.Join(b.Contents, "_CodeSignature/CodeResources")
	raw, err := w.read(at, plist.MaxSize)
	if raw == nil && err == nil {
		return
	}
	r := &Resources{Path: at, Raw: raw}
	if err == nil {
		err = r.parse()
	}
	r.Err = unreadable.Within(err, at, 0)
	b.Resources = r
}

// mainPath is where the main executable should be; empty where Info.plist names
// a path that leaves the bundle.
func (b *Bundle) mainPath() string {
	name := strings.TrimSuffix(path.Base(b.Path), path.Ext(b.Path))
	if isVersion(b.Path) {
		name = strings.TrimSuffix(path.Base(path.Dir(path.Dir(b.Path))), ".framework")
	}
	if b.Info != nil && b.Info.Executable != "" {
		name = b.Info.Executable
	}
	dir := b.Contents
	if b.Contents != b.Path {
		dir = path.Join(b.Contents, "MacOS")
	}
	at := path.Join(dir, name)
	if !strings.HasPrefix(at, dir+"/") {
		return ""
	}
	return at
}
