package macho

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/kinring/kinring/codesign/unreadable"
)

// Magic numbers of <mach-o/loader.h> as a big-endian reader sees them.
const (
	magic32        = 0xfeedface
	magic64        = 0xfeedfacf
	magic32Swapped = 0xcefaedfe
	magic64Swapped = 0xcffaedfe
)

// Load commands of <mach-o/loader.h> that say something about the signature.
const (
	lcSegment       = 0x1
	lcSegment64     = 0x19
	lcUUID          = 0x1b
	lcCodeSignature = 0x1d
	lcVersionMacOS  = 0x24
	lcVersionIOS    = 0x25
	lcBuildVersion  = 0x32
)

// Sizes of structures of <mach-o/loader.h>.
const (
	headerSize32  = 28
	headerSize64  = 32
	segmentSize32 = 56
	segmentSize64 = 72
	sectionSize32 = 68
	sectionSize64 = 80
)

// maxCommands bounds the bytes of load commands. The largest programs known
// have some tens of kilobytes.
const maxCommands = 4 << 20

// order returns the byte order and width that a thin file's magic number means.
func order(start []byte) (binary.ByteOrder, int, bool) {
	switch binary.BigEndian.Uint32(start) {
	case magic32:
		return binary.BigEndian, 32, true
	case magic64:
		return binary.BigEndian, 64, true
	case magic32Swapped:
		return binary.LittleEndian, 32, true
	case magic64Swapped:
		return binary.LittleEndian, 64, true
	}
	return nil, 0, false
}

// reader fills in one slice. Offsets that it reports count from the start of
// the file.
type reader struct {
	s     *Slice
	order binary.ByteOrder
}

// readSlice reads the header and load commands of the thin file at where.
func readSlice(r io.ReaderAt, where Range) (*Slice, error) {
	part := io.NewSectionReader(r, where.Offset, where.Size)
	s := &Slice{Range: where}
	rd := reader{s: s}
	commands, err := rd.header(part)
	if err != nil {
		return nil, unreadable.Within(err, "", where.Offset)
	}
	return s, unreadable.Within(rd.commands(commands), "", where.Offset)
}

// header reads the Mach-O header and returns the bytes of the load commands.
func (rd *reader) header(r *io.SectionReader) ([]byte, error) {
	var head [headerSize64]byte
	if err := readFull(r, r.Size(), head[:headerSize32], 0, "mach-o header"); err != nil {
		return nil, err
	}
	s := rd.s
	var ok bool
	if rd.order, s.Bits, ok = order(head[:]); !ok {
		return nil, unreadable.At("mach-o header", 0, "magic number %#x is none of mach-o's", binary.BigEndian.Uint32(head[:]))
	}
	s.BigEndian = rd.order == binary.BigEndian
	s.CPU, s.SubCPU = rd.order.Uint32(head[4:]), rd.order.Uint32(head[8:])
	s.Arch = archName(s.CPU, s.SubCPU)
	s.Type, s.CommandCount = FileType(rd.order.Uint32(head[12:])), rd.order.Uint32(head[16:])
	s.Flags = rd.order.Uint32(head[24:])
	size := rd.order.Uint32(head[20:])
	if size > maxCommands {
		return nil, unreadable.At("mach-o header", 0, "%d bytes of load commands; at most %d are read", size, maxCommands)
	}
	if int64(size) > r.Size() {
		return nil, unreadable.At("mach-o header", 0, "%d bytes of load commands in a file of %d", size, r.Size())
	}
	commands := make([]byte, size)
	return commands, readFull(r, r.Size(), commands, rd.commandsAt(), "load commands")
}

func (rd *reader) commandsAt() int64 {
	if rd.s.Bits == 64 {
		return headerSize64
	}
	return headerSize32
}

// commands walks the load commands.
func (rd *reader) commands(b []byte) error {
	at := rd.commandsAt()
	for i := range rd.s.CommandCount {
		if len(b) < 8 {
			return unreadable.At("load commands", at, "command %d of %d lies past their end", i, rd.s.CommandCount)
		}
		size := rd.order.Uint32(b[4:])
		if size < 8 || size%4 != 0 || int64(size) > int64(len(b)) {
			return unreadable.At("load commands", at, "command %d says that it is %d bytes long; %d are left", i, size, len(b))
		}
		if err := rd.command(b[:size], at); err != nil {
			return err
		}
		b, at = b[size:], at+int64(size)
	}
	return nil
}

// command notes what one load command says.
func (rd *reader) command(b []byte, at int64) error {
	switch rd.order.Uint32(b) {
	case lcSegment:
		return rd.segment(b, at, segmentSize32)
	case lcSegment64:
		return rd.segment(b, at, segmentSize64)
	case lcCodeSignature:
		return rd.signature(b, at)
	case lcUUID:
		return rd.uuid(b, at)
	case lcBuildVersion:
		return rd.buildVersion(b, at)
	case lcVersionMacOS:
		return rd.minVersion(b, at, PlatformMacOS)
	case lcVersionIOS:
		return rd.minVersion(b, at, PlatformIOS)
	}
	return nil
}

