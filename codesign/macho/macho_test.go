package macho

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/kinring/kinring/codesign/unreadable"
	"github.com/kinring/kinring/internal/allocbound"
	"github.com/kinring/kinring/internal/signfixture"
)

// thin builds a Mach-O file of a width and byte order from load commands.
type thin struct {
	order    binary.AppendByteOrder
	bits     int
	cpu, sub uint32
	kind     FileType
	commands [][]byte
	count    int // added to the count of commands
	size     int // added to their size
	tail     int // bytes after the commands
}

func (m thin) bytes() []byte {
	var commands []byte
	for _, c := range m.commands {
		commands = append(commands, c...)
	}
	magic := uint32(magic32)
	if m.bits == 64 {
		magic = magic64
	}
	b := []byte{}
	for _, n := range []uint32{magic, m.cpu, m.sub, uint32(m.kind), uint32(len(m.commands) + m.count), uint32(len(commands) + m.size), 0x85} {
		b = m.order.AppendUint32(b, n)
	}
	if m.bits == 64 {
		b = m.order.AppendUint32(b, 0)
	}
	return append(append(b, commands...), make([]byte, m.tail)...)
}

// words makes a load command of 32-bit numbers behind its own and its length.
func (m thin) words(command uint32, words ...uint32) []byte {
	b := m.order.AppendUint32(nil, command)
	b = m.order.AppendUint32(b, uint32(8+4*len(words)))
	for _, w := range words {
		b = m.order.AppendUint32(b, w)
	}
	return b
}

// segment makes a segment command with one section.
func (m thin) segment(name string, offset, size uint32, section string, at, length uint32) []byte {
	pad := func(s string) []byte { return append([]byte(s), make([]byte, 16-len(s))...) }
	var body []byte
	if m.bits == 64 {
		body = append(pad(name), make([]byte, 16)...)
		for _, n := range []uint32{offset, size} {
			body = m.word64(body, n)
		}
		for _, n := range []uint32{7, 5, 1, 0} {
			body = m.order.AppendUint32(body, n)
		}
		body = append(append(body, pad(section)...), pad(name)...)
		body = m.word64(m.word64(body, 0), length)
		body = m.order.AppendUint32(body, at)
		body = append(body, make([]byte, 28)...)
		return append(m.order.AppendUint32(m.order.AppendUint32(nil, lcSegment64), uint32(8+len(body))), body...)
	}
	body = append(pad(name), make([]byte, 8)...)
	for _, n := range []uint32{offset, size, 7, 5, 1, 0} {
		body = m.order.AppendUint32(body, n)
	}
	body = append(append(body, pad(section)...), pad(name)...)
	for _, n := range []uint32{0, length, at} {
		body = m.order.AppendUint32(body, n)
	}
	body = append(body, make([]byte, 24)...)
	return append(m.order.AppendUint32(m.order.AppendUint32(nil, lcSegment), uint32(8+len(body))), body...)
}

func (m thin) word64(b []byte, n uint32) []byte {
	if m.order.String() == "BigEndian" {
		return m.order.AppendUint32(m.order.AppendUint32(b, 0), n)
	}
	return m.order.AppendUint32(m.order.AppendUint32(b, n), 0)
}

const (
	cpuX86   = 7
	cpuX8664 = 7 | 1<<24
	cpuARM64 = 12 | 1<<24
	cpuPPC   = 18
)

