package bundle

import (
	"cmp"
	"io/fs"
	"slices"

	"github.com/kinring/kinring/codesign"
	"github.com/kinring/kinring/codesign/unreadable"
)

// PageChange is a slice whose code does not match its page hashes.
type PageChange struct {
	Executable *Executable
	Arch       string
	Report     *codesign.PageReport
}

// VerifyPages compares the code of every executable of a tree with its page
// hashes, and returns those that do not match. read counts the bytes.
func VerifyPages(fsys fs.FS, t *Tree) (changes []PageChange, read int64, err error) {
	for _, e := range t.ordered(fsys) {
		if e.File == nil {
			continue
		}
		changed, n, err := verifyPages(fsys, e)
		changes, read = append(changes, changed...), read+n
		if err != nil {
			return changes, read, unreadable.Within(err, e.Path, 0)
		}
	}
	return changes, read, nil
}

func (t *Tree) ordered(fsys fs.FS) []*Executable {
	o, ok := fsys.(Orderer)
	if !ok {
		return t.Executables
	}
	list := slices.Clone(t.Executables)
	slices.SortStableFunc(list, func(a, b *Executable) int { return cmp.Compare(o.Order(a.Path), o.Order(b.Path)) })
	return list
}

func verifyPages(fsys fs.FS, e *Executable) (changes []PageChange, read int64, err error) {
	f, err := fsys.Open(e.Path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	r, done := readerAt(f, func() (fs.File, error) { return fsys.Open(e.Path) })
	defer done()
	for i := range e.File.Slices {
		s := &e.File.Slices[i]
		report, err := codesign.VerifyPages(r, s)
		if err != nil {
			return changes, read, err
		}
		read += report.Read
		if report.Bad > 0 {
			changes = append(changes, PageChange{Executable: e, Arch: s.Arch, Report: report})
		}
	}
	return changes, read, nil
}
