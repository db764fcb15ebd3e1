package archive

import (
	"archive/zip"
	"io"
	"io/fs"
	"strings"

	"github.com/kinring/kinring/codesign/unreadable"
)

// openZip indexes a zip archive. Entries that were stored are read in place,
// compressed ones forward.
func openZip(r io.ReaderAt, size int64) (*FS, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, unreadable.Because(err, "zip archive", 0, "its directory does not read")
	}
	b := newBuilder()
	for _, f := range z.File {
		if err := b.addZip(f, r); err != nil {
			return nil, err
		}
	}
	return b.fs, nil
}

// encrypted is the bit of a zip entry's flags that says so (APPNOTE, 4.4.4).
const encrypted = 1

// sidecars is the directory in which the Finder and ditto pack the extended
// attributes of the other entries, under their paths. Unpacking puts them back and
// leaves no such directory.
const sidecars = "__MACOSX/"

func (b *builder) addZip(f *zip.File, r io.ReaderAt) error {
	if strings.HasPrefix(f.Name, sidecars) {
		return nil
	}
	if strings.Contains(f.Name, `\`) {
		return unreadable.At("zip archive", 0, "the entry %q has a backslash in its name, which systems read differently", f.Name)
	}
	if f.Flags&encrypted != 0 {
		return unreadable.At("zip archive", 0, "the entry %q is encrypted; unpack the archive and name the directory", f.Name)
	}
	if f.UncompressedSize64 > MaxEntry {
		return limitError("zip archive", "the entry %q of %d bytes exceeds %d", f.Name, f.UncompressedSize64, int64(MaxEntry))
	}
	n := &node{size: int64(f.UncompressedSize64), modified: f.Modified, mode: f.Mode()}
	var err error
	switch {
	case n.mode.IsDir():
		n.size = 0
	case n.mode&fs.ModeSymlink != 0:
		n.link, err = zipLink(f)
		n.size = 0
	case n.mode.IsRegular():
		n.content, err = zipContent(f, r)
	default:
		return nil
	}
	if err != nil {
		return unreadable.Because(err, "zip archive", 0, "the entry "+f.Name+" does not read")
	}
	return b.add(f.Name, n)
}

// zipLink reads the target of a link, which is the entry's content.
func zipLink(f *zip.File) (string, error) {
	rc, err := f.Open()
	if err != nil {
		return "", err
	}
	defer rc.Close()
	target, err := io.ReadAll(io.LimitReader(rc, maxName))
	return string(target), err
}

func zipContent(f *zip.File, r io.ReaderAt) (io.ReaderAt, error) {
	if f.Method == zip.Store {
		at, err := f.DataOffset()
		return io.NewSectionReader(r, at, int64(f.UncompressedSize64)), err
	}
	return &replay{size: int64(f.UncompressedSize64), open: f.Open}, nil
}