func TestReadEveryWidthAndOrder(t *testing.T) {
	for _, c := range []struct {
		arch  string
		order binary.AppendByteOrder
		bits  int
		cpu   uint32
		sub   uint32
	}{
		{"x86_64", binary.LittleEndian, 64, cpuX8664, 3},
		{"x86_64h", binary.LittleEndian, 64, cpuX8664, 8},
		{"arm64", binary.LittleEndian, 64, cpuARM64, 0},
		{"arm64e", binary.LittleEndian, 64, cpuARM64, 0x80000002},
		{"i386", binary.LittleEndian, 32, cpuX86, 3},
		{"ppc", binary.BigEndian, 32, cpuPPC, 0},
		{"ppc64", binary.BigEndian, 64, cpuPPC | 1<<24, 0},
		{"cpu-99", binary.LittleEndian, 64, 99, 0},
	} {
		t.Run(c.arch, func(t *testing.T) {
			m := thin{order: c.order, bits: c.bits, cpu: c.cpu, sub: c.sub, kind: Dylib, tail: 4096}
			m.commands = [][]byte{
				m.segment("__TEXT", 0, 2048, "__info_plist", 1000, 50),
				m.segment("__LINKEDIT", 2048, 1024, "__none", 0, 0),
				m.words(lcUUID, 0x01010101, 0x02020202, 0x03030303, 0x04040404),
				m.words(lcBuildVersion, 1, 0x000b0000, 0x000e0102, 0),
				m.words(lcCodeSignature, 2560, 512),
			}
			raw := m.bytes()
			f, err := Read(bytes.NewReader(raw), int64(len(raw)))
			if err != nil {
				t.Fatal(err)
			}
			s := f.Slices[0]
			if f.Fat || len(f.Slices) != 1 || s.Arch != c.arch || s.Bits != c.bits || s.BigEndian != (c.order.String() == "BigEndian") {
				t.Errorf("%+v", s)
			}
			if s.Type != Dylib || s.Flags != 0x85 || s.UUID[0] != 1 || s.UUID[15] != 4 || s.CommandCount != 5 {
				t.Errorf("%+v", s)
			}
			if s.Platform != PlatformMacOS || s.MinOS.String() != "11.0" || s.SDK.String() != "14.1.2" {
				t.Errorf("platform %s, %s, %s", s.Platform, s.MinOS, s.SDK)
			}
			if s.Text != (Range{0, 2048}) || s.LinkEdit != (Range{2048, 1024}) || s.InfoPlist != (Range{1000, 50}) || *s.Signature != (Range{2560, 512}) {
				t.Errorf("%v %v %v %v", s.Text, s.LinkEdit, s.InfoPlist, s.Signature)
			}
		})
	}
}

func TestOldVersionCommands(t *testing.T) {
	m := thin{order: binary.LittleEndian, bits: 64, cpu: cpuX8664, kind: Execute}
	for command, want := range map[uint32]Platform{lcVersionMacOS: PlatformMacOS, lcVersionIOS: PlatformIOS} {
		m.commands = [][]byte{m.words(command, 0x000a0c00, 0x000a0e00)}
		raw := m.bytes()
		f, err := Read(bytes.NewReader(raw), int64(len(raw)))
		if err != nil || f.Slices[0].Platform != want || f.Slices[0].MinOS.String() != "10.12" {
			t.Errorf("%v, %+v", err, f)
		}
	}
}

// program is a thin file with a signature command, for fat files.
func program(cpu, sub uint32) []byte {
	m := thin{order: binary.LittleEndian, bits: 64, cpu: cpu, sub: sub, kind: Execute, tail: 512}
	m.commands = [][]byte{m.words(lcCodeSignature, 64, 16)}
	return m.bytes()
}

