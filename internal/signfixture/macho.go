package signfixture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Numbers of <mach-o/loader.h> and <mach-o/fat.h>.
const (
	machMagic64     = 0xfeedfacf
	lcSegment64     = 0x19
	lcCodeSignature = 0x1d
	headerSize64    = 32
	fatMagic        = 0xcafebabe
	fatMagic64      = 0xcafebabf
	fatAlign        = 14 // log2: slices start on 16 KiB, as Apple's lipo places arm64
)

// File types of <mach-o/loader.h> for SetFileType.
const (
	TypeExecute uint32 = 2
	TypeDylib   uint32 = 6
	TypeBundle  uint32 = 8
)

// image is a thin 64-bit little-endian Mach-O file being edited.
type image struct {
	data      []byte
	linkedit  int // offset of the __LINKEDIT segment command
	text      int // offset of the __TEXT segment command
	signature int // offset of LC_CODE_SIGNATURE, 0 when there is none
	end       int // end of the load commands
}

var le = binary.LittleEndian

// openImage walks the load commands of data.
func openImage(data []byte) (*image, error) {
	if len(data) < headerSize64 || le.Uint32(data) != machMagic64 {
		return nil, errors.New("not a thin 64-bit little-endian mach-o file")
	}
	m := &image{data: data, end: headerSize64 + int(le.Uint32(data[20:]))}
	if m.end > len(data) {
		return nil, errors.New("load commands reach past the end of the file")
	}
	at := headerSize64
	for range le.Uint32(data[16:]) {
		if at+8 > m.end {
			return nil, fmt.Errorf("load command at %d reaches past the commands", at)
		}
		m.note(at)
		at += int(le.Uint32(data[at+4:]))
	}
	if m.linkedit == 0 || m.text == 0 {
		return nil, errors.New("no __LINKEDIT or no __TEXT segment")
	}
	return m, nil
}

// note remembers the load commands that signing edits.
func (m *image) note(at int) {
	switch le.Uint32(m.data[at:]) {
	case lcCodeSignature:
		m.signature = at
	case lcSegment64:
		switch name := string(bytes.TrimRight(m.data[at+8:at+24], "\x00")); name {
		case "__LINKEDIT":
			m.linkedit = at
		case "__TEXT":
			m.text = at
		}
	}
}

// prepare cuts an old signature off, or makes room for the command, and
// returns where the new signature starts: the code limit.
func (m *image) prepare() (int, error) {
	if m.signature != 0 {
		limit := int(le.Uint32(m.data[m.signature+8:]))
		if limit > len(m.data) {
			return 0, errors.New("old signature starts past the end of the file")
		}
		m.data = m.data[:limit]
		return limit, nil
	}
	if !allZero(m.data[m.end : m.end+16]) {
		return 0, errors.New("no room for LC_CODE_SIGNATURE after the load commands")
	}
	m.signature = m.end
	m.end += 16
	le.PutUint32(m.data[m.signature:], lcCodeSignature)
	le.PutUint32(m.data[m.signature+4:], 16)
	le.PutUint32(m.data[16:], le.Uint32(m.data[16:])+1)
	le.PutUint32(m.data[20:], le.Uint32(m.data[20:])+16)
	m.pad(16)
	return len(m.data), nil
}

// pad grows the file with zeros to a multiple of n.
func (m *image) pad(n int) {
	m.data = append(m.data, make([]byte, (n-len(m.data)%n)%n)...)
}

// reserve writes where the signature will lie. It comes before hashing, as the
// first page holds the load commands.
func (m *image) reserve(size int) {
	limit := len(m.data)
	le.PutUint32(m.data[m.signature+8:], uint32(limit))
	le.PutUint32(m.data[m.signature+12:], uint32(size))
	start := le.Uint64(m.data[m.linkedit+40:])
	length := uint64(limit+size) - start
	le.PutUint64(m.data[m.linkedit+48:], length)
	le.PutUint64(m.data[m.linkedit+32:], roundUp(length, 1<<fatAlign))
}

// textRange returns the file offset and size of __TEXT: the executable segment.
func (m *image) textRange() (base, size uint64) {
	return le.Uint64(m.data[m.text+40:]), le.Uint64(m.data[m.text+48:])
}

// SetFileType returns a copy of a thin Mach-O file with another file type.
// Go builds only executables without cgo; a reader of signatures sees no other
// difference between those, libraries and loadable bundles.
func SetFileType(program []byte, kind uint32) []byte {
	out := bytes.Clone(program)
	le.PutUint32(out[12:], kind)
	return out
}

// Grow returns a copy of a thin unsigned or signed program whose __LINKEDIT is
// followed by zeros up to size bytes, to stand for a large executable.
func Grow(program []byte, size int) ([]byte, error) {
	m, err := openImage(bytes.Clone(program))
	if err != nil {
		return nil, err
	}
	limit, err := m.prepare()
	if err != nil {
		return nil, err
	}
	if size < limit {
		return nil, fmt.Errorf("cannot grow a program of %d bytes to %d", limit, size)
	}
	m.data = append(m.data, make([]byte, size-limit)...)
	m.pad(16)
	m.reserve(0)
	return m.data, nil
}

// Fat joins thin files under a fat header, with 64-bit offsets when wide.
func Fat(wide bool, thin ...[]byte) []byte {
	entry, magic := 20, uint32(fatMagic)
	if wide {
		entry, magic = 32, fatMagic64
	}
	out := binary.BigEndian.AppendUint32(nil, magic)
	out = binary.BigEndian.AppendUint32(out, uint32(len(thin)))
	offset := roundUp(uint64(8+entry*len(thin)), 1<<fatAlign)
	for _, t := range thin {
		out = appendArch(out, wide, t, offset)
		offset = roundUp(offset+uint64(len(t)), 1<<fatAlign)
	}
	for _, t := range thin {
		out = append(out, make([]byte, int(roundUp(uint64(len(out)), 1<<fatAlign))-len(out))...)
		out = append(out, t...)
	}
	return out
}

// appendArch appends one fat_arch or fat_arch_64.
func appendArch(out []byte, wide bool, thin []byte, offset uint64) []byte {
	be := binary.BigEndian
	out = be.AppendUint32(out, le.Uint32(thin[4:]))
	out = be.AppendUint32(out, le.Uint32(thin[8:]))
	if wide {
		out = be.AppendUint64(out, offset)
		out = be.AppendUint64(out, uint64(len(thin)))
		out = be.AppendUint32(out, fatAlign)
		return be.AppendUint32(out, 0)
	}
	out = be.AppendUint32(out, uint32(offset))
	out = be.AppendUint32(out, uint32(len(thin)))
	return be.AppendUint32(out, fatAlign)
}

func roundUp(n, to uint64) uint64 { return (n + to - 1) / to * to }

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
