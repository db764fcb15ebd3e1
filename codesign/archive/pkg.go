package archive

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"encoding/xml"
	"io"
	"io/fs"
	"path"

	"github.com/kinring/kinring/codesign/unreadable"
)

// xarHeader is the size of xar's fixed header: "xar!", its own size and version
// as 16-bit numbers, the compressed and plain sizes of the table of contents as
// 64-bit numbers, and the checksum algorithm as a 32-bit number, big-endian.
const xarHeader = 28

// Limits of the table of contents; that of an installer package lists a few
// files for each component.
const (
	maxTOCPacked = 16 << 20
	maxTOC       = 64 << 20
)

// toc is the part of xar's table of contents that says where the files lie.
type toc struct {
	Files []tocFile `xml:"toc>file"`
}

type tocFile struct {
	Name string `xml:"name"`
	Type string `xml:"type"`
	Link string `xml:"link"`
	Data *struct {
		Offset   int64 `xml:"offset"`
		Length   int64 `xml:"length"` // as stored
		Size     int64 `xml:"size"`   // as unpacked
		Encoding struct {
			Style string `xml:"style,attr"`
		} `xml:"encoding"`
	} `xml:"data"`
	Files []tocFile `xml:"file"`
}

// pkg is an installer package being indexed.
type pkg struct {
	*builder
	r    io.ReaderAt
	size int64
	heap int64 // where the content starts
}

// openPkg indexes an installer package. The archives in it, Payload and Scripts,
// appear as directories of those names.
func openPkg(r io.ReaderAt, size int64) (*FS, error) {
	p := &pkg{builder: newBuilder(), r: r, size: size}
	t, err := p.readTOC()
	if err != nil {
		return nil, err
	}
	return p.fs, p.addFiles("", t.Files, 0)
}

func (p *pkg) fail(at int64, format string, args ...any) error {
	return unreadable.At("xar archive", at, format, args...)
}

func (p *pkg) readTOC() (*toc, error) {
	head := make([]byte, xarHeader)
	if n, err := p.r.ReadAt(head, 0); n < len(head) {
		return nil, unreadable.Because(err, "xar archive", 0, "it is shorter than its header")
	}
	start := int64(binary.BigEndian.Uint16(head[4:]))
	packed, plain := binary.BigEndian.Uint64(head[8:]), binary.BigEndian.Uint64(head[16:])
	if start < xarHeader || packed > maxTOCPacked || plain > maxTOC || int64(packed) > p.size-start {
		return nil, p.fail(0, "a table of contents of %d bytes, %d unpacked, is too large for it", packed, plain)
	}
	p.heap = start + int64(packed)
	z, err := zlib.NewReader(io.NewSectionReader(p.r, start, int64(packed)))
	if err != nil {
		return nil, unreadable.Because(err, "xar archive", start, "its table of contents is not compressed with zlib")
	}
	text, err := io.ReadAll(io.LimitReader(z, int64(plain)+1))
	if err != nil || uint64(len(text)) != plain {
		return nil, unreadable.Because(err, "xar archive", start, "its table of contents does not unpack to the size that it says")
	}
	t := &toc{}
	if err := xml.Unmarshal(text, t); err != nil {
		return nil, unreadable.Because(err, "xar archive", start, "its table of contents does not read")
	}
	return t, nil
}

func (p *pkg) addFiles(dir string, files []tocFile, depth int) error {
	if depth > maxLevels {
		return p.fail(0, "its table of contents nests deeper than %d levels", maxLevels)
	}
	for _, f := range files {
		clean, err := cleanName(f.Name)
		if err != nil {
			return err
		}
		at := path.Join(dir, clean)
		if err := p.addFile(at, f); err != nil {
			return err
		}
		if err := p.addFiles(at, f.Files, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (p *pkg) addFile(at string, f tocFile) error {
	switch {
	case f.Type == "directory":
		return p.add(at, &node{mode: fs.ModeDir | 0o755})
	case f.Type == "symlink":
		return p.add(at, &node{mode: fs.ModeSymlink | 0o777, link: f.Link})
	case f.Type != "file" || f.Data == nil:
		return nil
	}
	d := f.Data
	if d.Offset < 0 || d.Length < 0 || d.Size < 0 || d.Offset > p.size-p.heap || d.Length > p.size-p.heap-d.Offset {
		return p.fail(p.heap, "the file %q lies outside it", at)
	}
	stored := io.NewSectionReader(p.r, p.heap+d.Offset, d.Length)
	open, err := decoder(stored, d.Encoding.Style, at)
	if err != nil {
		return err
	}
	if base := path.Base(at); base == "Payload" || base == "Scripts" {
		return p.addArchive(at, open)
	}
	return p.add(at, &node{mode: 0o644, size: d.Size, content: &replay{size: d.Size, open: open}})
}

// decoder returns how to read a stored file. What xar calls gzip is a zlib
// stream.
func decoder(stored *io.SectionReader, style, at string) (func() (io.ReadCloser, error), error) {
	fresh := func() io.Reader { return io.NewSectionReader(stored, 0, stored.Size()) }
	switch style {
	case "", "application/octet-stream":
		return func() (io.ReadCloser, error) { return io.NopCloser(fresh()), nil }, nil
	case "application/x-gzip":
		return func() (io.ReadCloser, error) { return zlib.NewReader(fresh()) }, nil
	case "application/x-bzip2":
		return func() (io.ReadCloser, error) { return io.NopCloser(bzip2.NewReader(fresh())), nil }, nil
	}
	return nil, unreadable.At("xar archive", 0, "the file %q is compressed as %q, which is not read; %s", at, style, expandRemedy)
}

// expandRemedy says how to get at content that is compressed otherwise.
const expandRemedy = `on a mac, run "pkgutil --expand-full" and name the directory`

// addArchive adds the cpio archive that a package's Payload or Scripts is.
func (p *pkg) addArchive(at string, open func() (io.ReadCloser, error)) error {
	return p.addStream(at, func() (entries, error) {
		rc, err := open()
		if err != nil {
			return nil, unreadable.Because(err, "xar archive", p.heap, "the file "+at+" does not unpack")
		}
		r, err := decompress(rc, at)
		if err != nil {
			return nil, err
		}
		return newCpio(r), nil
	})
}

// decompress recognises the compression of a payload by its first bytes.
func decompress(r io.Reader, at string) (io.Reader, error) {
	start := make([]byte, 6)
	n, err := io.ReadFull(r, start)
	if n < 4 {
		return nil, unreadable.Because(err, "payload", 0, at+" is shorter than any archive")
	}
	whole := io.MultiReader(bytes.NewReader(start[:n]), r)
	switch {
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(whole)
		if err != nil {
			return nil, unreadable.Because(err, "payload", 0, at+" does not start as a gzip stream")
		}
		return z, nil
	case bytes.HasPrefix(start, []byte("BZh")):
		return bzip2.NewReader(whole), nil
	case bytes.HasPrefix(start, []byte("0707")):
		return whole, nil
	case bytes.HasPrefix(start, []byte("pbzx")):
		return nil, unreadable.At("payload", 0, "%s is compressed with xz, which is not read; %s", at, expandRemedy)
	}
	return nil, unreadable.At("payload", 0, "%s is no gzip, bzip2 or cpio archive; %s", at, expandRemedy)
}
