package macho

import (
	"encoding/binary"
	"io"
	"slices"

	"github.com/kinring/kinring/codesign/unreadable"
)

// Magic numbers of <mach-o/fat.h>; a fat header is always big-endian.
const (
	fatMagic32 = 0xcafebabe
	fatMagic64 = 0xcafebabf
)

// maxSlices bounds the architectures of a fat file. The tools of Apple and LLVM
// tell a fat file from a Java class, which starts with the same four bytes, by
// a count below 43, where the class has its version.
const maxSlices = 42

// maxAlign is the largest alignment of a slice, as a power of two, that lipo
// accepts (MAXSECTALIGN in Apple's cctools).
const maxAlign = 15

// Is reports whether the first bytes of a file, eight or more, are those of a
// Mach-O file and not of a Java class.
func Is(start []byte) bool {
	if len(start) < 8 {
		return false
	}
	if _, _, ok := order(start); ok {
		return true
	}
	switch binary.BigEndian.Uint32(start) {
	case fatMagic64:
		return true
	case fatMagic32:
		return !isJavaClass(start)
	}
	return false
}

// isJavaClass looks at the class file's major version: 45 for Java 1.0.2, one
// more for each release since; the minor version is 0, or 0xffff for previews.
func isJavaClass(start []byte) bool {
	minor, major := binary.BigEndian.Uint16(start[4:]), binary.BigEndian.Uint16(start[6:])
	return (minor <= 3 || minor == 0xffff) && major >= 45 && major < 200
}

// Read reads the headers of a thin or fat Mach-O file of the given size.
func Read(r io.ReaderAt, size int64) (*File, error) {
	var start [8]byte
	if err := readFull(r, size, start[:], 0, "mach-o header"); err != nil {
		return nil, err
	}
	f := &File{Size: size}
	switch binary.BigEndian.Uint32(start[:]) {
	case fatMagic32:
		f.Fat = true
	case fatMagic64:
		f.Fat, f.Wide = true, true
	default:
		slice, err := readSlice(r, Range{Offset: 0, Size: size})
		if err != nil {
			return nil, err
		}
		f.Slices = []Slice{*slice}
		return f, nil
	}
	return f, f.readFat(r, binary.BigEndian.Uint32(start[4:]))
}

// arch is one entry of a fat header.
type arch struct {
	cpu, subCPU uint32
	Range
	align uint32
}

// readFat fills in the slices that a fat header of count entries names.
func (f *File) readFat(r io.ReaderAt, count uint32) error {
	if count == 0 || count > maxSlices {
		return unreadable.At("fat header", 0, "it counts %d architectures; 1 to %d are possible", count, maxSlices)
	}
	archs, err := f.readArchs(r, int(count))
	if err != nil {
		return err
	}
	for _, a := range archs {
		slice, err := readSlice(r, a.Range)
		if err != nil {
			return err
		}
		if slice.CPU != a.cpu || slice.SubCPU != a.subCPU {
			return unreadable.At("fat header", 0, "it says that the slice at %d is %s, but the slice says %s",
				a.Offset, archName(a.cpu, a.subCPU), slice.Arch)
		}
		f.Slices = append(f.Slices, *slice)
	}
	return nil
}

// readArchs reads the entries of the fat header and checks that each one lies
// in the file and that no two share bytes or an architecture.
func (f *File) readArchs(r io.ReaderAt, count int) ([]arch, error) {
	entry := 20
	if f.Wide {
		entry = 32
	}
	raw := make([]byte, entry*count)
	if err := readFull(r, f.Size, raw, 8, "fat header"); err != nil {
		return nil, err
	}
	archs := make([]arch, count)
	for i := range archs {
		archs[i] = parseArch(raw[i*entry:], f.Wide)
		if err := archs[i].check(f.Size, int64(8+len(raw))); err != nil {
			return nil, err
		}
	}
	return archs, checkDistinct(archs)
}

func parseArch(b []byte, wide bool) arch {
	be := binary.BigEndian
	a := arch{cpu: be.Uint32(b), subCPU: be.Uint32(b[4:])}
	if wide {
		a.Range = Range{Offset: int64(be.Uint64(b[8:])), Size: int64(be.Uint64(b[16:]))}
		a.align = be.Uint32(b[24:])
		return a
	}
	a.Range = Range{Offset: int64(be.Uint32(b[8:])), Size: int64(be.Uint32(b[12:]))}
	a.align = be.Uint32(b[16:])
	return a
}

// check refuses an entry outside the file or inside the fat header itself.
func (a arch) check(fileSize, headerEnd int64) error {
	if a.Offset < headerEnd || a.Size <= 0 || a.Size > fileSize || a.Offset > fileSize-a.Size {
		return unreadable.At("fat header", 0, "the slice %s at %d, %d bytes long, does not fit into the file of %d bytes",
			archName(a.cpu, a.subCPU), a.Offset, a.Size, fileSize)
	}
	if a.align > maxAlign || a.Offset%(1<<a.align) != 0 {
		return unreadable.At("fat header", 0, "the slice %s at %d is not aligned to 2^%d", archName(a.cpu, a.subCPU), a.Offset, a.align)
	}
	return nil
}

func checkDistinct(archs []arch) error {
	sorted := slices.SortedFunc(slices.Values(archs), func(a, b arch) int { return int(min(max(a.Offset-b.Offset, -1), 1)) })
	seen := map[[2]uint32]bool{}
	for i, a := range sorted {
		if i > 0 && sorted[i-1].End() > a.Offset {
			return unreadable.At("fat header", 0, "the slices at %d and %d overlap", sorted[i-1].Offset, a.Offset)
		}
		if seen[[2]uint32{a.cpu, a.subCPU}] {
			return unreadable.At("fat header", 0, "the architecture %s occurs twice", archName(a.cpu, a.subCPU))
		}
		seen[[2]uint32{a.cpu, a.subCPU}] = true
	}
	return nil
}

// readFull reads len(p) bytes at offset of a file of the given size.
func readFull(r io.ReaderAt, size int64, p []byte, offset int64, structure string) error {
	if offset < 0 || offset > size || int64(len(p)) > size-offset {
		return unreadable.At(structure, offset, "it needs %d bytes, but the file ends at %d", len(p), size)
	}
	if n, err := r.ReadAt(p, offset); n < len(p) {
		return unreadable.Because(err, structure, offset, "reading failed")
	}
	return nil
}
