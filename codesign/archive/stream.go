package archive

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/kinring/kinring/codesign"
	"github.com/kinring/kinring/codesign/plist"
	"github.com/kinring/kinring/codesign/unreadable"
)

// maxKept bounds the bytes that one archive's programs and lists keep; what is
// beyond is read in further passes.
const maxKept = 256 << 20

// entry is one entry of a stream.
type entry struct {
	name     string
	mode     fs.FileMode
	size     int64
	modified time.Time
	link     string // target of a symbolic link
	hard     string // path of the entry that this one is another name of
}

// entries is one pass over a stream: Read reads the current entry.
type entries interface {
	io.Reader
	next() (*entry, error) // io.EOF at the end
}

// stream is an archive that can only be read forward.
type stream struct {
	begin   func() (entries, error)
	current entries // nil: no pass is under way
	index   int     // of the current entry
	serial  int     // counts the readers given out; only the last one may read
}

// openStream indexes a stream and keeps what a walk will want.
func openStream(begin func() (entries, error)) (*FS, error) {
	b := newBuilder()
	return b.fs, b.addStream("", begin)
}

// addStream adds the entries of a stream under a directory.
func (b *builder) addStream(dir string, begin func() (entries, error)) error {
	s := &stream{begin: begin}
	pass, err := begin()
	if err != nil {
		return err
	}
	left := int64(maxKept)
	for i := 0; ; i++ {
		e, err := pass.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := b.addEntry(dir, s, i, e, pass, &left); err != nil {
			return err
		}
	}
}

// addEntry adds entry i of a stream. left is how much may still be kept.
func (b *builder) addEntry(dir string, s *stream, i int, e *entry, pass io.Reader, left *int64) error {
	n := &node{mode: e.mode, size: e.size, modified: e.modified, link: e.link}
	switch {
	case e.hard != "":
		target, err := b.hardTarget(dir, e)
		if err != nil {
			return err
		}
		n.size, n.content, n.mode = target.size, target.content, target.mode
	case e.mode.IsRegular():
		if e.size < 0 || e.size > MaxEntry {
			return limitError("archive", "the entry %q of %d bytes exceeds %d", e.name, e.size, int64(MaxEntry))
		}
		r := &replay{size: e.size, spans: keep(e, pass, *left), open: func() (io.ReadCloser, error) { return s.entry(i) }}
		for _, k := range r.spans {
			*left -= int64(len(k.data))
		}
		n.content = r
	}
	name, err := cleanName(e.name)
	if err != nil {
		return err
	}
	return b.add(path.Join(dir, name), n)
}

// hardTarget finds the entry that a hard link is another name of.
func (b *builder) hardTarget(dir string, e *entry) (*node, error) {
	clean, err := cleanName(e.hard)
	if err != nil {
		return nil, err
	}
	n, err := b.fs.find("link", path.Join(dir, clean), false)
	if err != nil || !n.mode.IsRegular() {
		return nil, unreadable.At("archive", 0, "the entry %q is a link to %q, which is no earlier file", e.name, e.hard)
	}
	return n, nil
}

// lists are the files that a walk reads whole.
var lists = []string{"Info.plist", "CodeResources", "embedded.provisionprofile", "embedded.mobileprovision"}

// startKept is how much is kept of a file that is no program: enough to see
// that again.
const startKept = 8

// keep reads from the current entry what a walk will want of it. The result is
// never nil: a replay need not look for a program's head again.
func keep(e *entry, pass io.Reader, left int64) []span {
	if slices.Contains(lists, path.Base(e.name)) && e.size <= min(plist.MaxSize, left) {
		return captureAll(pass, e.size)
	}
	spans := captureProgram(pass, e.size, left)
	if len(spans) == 0 {
		return []span{}
	}
	if start := spans[0].data; !codesign.Is(start) {
		return []span{{at: 0, data: slices.Clone(start[:min(startKept, len(start))])}}
	}
	return spans
}

// entry starts reading entry i, in the pass under way where it is still ahead.
func (s *stream) entry(i int) (io.ReadCloser, error) {
	if s.current == nil || s.index >= i {
		pass, err := s.begin()
		if err != nil {
			return nil, err
		}
		s.current, s.index = pass, -1
	}
	for s.index < i {
		if _, err := s.current.next(); err != nil {
			s.current = nil
			return nil, short(err)
		}
		s.index++
	}
	s.serial++
	return &passReader{s: s, serial: s.serial}, nil
}

// passReader reads the current entry of a stream until another one is started.
type passReader struct {
	s      *stream
	serial int
}

func (p *passReader) stale() bool  { return p.serial != p.s.serial }
func (p *passReader) Close() error { return nil }
func (p *passReader) Read(b []byte) (int, error) {
	if p.stale() {
		return 0, errBackward
	}
	return p.s.current.Read(b)
}
