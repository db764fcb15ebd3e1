package archive

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"

	"github.com/kinring/kinring/codesign/unreadable"
)

// tarEntries is one pass over a tar archive.
type tarEntries struct{ *tar.Reader }

// tarGz returns how to begin a pass over a gzipped tar archive.
func tarGz(r io.ReaderAt, size int64) func() (entries, error) {
	return func() (entries, error) {
		z, err := gzip.NewReader(bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 1<<16))
		if err != nil {
			return nil, unreadable.Because(err, "gzip stream", 0, "it does not start as one")
		}
		return tarEntries{tar.NewReader(z)}, nil
	}
}

// plainTar is tarGz without compression.
func plainTar(r io.ReaderAt, size int64) func() (entries, error) {
	return func() (entries, error) {
		return tarEntries{tar.NewReader(bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 1<<16))}, nil
	}
}

// next skips entries that are neither files, directories nor links: devices,
// and the comments that git writes.
func (t tarEntries) next() (*entry, error) {
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if err != nil {
			return nil, unreadable.Because(err, "tar archive", 0, "an entry does not read")
		}
		e := &entry{name: h.Name, size: h.Size, modified: h.ModTime, mode: fs.FileMode(h.Mode).Perm()}
		switch h.Typeflag {
		case tar.TypeReg, tar.TypeGNUSparse:
		case tar.TypeDir:
			e.mode, e.size = e.mode|fs.ModeDir, 0
		case tar.TypeSymlink:
			e.mode, e.size, e.link = e.mode|fs.ModeSymlink, 0, h.Linkname
		case tar.TypeLink:
			e.size, e.hard = 0, h.Linkname
		default:
			continue
		}
		return e, nil
	}
}
