package codesign

import (
	"io"

	"github.com/kinring/kinring/codesign/macho"
	"github.com/kinring/kinring/codesign/unreadable"
)

// maxInfoPlist bounds an Info.plist inside a program; Apple's own tools write
// some kilobytes.
const maxInfoPlist = 1 << 20

// counter counts the bytes that were read through it.
type counter struct {
	r    io.ReaderAt
	read int64
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.r.ReadAt(p, off)
	c.read += int64(n)
	return n, err
}

// Is reports whether the first bytes of a file, eight or more, are those of a
// Mach-O file.
func Is(start []byte) bool { return macho.Is(start) }

// Read reads the headers and signatures of a Mach-O file of the given size, and
// nothing else. An error is an *unreadable.Error. Memory stays within a fixed
// multiple of the bytes of headers and signatures.
func Read(r io.ReaderAt, size int64, o Options) (*File, error) {
	c := &counter{r: r}
	m, err := macho.Read(c, size)
	if err != nil {
		return nil, unreadable.Within(err, "", 0)
	}
	f := &File{Size: m.Size, Fat: m.Fat, Wide: m.Wide}
	for _, s := range m.Slices {
		slice, err := readSlice(c, s, o)
		if err != nil {
			return nil, err
		}
		f.Slices = append(f.Slices, *slice)
	}
	f.Read = c.read
	return f, nil
}

func readSlice(r io.ReaderAt, m macho.Slice, o Options) (*Slice, error) {
	s := &Slice{Slice: m}
	if m.InfoPlist.Size > maxInfoPlist {
		return nil, unreadable.At("section __info_plist", m.InfoPlist.Offset, "%d bytes; at most %d are read", m.InfoPlist.Size, maxInfoPlist)
	}
	var err error
	if m.InfoPlist.Size > 0 {
		if s.InfoPlist, err = readRange(r, m.InfoPlist, "section __info_plist"); err != nil {
			return nil, err
		}
	}
	if m.Signature == nil {
		return s, nil
	}
	if m.Signature.Size > maxSignature {
		return nil, unreadable.At("signature", m.Signature.Offset, "%d bytes; at most %d are read", m.Signature.Size, maxSignature)
	}
	raw, err := readRange(r, *m.Signature, "signature")
	if err != nil {
		return nil, err
	}
	s.Signature, err = parseSignature(raw, s, o)
	return s, err
}

func readRange(r io.ReaderAt, where macho.Range, structure string) ([]byte, error) {
	b := make([]byte, where.Size)
	if n, err := r.ReadAt(b, where.Offset); n < len(b) {
		return nil, unreadable.Because(err, structure, where.Offset, "reading failed")
	}
	return b, nil
}