// signature notes LC_CODE_SIGNATURE: {cmd, cmdsize = 16, dataoff, datasize}.
func (rd *reader) signature(b []byte, at int64) error {
	if len(b) != 16 {
		return unreadable.At("LC_CODE_SIGNATURE", at, "it is %d bytes long, not 16", len(b))
	}
	if rd.s.Signature != nil {
		return unreadable.At("LC_CODE_SIGNATURE", at, "there are two")
	}
	where, err := rd.inSlice(uint64(rd.order.Uint32(b[8:])), uint64(rd.order.Uint32(b[12:])), "LC_CODE_SIGNATURE", at)
	if err != nil {
		return err
	}
	rd.s.Signature = &where
	return nil
}

func (rd *reader) uuid(b []byte, at int64) error {
	if len(b) != 24 {
		return unreadable.At("LC_UUID", at, "it is %d bytes long, not 24", len(b))
	}
	copy(rd.s.UUID[:], b[8:])
	return nil
}

// buildVersion notes LC_BUILD_VERSION: {cmd, cmdsize, platform, minos, sdk, ntools}.
func (rd *reader) buildVersion(b []byte, at int64) error {
	if len(b) < 24 {
		return unreadable.At("LC_BUILD_VERSION", at, "it is %d bytes long, not 24 or more", len(b))
	}
	if rd.s.Platform == PlatformUnknown { // a zippered binary names macOS first
		rd.s.Platform = Platform(rd.order.Uint32(b[8:]))
		rd.s.MinOS, rd.s.SDK = Version(rd.order.Uint32(b[12:])), Version(rd.order.Uint32(b[16:]))
	}
	return nil
}

// minVersion notes LC_VERSION_MIN_*: {cmd, cmdsize = 16, version, sdk}.
func (rd *reader) minVersion(b []byte, at int64, p Platform) error {
	if len(b) != 16 {
		return unreadable.At("LC_VERSION_MIN", at, "it is %d bytes long, not 16", len(b))
	}
	rd.s.Platform, rd.s.MinOS, rd.s.SDK = p, Version(rd.order.Uint32(b[8:])), Version(rd.order.Uint32(b[12:]))
	return nil
}

// segment notes the segments __TEXT and __LINKEDIT.
func (rd *reader) segment(b []byte, at int64, head int) error {
	if len(b) < head {
		return unreadable.At("segment command", at, "it is %d bytes long, not %d or more", len(b), head)
	}
	name := cString(b[8:24])
	if name != "__TEXT" && name != "__LINKEDIT" {
		return nil
	}
	offset, size := rd.word(b, 32, 40), rd.word(b, 36, 48)
	where, err := rd.inSlice(offset, size, "segment "+name, at)
	if err != nil {
		return err
	}
	if name == "__LINKEDIT" {
		rd.s.LinkEdit = where
		return nil
	}
	rd.s.Text = where
	return rd.sections(b, at, head)
}

// word reads a field that is 32 bits wide at one offset of the narrow structure
// and 64 bits wide at another one of the wide structure.
func (rd *reader) word(b []byte, narrow, wide int) uint64 {
	if rd.order.Uint32(b) == lcSegment {
		return uint64(rd.order.Uint32(b[narrow:]))
	}
	return rd.order.Uint64(b[wide:])
}

// sections looks for __info_plist among the sections of __TEXT.
func (rd *reader) sections(b []byte, at int64, head int) error {
	count, entry := rd.order.Uint32(b[head-8:]), sectionSize64
	if head == segmentSize32 {
		entry = sectionSize32
	}
	if int64(count)*int64(entry) > int64(len(b)-head) {
		return unreadable.At("segment __TEXT", at, "%d sections do not fit into its %d bytes", count, len(b))
	}
	for i := range int(count) {
		section := b[head+i*entry:]
		if cString(section[:16]) != "__info_plist" {
			continue
		}
		offset, size := uint64(rd.order.Uint32(section[40:])), uint64(rd.order.Uint32(section[36:]))
		if entry == sectionSize64 {
			offset, size = uint64(rd.order.Uint32(section[48:])), rd.order.Uint64(section[40:])
		}
		where, err := rd.inSlice(offset, size, "section __info_plist", at)
		if err != nil {
			return err
		}
		rd.s.InfoPlist = where
	}
	return nil
}

// inSlice turns an offset from the start of the slice into a Range of the file.
func (rd *reader) inSlice(offset, size uint64, structure string, at int64) (Range, error) {
	limit := uint64(rd.s.Size)
	if size > limit || offset > limit-size {
		return Range{}, unreadable.At(structure, at, "bytes %d to %d lie outside the %d bytes of its file", offset, offset+size, limit)
	}
	return Range{Offset: rd.s.Offset + int64(offset), Size: int64(size)}, nil
}

func cString(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// CPU types of <mach/machine.h>; the top byte of the subtype holds capability
// bits, of which arm64e uses some for its ABI version.
var cpuNames = map[uint32]string{
	7: "i386", 7 | 1<<24: "x86_64", 12: "arm", 12 | 1<<24: "arm64", 12 | 2<<24: "arm64_32", 18: "ppc", 18 | 1<<24: "ppc64",
}

// archName returns an architecture's name in lipo's words.
func archName(cpu, subCPU uint32) string {
	name, ok := cpuNames[cpu]
	if !ok {
		return fmt.Sprintf("cpu-%d", cpu)
	}
	switch kind := subCPU &^ (0xff << 24); {
	case name == "arm64" && kind == 2:
		return "arm64e"
	case name == "x86_64" && kind == 8:
		return "x86_64h"
	}
	return name
}