func TestFat(t *testing.T) {
	for _, wide := range []bool{false, true} {
		raw := signfixture.Fat(wide, program(cpuX8664, 3), program(cpuARM64, 0))
		f, err := Read(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		if !f.Fat || f.Wide != wide || len(f.Slices) != 2 || f.Slices[0].Arch != "x86_64" || f.Slices[1].Arch != "arm64" {
			t.Errorf("%+v", f)
		}
		for _, s := range f.Slices {
			if s.Offset%(1<<14) != 0 || s.Signature.Offset != s.Offset+64 {
				t.Errorf("slice at %d has its signature at %d", s.Offset, s.Signature.Offset)
			}
		}
	}
}

func TestIs(t *testing.T) {
	for _, c := range []struct {
		name  string
		start []byte
		want  bool
	}{
		{"thin", program(cpuARM64, 0), true},
		{"fat", signfixture.Fat(false, program(cpuARM64, 0)), true},
		{"wide fat", signfixture.Fat(true, program(cpuARM64, 0)), true},
		{"fat with a huge count", []byte("\xca\xfe\xba\xbe\x7f\xff\xff\xff"), true},
		{"java 1.1", []byte("\xca\xfe\xba\xbe\x00\x03\x00\x2d"), false},
		{"java 26", []byte("\xca\xfe\xba\xbe\x00\x00\x00\x46"), false},
		{"java preview", []byte("\xca\xfe\xba\xbe\xff\xff\x00\x46"), false},
		{"elf", []byte("\x7fELF\x02\x01\x01\x00"), false},
		{"short", []byte("\xcf\xfa\xed\xfe"), false},
	} {
		if got := Is(c.start); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	m := thin{order: binary.LittleEndian, bits: 64, cpu: cpuARM64, kind: Execute, tail: 4096}
	with := func(commands ...[]byte) []byte {
		m := m
		m.commands = commands
		return m.bytes()
	}
	edit := func(raw []byte, at int, b ...byte) []byte {
		out := bytes.Clone(raw)
		copy(out[at:], b)
		return out
	}
	fat := signfixture.Fat(false, program(cpuX8664, 3), program(cpuARM64, 0))
	wide := signfixture.Fat(true, program(cpuX8664, 3), program(cpuARM64, 0))
	sections := m.segment("__TEXT", 0, 64, "__info_plist", 0, 8)
	manySections := m
	manySections.commands = [][]byte{edit(sections, 64, 0xff, 0xff, 0xff, 0x7f)}
	tooMany, tooLong, tooLarge, cut := m, m, m, m
	tooMany.count, tooLong.size, tooLarge.size, cut.size, cut.tail = 1, 8192, maxCommands+1, 4096, 100
	for _, c := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"nothing", nil, "ends at 0"},
		{"seven bytes", m.bytes()[:7], "ends at 7"},
		{"text", []byte("#!/bin/sh\necho hello, this is no program\n"), "magic number"},
		{"header cut off", m.bytes()[:30], "load commands"},
		{"commands past the file", cut.bytes(), "load commands in a file of"},
		{"commands too large", tooLarge.bytes(), "at most"},
		{"more commands than bytes", tooMany.bytes(), "lies past their end"},
		{"command of no bytes", with(edit(m.words(lcUUID, 1, 2, 3, 4), 4, 0)), "says that it is 0 bytes long"},
		{"command of odd size", with(edit(m.words(lcUUID, 1, 2, 3, 4), 4, 21)), "says that it is 21 bytes long"},
		{"command too long", with(edit(m.words(lcUUID, 1, 2, 3, 4), 4, 0xf0)), "says that it is 240 bytes long"},
		{"short signature command", with(m.words(lcCodeSignature, 64)), "not 16"},
		{"two signatures", with(m.words(lcCodeSignature, 64, 8), m.words(lcCodeSignature, 64, 8)), "there are two"},
		{"signature outside", with(m.words(lcCodeSignature, 0xfffffff0, 0x20)), "outside"},
		{"signature too long", with(m.words(lcCodeSignature, 64, 0xffffffff)), "outside"},
		{"short uuid", with(m.words(lcUUID, 1)), "not 24"},
		{"short build version", with(m.words(lcBuildVersion, 1)), "not 24"},
		{"short old version", with(m.words(lcVersionMacOS, 1)), "not 16"},
		{"short segment", with(m.words(lcSegment64, 1)), "not 72"},
		{"segment outside", with(m.segment("__TEXT", 0, 1<<30, "__x", 0, 0)), "outside"},
		{"section outside", with(m.segment("__TEXT", 0, 64, "__info_plist", 1<<30, 8)), "outside"},
		{"too many sections", manySections.bytes(), "sections do not fit"},
		{"fat with no slice", edit(fat, 4, 0, 0, 0, 0), "counts 0"},
		{"fat with a huge count", edit(fat, 4, 0x7f, 0xff, 0xff, 0xff), "counts 2147483647"},
		{"fat cut off", fat[:20], "needs 40 bytes"},
		{"slice outside", edit(fat, 16, 0x7f), "does not fit"},
		{"slice in the header", edit(fat, 16, 0, 0, 0, 0), "does not fit"},
		{"slice of no bytes", edit(fat, 20, 0, 0, 0, 0), "does not fit"},
		{"slice of negative size", edit(wide, 24, 0xff), "does not fit"},
		{"slice at a negative offset", edit(wide, 16, 0xff), "does not fit"},
		{"slices overlap", edit(fat, 8+20+8, fat[16:20]...), "overlap"},
		{"not aligned", edit(fat, 24, 0, 0, 0, 15), "aligned"},
		{"alignment absurd", edit(fat, 24, 0, 0, 0, 99), "aligned"},
		{"other cpu than said", edit(fat, 8, 1, 0, 0, 18), "but the slice says"},
		{"same cpu twice", signfixture.Fat(false, program(cpuARM64, 0), program(cpuARM64, 0)), "occurs twice"},
		{"fat in fat", signfixture.Fat(false, append(bytes.Clone(fat), 0)), "magic number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read(bytes.NewReader(c.raw), int64(len(c.raw)))
			var e *unreadable.Error
			if !errors.As(err, &e) || !strings.Contains(e.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// failing is a disk that breaks.
type failing struct{ io.ReaderAt }

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off >= 8 {
		return 0, io.ErrClosedPipe
	}
	return f.ReaderAt.ReadAt(p, off)
}

func TestReadPassesOnErrors(t *testing.T) {
	raw := signfixture.Fat(false, program(cpuARM64, 0))
	if _, err := Read(failing{bytes.NewReader(raw)}, int64(len(raw))); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
}

func TestNames(t *testing.T) {
	if Execute.String() != "execute" || FileType(99).String() != "filetype-99" || PlatformMacOS.String() != "macos" || Platform(99).String() != "platform-99" {
		t.Error("a name is wrong")
	}
	if !Dylib.IsLibrary() || !LoadBundle.IsLibrary() || Execute.IsLibrary() || DSYM.IsLibrary() {
		t.Error("IsLibrary")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(program(cpuARM64, 0))
	f.Add(signfixture.Fat(true, program(cpuX8664, 3), program(cpuARM64, 0)))
	m := thin{order: binary.BigEndian, bits: 32, cpu: cpuPPC, kind: LoadBundle, tail: 100}
	m.commands = [][]byte{m.segment("__TEXT", 0, 64, "__info_plist", 8, 8), m.words(lcBuildVersion, 1, 2, 3, 0)}
	f.Add(m.bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		allocbound.Check(t, len(raw), 64, func() {
			file, err := Read(bytes.NewReader(raw), int64(len(raw)))
			if err == nil {
				checkInside(t, file)
			}
		})
	})
}

// checkInside checks that every range that was read lies inside its slice, and
// every slice inside the file.
func checkInside(t *testing.T, f *File) {
	for _, s := range f.Slices {
		ranges := []Range{s.Text, s.LinkEdit, s.InfoPlist}
		if s.Signature != nil {
			ranges = append(ranges, *s.Signature)
		}
		for _, r := range ranges {
			if r != (Range{}) && (r.Offset < s.Offset || r.End() > s.End() || r.Size < 0) {
				t.Errorf("%+v lies outside the slice %+v", r, s.Range)
			}
		}
		if s.Offset < 0 || s.End() > f.Size {
			t.Errorf("slice %+v lies outside the file of %d", s.Range, f.Size)
		}
	}
}
