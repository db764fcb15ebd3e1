package archive

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"strconv"
	"time"

	"github.com/kinring/kinring/codesign/unreadable"
)

// Sizes of the fixed part of a header, after its six-byte magic number.
const (
	odcSize  = 70
	newcSize = 104
)

// trailerName is that of the entry which ends a cpio archive.
const trailerName = "TRAILER!!!"

// Bits of a cpio mode (sys/stat.h).
const (
	cpioType    = 0o170000
	cpioDir     = 0o040000
	cpioRegular = 0o100000
	cpioLink    = 0o120000
)

// cpioEntries is one pass over a cpio archive. Other names of a file that has
// several come with the same content or with none, as the archive has them.
type cpioEntries struct {
	r       *bufio.Reader
	left    int64 // of the current entry
	padding int64 // after it
}

func newCpio(r io.Reader) *cpioEntries { return &cpioEntries{r: bufio.NewReaderSize(r, 1<<16)} }

// Read reads the current entry.
func (c *cpioEntries) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	if errors.Is(err, io.EOF) && c.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func cpioFail(err error, problem string) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return unreadable.Because(err, "cpio archive", 0, problem)
}

// next skips the rest of the current entry, and entries that are neither files,
// directories nor links.
func (c *cpioEntries) next() (*entry, error) {
	for {
		if _, err := io.CopyN(io.Discard, c.r, c.left+c.padding); err != nil {
			return nil, cpioFail(err, "an entry does not end")
		}
		c.left, c.padding = 0, 0
		e, err := c.header()
		if err != nil {
			return nil, err
		}
		if e.name == trailerName {
			return nil, io.EOF
		}
		usable, err := c.classify(e)
		if err != nil {
			return nil, err
		}
		if usable {
			return e, nil
		}
	}
}

// header reads a header of either layout.
func (c *cpioEntries) header() (*entry, error) {
	magic := make([]byte, 6)
	if _, err := io.ReadFull(c.r, magic); err != nil {
		return nil, cpioFail(err, "it ends without its trailer")
	}
	switch string(magic) {
	case "070707":
		return c.odc()
	case "070701", "070702":
		return c.newc()
	}
	return nil, unreadable.At("cpio archive", 0, "the magic number %q is none of cpio's", magic)
}

// odc reads the layout of POSIX.1-1988: octal fields, dev ino mode uid gid nlink
// rdev of 6 digits, mtime of 11, namesize of 6, filesize of 11.
func (c *cpioEntries) odc() (*entry, error) {
	b := make([]byte, odcSize)
	if _, err := io.ReadFull(c.r, b); err != nil {
		return nil, cpioFail(err, "a header does not end")
	}
	mode, e1 := strconv.ParseUint(string(b[12:18]), 8, 32)
	modified, e2 := strconv.ParseInt(string(b[42:53]), 8, 64)
	name, e3 := strconv.ParseUint(string(b[53:59]), 8, 32)
	size, e4 := strconv.ParseInt(string(b[59:70]), 8, 64)
	if err := errors.Join(e1, e2, e3, e4); err != nil {
		return nil, cpioFail(err, "a header holds no octal numbers")
	}
	c.left = size
	return c.named(name, 0, mode, size, modified)
}

// newc reads the layout of SVR4: hexadecimal fields of 8 digits, ino mode uid
// gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check;
// name and content are padded to four bytes.
func (c *cpioEntries) newc() (*entry, error) {
	b := make([]byte, newcSize)
	if _, err := io.ReadFull(c.r, b); err != nil {
		return nil, cpioFail(err, "a header does not end")
	}
	field := func(i int) (uint64, error) { return strconv.ParseUint(string(b[8*i:8*i+8]), 16, 32) }
	mode, e1 := field(1)
	modified, e2 := field(5)
	size, e3 := field(6)
	name, e4 := field(11)
	if err := errors.Join(e1, e2, e3, e4); err != nil {
		return nil, cpioFail(err, "a header holds no hexadecimal numbers")
	}
	c.left, c.padding = int64(size), int64(-size&3)
	return c.named(name, -(6+newcSize+name)&3, mode, int64(size), int64(modified))
}

// named reads the name that follows a header, with its terminating zero.
func (c *cpioEntries) named(length, padding, mode uint64, size, modified int64) (*entry, error) {
	if length == 0 || length > maxName {
		return nil, unreadable.At("cpio archive", 0, "the name of an entry has %d bytes", length)
	}
	b := make([]byte, length+padding)
	if _, err := io.ReadFull(c.r, b); err != nil {
		return nil, cpioFail(err, "a name does not end")
	}
	name := bytes.TrimSuffix(b[:length], []byte{0})
	return &entry{name: string(name), size: size, modified: time.Unix(modified, 0), mode: fs.FileMode(mode)}, nil
}

// classify turns the raw mode of an entry into that of the file system, and
// reads a link's target.
func (c *cpioEntries) classify(e *entry) (usable bool, err error) {
	raw := uint32(e.mode)
	e.mode = fs.FileMode(raw).Perm()
	switch raw & cpioType {
	case cpioRegular:
		return true, nil
	case cpioDir:
		e.mode, e.size = e.mode|fs.ModeDir, 0
		return true, nil
	case cpioLink:
		target, err := io.ReadAll(io.LimitReader(c, maxName))
		if err != nil {
			return false, cpioFail(err, "a link does not end")
		}
		e.mode, e.size, e.link = e.mode|fs.ModeSymlink, 0, string(target)
		return true, nil
	}
	return false, nil
}
