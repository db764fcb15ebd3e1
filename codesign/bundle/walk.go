package bundle

import (
	"cmp"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kinring/kinring/codesign"
	"github.com/kinring/kinring/codesign/macho"
	"github.com/kinring/kinring/codesign/unreadable"
)

// Limits of a walk. A bundle is a few dozen levels deep and has some ten
// thousand files; beyond these a walk stops with a problem.
const (
	maxDepth = 64
	maxFiles = 1 << 20
)

// walker collects a Tree.
type walker struct {
	fsys    fs.FS
	root    string
	options Options
	tree    *Tree
	byPath  map[string]*Executable
	full    bool // maxFiles was reached, and said
}

// Walk looks at root, a directory or a file of fsys, and at everything below.
// It reads the headers and signatures of Mach-O files and the lists that belong
// to bundles. What cannot be read is told in the Tree; the error is only about
// root itself.
//
// Root should be named by its own name in its parent directory, as in
// Walk(os.DirFS("dist"), "Demo.app", ...): the extension says what it is.
func Walk(fsys fs.FS, root string, o Options) (*Tree, error) {
	w := &walker{fsys: fsys, root: root, options: o, tree: &Tree{}, byPath: map[string]*Executable{}}
	info, err := fs.Stat(fsys, root)
	if err != nil {
		return nil, unreadable.Within(err, root, 0)
	}
	if info.IsDir() {
		w.dir(root, nil, 0)
	} else if err := w.single(root, info); err != nil {
		return nil, err
	}
	for _, b := range w.tree.Bundles {
		w.load(b)
	}
	slices.SortFunc(w.tree.Executables, func(a, b *Executable) int { return cmp.Compare(a.Path, b.Path) })
	for _, e := range w.tree.Executables {
		e.Role = role(e)
	}
	return w.tree, nil
}

// single looks at a root that is a file, which must be Mach-O.
func (w *walker) single(root string, info fs.FileInfo) error {
	w.file(root, info, nil)
	if len(w.tree.Executables) == 1 {
		return nil
	}
	if len(w.tree.Problems) > 0 {
		return w.tree.Problems[0]
	}
	return &unreadable.Error{Path: root, Structure: "file", Problem: "it is no mach-o file and no directory"}
}

// problem notes an error about a path that no Executable stands for.
func (w *walker) problem(at string, err error) {
	w.tree.Problems = append(w.tree.Problems, unreadable.Within(err, at, 0))
}

// dir looks at a directory; parent is the bundle around it.
func (w *walker) dir(at string, parent *Bundle, depth int) {
	if depth > maxDepth {
		w.problem(at, unreadable.At("directory", 0, "it lies deeper than %d levels", maxDepth))
		return
	}
	entries, err := fs.ReadDir(w.fsys, at)
	if err != nil {
		w.problem(at, err)
		return
	}
	if b := w.detect(at, entries, parent); b != nil {
		w.tree.Bundles = append(w.tree.Bundles, b)
		parent = b
	}
	for _, e := range entries {
		w.entry(path.Join(at, e.Name()), e, parent, depth)
	}
}

// entry looks at one entry of a directory. Links are noted, never followed.
func (w *walker) entry(at string, e fs.DirEntry, parent *Bundle, depth int) {
	switch {
	case e.Type()&fs.ModeSymlink != 0:
		w.link(at, parent)
	case e.IsDir():
		w.dir(at, parent, depth+1)
	case e.Type().IsRegular():
		info, err := e.Info()
		if err != nil {
			w.problem(at, err)
			return
		}
		w.file(at, info, parent)
	}
}

func (w *walker) link(at string, parent *Bundle) {
	target, err := fs.ReadLink(w.fsys, at)
	if err != nil {
		w.problem(at, err)
		return
	}
	w.tree.Links = append(w.tree.Links, Link{Path: at, Target: target, Leaves: parent != nil && leaves(at, target, outermost(parent).Path)})
}

func outermost(b *Bundle) *Bundle {
	for b.Parent != nil {
		b = b.Parent
	}
	return b
}

// systemPlaces are where a link may lead from a bundle (StaticCode.cpp,
// validateSymlinkResource).
var systemPlaces = []string{"/System/", "/Library/"}

// leaves reports whether a link leads out of a bundle.
func leaves(at, target, home string) bool {
	if path.IsAbs(target) {
		clean := path.Clean(target)
		return !slices.ContainsFunc(systemPlaces, func(place string) bool { return strings.HasPrefix(clean, place) })
	}
	reached := path.Join(path.Dir(at), target)
	return reached != home && !strings.HasPrefix(reached, home+"/")
}

// file looks at a regular file.
func (w *walker) file(at string, info fs.FileInfo, parent *Bundle) {
	if w.tree.Files++; w.tree.Files > maxFiles {
		if !w.full {
			w.problem(at, unreadable.At("directory", 0, "it has more than %d files", maxFiles))
		}
		w.full = true
		return
	}
	if info.Size() < 8 {
		return
	}
	f, err := w.fsys.Open(at)
	if err != nil {
		w.problem(at, err)
		return
	}
	defer f.Close()
	r, done := readerAt(f, func() (fs.File, error) { return w.fsys.Open(at) })
	defer done()
	w.macho(at, info, r, parent)
}

// macho reads a file that starts like Mach-O.
func (w *walker) macho(at string, info fs.FileInfo, r io.ReaderAt, parent *Bundle) {
	var start [8]byte
	n, err := r.ReadAt(start[:], 0)
	w.tree.Read += int64(n)
	if n < len(start) {
		w.problem(at, err)
		return
	}
	if !codesign.Is(start[:]) {
		return
	}
	e := &Executable{Path: at, Bundle: parent}
	file, err := codesign.Read(r, info.Size(), codesign.Options{Roots: w.options.Roots})
	if e.File, e.Err = file, unreadable.Within(err, at, 0); err == nil {
		w.tree.Read += file.Read
	}
	w.tree.Executables = append(w.tree.Executables, e)
	w.byPath[at] = e
}

// role says what an executable is to its bundle. One that does not read is
// taken for a program, the worse case.
func role(e *Executable) Role {
	kind := macho.Execute
	if e.File != nil {
		kind = fileType(e.File)
	}
	switch {
	case kind.IsLibrary() && path.Ext(e.Path) == ".node":
		return RoleAddOn
	case kind.IsLibrary():
		return RoleLibrary
	case kind != macho.Execute:
		return RoleOther
	case e.Bundle == nil:
		return RoleBare
	case e.Bundle.Main == e:
		return RoleMain
	}
	return RoleHelper
}

// fileType is the type of a file's slices; one that is a program in any of them
// counts as a program.
func fileType(f *codesign.File) macho.FileType {
	kind := f.Slices[0].Type
	for _, s := range f.Slices {
		if s.Type == macho.Execute {
			kind = macho.Execute
		}
	}
	return kind
}
