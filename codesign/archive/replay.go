package archive

import (
	"errors"
	"io"
	"slices"

	"github.com/kinring/kinring/codesign"
)

// headSize is how much of the start of every streamed program is kept: its load
// commands lie there.
const headSize = 64 << 10

// span is a run of kept bytes.
type span struct {
	at   int64
	data []byte
}

// replay is the content of a file that can only be read forward. It keeps the
// runs that were captured; what else is wanted is read by a new pass.
type replay struct {
	size  int64
	spans []span // sorted, not adjacent where not read so
	open  func() (io.ReadCloser, error)
	pass  io.ReadCloser // nil: none is under way
	at    int64         // of pass
}

var errShort = errors.New("the entry ends before the size that the archive gives it")

// kept copies from one span that holds all of the range.
func (r *replay) kept(p []byte, off int64) bool {
	i, found := slices.BinarySearchFunc(r.spans, off, func(s span, off int64) int {
		switch {
		case s.at > off:
			return 1
		case s.at+int64(len(s.data)) <= off:
			return -1
		}
		return 0
	})
	if !found {
		return false
	}
	s := r.spans[i]
	from := s.data[off-s.at:]
	if len(from) < len(p) {
		return false
	}
	copy(p, from)
	return true
}

// ReadAt implements io.ReaderAt for one reader at a time.
func (r *replay) ReadAt(p []byte, off int64) (int, error) {
	if len(p) == 0 || r.kept(p, off) {
		return len(p), nil
	}
	if r.pass == nil || off < r.at || stale(r.pass) {
		if err := r.restart(); err != nil {
			return 0, err
		}
	}
	if r.spans == nil && off == 0 {
		if done, err := r.readHead(p); err != nil {
			return 0, err
		} else if done {
			return len(p), nil
		}
	}
	skipped, err := io.CopyN(io.Discard, r.pass, off-r.at)
	r.at += skipped
	if err != nil {
		return 0, short(err)
	}
	n, err := io.ReadFull(r.pass, p)
	r.at += int64(n)
	if r.at == r.size {
		r.stop()
	}
	return n, short(err)
}

// readHead reads the start of a file and keeps it where it is a program's. It
// reports whether that served p.
func (r *replay) readHead(p []byte) (done bool, err error) {
	head := make([]byte, min(headSize, r.size))
	n, err := io.ReadFull(r.pass, head)
	r.at = int64(n)
	if err != nil {
		return false, short(err)
	}
	r.spans = []span{}
	if codesign.Is(head) {
		r.spans = []span{{at: 0, data: head}}
	}
	if len(p) <= n {
		copy(p, head)
		return true, nil
	}
	return false, r.restart()
}

// short names the one end that a reader must not take for that of the file.
func short(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errShort
	}
	return err
}

func (r *replay) restart() error {
	r.stop()
	pass, err := r.open()
	if err != nil {
		return err
	}
	r.pass, r.at = pass, 0
	return nil
}

// stop ends the pass that is under way.
func (r *replay) stop() {
	if r.pass != nil {
		r.pass.Close()
	}
	r.pass = nil
}

// stale reports whether a pass can no longer be read, because another file of
// the same stream has been.
func stale(pass io.ReadCloser) bool {
	s, ok := pass.(interface{ stale() bool })
	return ok && s.stale()
}

// capture reads a program forward once and keeps what codesign.Read asks for.
type capture struct {
	source io.Reader
	at     int64
	limit  int64 // bytes that may still be kept
	spans  []span
}

var errBackward = errors.New("it is not kept")

// ReadAt implements io.ReaderAt for reads that go forward, or lie in what was
// kept.
func (c *capture) ReadAt(p []byte, off int64) (int, error) {
	if (&replay{spans: c.spans}).kept(p, off) {
		return len(p), nil
	}
	if off < c.at || int64(len(p)) > c.limit {
		return 0, errBackward
	}
	skipped, err := io.CopyN(io.Discard, c.source, off-c.at)
	c.at += skipped
	if err != nil {
		return 0, err
	}
	return c.keep(p)
}

// keep reads the next bytes and keeps a copy.
func (c *capture) keep(p []byte) (int, error) {
	n, err := io.ReadFull(c.source, p)
	c.spans = append(c.spans, span{at: c.at, data: slices.Clone(p[:n])})
	c.at += int64(n)
	c.limit -= int64(n)
	return n, err
}

// captureProgram keeps the parts of a program that its signature lies in. The
// file need not be a program, nor a sound one: the reader of the file system
// will say so.
func captureProgram(source io.Reader, size, limit int64) []span {
	c := &capture{source: source, limit: limit}
	head := make([]byte, min(headSize, size, limit))
	if n, err := c.keep(head); err != nil || !codesign.Is(head[:n]) {
		return c.spans
	}
	// What cannot be read or kept is read again, and told, when it is wanted.
	_, _ = codesign.Read(c, size, codesign.Options{})
	return c.spans
}

// captureAll keeps a whole file. A short one is told when it is wanted.
func captureAll(source io.Reader, size int64) []span {
	b, _ := io.ReadAll(io.LimitReader(source, size))
	return []span{{at: 0, data: b}}
}
