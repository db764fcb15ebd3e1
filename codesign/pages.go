package codesign

import (
	"bytes"
	"io"

	"github.com/kinring/kinring/codesign/unreadable"
)

// maxBadPages bounds the list of pages whose hash is wrong.
const maxBadPages = 16

// PageReport says what VerifyPages found in one slice.
type PageReport struct {
	Directories int     // that were checked
	Pages       int     // page hashes that were compared
	Bad         int     // of them wrong
	First       []int64 // where the first wrong pages lie in the file, at most 16
	Read        int64   // bytes that were read
}

// VerifyPages reads the code of a signed slice and compares it with the page
// hashes of every code directory. It reads all of the code once for each
// directory. A slice without a signature has no pages to compare.
func VerifyPages(r io.ReaderAt, s *Slice) (*PageReport, error) {
	report := &PageReport{}
	if s.Signature == nil {
		return report, nil
	}
	for _, d := range s.Signature.Directories {
		report.Directories++
		if err := report.check(r, s, d); err != nil {
			return nil, err
		}
	}
	return report, nil
}

// check compares the pages of one directory.
func (p *PageReport) check(r io.ReaderAt, s *Slice, d *CodeDirectory) error {
	if d.CodeLimit > s.Size {
		return unreadable.At("code directory", d.Offset, "it covers %d bytes of code in a slice of %d", d.CodeLimit, s.Size)
	}
	page := d.PageSize
	if page == 0 {
		page = d.CodeLimit
	}
	code := io.NewSectionReader(r, s.Offset, d.CodeLimit)
	h, buffer := hashOf(d.HashType).New(), make([]byte, min(max(page, 1), pageBuffer))
	for i := range d.PageCount {
		at := int64(i) * page
		h.Reset()
		n, err := io.CopyBuffer(onlyWriter{h}, io.LimitReader(code, page), buffer)
		p.Read += n
		if want := min(page, d.CodeLimit-at); err != nil || n != want {
			return unreadable.Because(err, "code", s.Offset+at, "reading failed")
		}
		p.note(s.Offset+at, bytes.Equal(h.Sum(nil)[:d.HashSize], d.PageHash(i)))
	}
	return nil
}

// pageBuffer is how much of a page is read at once: all of it for the page
// sizes that macOS uses.
const pageBuffer = 64 << 10

// onlyWriter hides every method of a hash but Write, so that io.CopyBuffer uses
// the buffer that it is given.
type onlyWriter struct{ io.Writer }

func (p *PageReport) note(at int64, good bool) {
	p.Pages++
	if good {
		return
	}
	p.Bad++
	if len(p.First) < maxBadPages {
		p.First = append(p.First, at)
	}
}
