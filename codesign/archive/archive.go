// Package archive presents the files in which macOS software is shipped as
// read-only file systems: zip, tar, gzipped tar (as npm packs), and installer
// packages (xar around gzipped cpio). A bare Mach-O file becomes a file system
// with one file. Disk images are refused with the way to mount them.
//
// Nothing is written anywhere. Entries that leave the archive, that lie under a
// link or a file, or that occur twice are refused, because the tools that unpack
// them do not agree on what they mean. Sizes and counts are bounded.
//
// A gzipped stream can only be read forward. While such an archive is opened,
// what Open's caller will want of every program - its headers and signatures -
// and the lists of bundles are kept; other content is read in a further pass, so
// callers do best to read files in the order that FS.Order tells.
//
// Formats: APPNOTE for zip (by the standard library), POSIX.1-1988 ustar and pax
// for tar (likewise), the cpio "odc" and "newc" layouts, and xar's published
// file format.
package archive

import (
	"bytes"
	"fmt"
	"io"
	"path"

	"github.com/kinring/kinring/codesign"
	"github.com/kinring/kinring/codesign/unreadable"
)

// Limits of an archive. The largest applications have some 100,000 files and
// some gigabytes.
const (
	MaxEntries = 1 << 20
	MaxEntry   = 8 << 30  // bytes of one file, unpacked
	MaxTotal   = 64 << 30 // bytes of all files, unpacked
)

// Kind says what sort of file was opened.
type Kind string

// The kinds.
const (
	Zip   Kind = "zip"
	Tar   Kind = "tar"
	TarGz Kind = "tar.gz"
	Pkg   Kind = "pkg"
	MachO Kind = "mach-o"
)

// startSize is how much of a file's start tells its kind: tar's magic number
// stands at 257.
const startSize = 262

// dmgTrailer is the size of the block that ends a disk image; it starts with
// the letters "koly".
const dmgTrailer = 512

// Open opens the archive or program in r, of the given size. Name is the file's
// own name, for the one file of a bare program and for errors.
func Open(name string, r io.ReaderAt, size int64) (*FS, Kind, error) {
	start := make([]byte, min(startSize, max(size, 0)))
	if n, err := r.ReadAt(start, 0); n < len(start) {
		return nil, "", unreadable.Within(err, name, 0)
	}
	fsys, kind, err := open(name, start, r, size)
	if err != nil {
		return nil, "", unreadable.Within(err, name, 0)
	}
	return fsys, kind, nil
}

func open(name string, start []byte, r io.ReaderAt, size int64) (fsys *FS, kind Kind, err error) {
	switch {
	case codesign.Is(start):
		fsys, err = openMachO(name, r, size)
		return fsys, MachO, err
	case bytes.HasPrefix(start, []byte("PK\x03\x04")), bytes.HasPrefix(start, []byte("PK\x05\x06")):
		fsys, err = openZip(r, size)
		return fsys, Zip, err
	case bytes.HasPrefix(start, []byte{0x1f, 0x8b}):
		fsys, err = openStream(tarGz(r, size))
		return fsys, TarGz, err
	case bytes.HasPrefix(start, []byte("xar!")):
		fsys, err = openPkg(r, size)
		return fsys, Pkg, err
	case len(start) == startSize && string(start[257:]) == "ustar":
		fsys, err = openStream(plainTar(r, size))
		return fsys, Tar, err
	case isDiskImage(r, size):
		return nil, "", diskImage(name)
	}
	return nil, "", unreadable.At("file", 0, "it is no program, zip, tar.gz, tgz or pkg; unpack it and name the directory")
}

func isDiskImage(r io.ReaderAt, size int64) bool {
	var magic [4]byte
	if size < dmgTrailer {
		return false
	}
	n, _ := r.ReadAt(magic[:], size-dmgTrailer)
	return n == len(magic) && string(magic[:]) == "koly"
}

func diskImage(name string) error {
	return unreadable.At("disk image", 0, "disk images are not read; on a mac, run \"hdiutil attach -readonly %s\" and name the app under /Volumes; "+
		"elsewhere unpack it with \"7z x\" and name the app", path.Base(name))
}

// openMachO presents one program.
func openMachO(name string, r io.ReaderAt, size int64) (*FS, error) {
	b := newBuilder()
	at := path.Base(path.Clean("/" + name))
	if at == "/" {
		at = "program"
	}
	n := &node{mode: 0o755, size: size, content: section{r, size}}
	if err := b.add(at, n); err != nil {
		return nil, err
	}
	return b.fs, nil
}

// section is content that can be read at any place.
type section struct {
	r    io.ReaderAt
	size int64
}

func (s section) ReadAt(p []byte, off int64) (int, error) {
	return io.NewSectionReader(s.r, 0, s.size).ReadAt(p, off)
}

// limitError says that an archive exceeds a limit.
func limitError(structure, format string, args ...any) error {
	return unreadable.At(structure, 0, "%s", fmt.Sprintf(format, args...))
}
