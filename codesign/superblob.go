package codesign

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/kinring/kinring/codesign/macho"
	"github.com/kinring/kinring/codesign/unreadable"
)

// Magic numbers of cs_blobs.h.
const (
	magicRequirements = 0xfade0c01
	magicDirectory    = 0xfade0c02
	magicEmbedded     = 0xfade0cc0
	magicDetached     = 0xfade0cc1
	magicWrapper      = 0xfade0b01
	magicXML          = 0xfade7171
	magicDER          = 0xfade7172
	magicConstraint   = 0xfade8181
)

// maxSignature bounds the bytes of one signature. Page hashes make up most of
// it: 32 bytes for each 4 KiB of code, so this is enough for 8 GiB of code.
const maxSignature = 64 << 20

// maxBlobs bounds the index of a signature; cs_blobs.h knows 20 slots.
const maxBlobs = 64

var be = binary.BigEndian

// magicOf returns the magic number that the blob of a slot must have; zero
// where any will do.
func magicOf(s Slot) uint32 {
	switch {
	case s == SlotDirectory || s.alternate():
		return magicDirectory
	case s == SlotRequirements:
		return magicRequirements
	case s == SlotEntitlements:
		return magicXML
	case s == SlotEntitlementsDER:
		return magicDER
	case s >= SlotSelfConstraint && s <= SlotLibraryConstraint:
		return magicConstraint
	case s == SlotCMS:
		return magicWrapper
	}
	return 0
}

// alternate reports whether the slot holds an alternate code directory.
func (s Slot) alternate() bool { return s >= SlotAlternate && s < SlotAlternate+5 }

// superBlob is the index of a signature over its bytes.
type superBlob struct {
	raw    []byte // what LC_CODE_SIGNATURE names
	base   int64  // where that lies in the file
	length int64  // of the indexed part
	index  []Blob // by offset
}

// readIndex reads and checks the index at the start of a signature.
func readIndex(raw []byte, base int64) (*superBlob, error) {
	b := &superBlob{raw: raw, base: base}
	if len(raw) < 12 {
		return nil, b.fail(0, "%d bytes are less than its header of 12", len(raw))
	}
	if magic := be.Uint32(raw); magic != magicEmbedded {
		return nil, b.fail(0, "magic number %#x is not that of an embedded signature, %#x", magic, uint32(magicEmbedded))
	}
	b.length = int64(be.Uint32(raw[4:]))
	count := int64(be.Uint32(raw[8:]))
	if b.length > int64(len(raw)) {
		return nil, b.fail(0, "it says that it is %d bytes long; LC_CODE_SIGNATURE gives it %d", b.length, len(raw))
	}
	if count > maxBlobs || 12+8*count > b.length {
		return nil, b.fail(0, "an index of %d blobs does not fit into its %d bytes", count, b.length)
	}
	for i := range count {
		if err := b.entry(12+8*i, 12+8*count); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(b.index, func(x, y Blob) int { return int(x.Offset - y.Offset) })
	return b, b.checkOverlap()
}

func (b *superBlob) fail(at int64, format string, args ...any) error {
	return unreadable.At("signature", b.base+at, format, args...)
}

// entry reads the index entry at an offset of the signature.
func (b *superBlob) entry(at, headEnd int64) error {
	slot, offset := Slot(be.Uint32(b.raw[at:])), int64(be.Uint32(b.raw[at+4:]))
	if offset < headEnd || offset > b.length-8 {
		return b.fail(at, "the blob of slot %#x lies at %d, outside the signature", uint32(slot), offset)
	}
	magic, size := be.Uint32(b.raw[offset:]), int64(be.Uint32(b.raw[offset+4:]))
	if size < 8 || size > b.length-offset {
		return b.fail(offset, "the blob of slot %#x says that it is %d bytes long; %d are left", uint32(slot), size, b.length-offset)
	}
	if want := magicOf(slot); want != 0 && magic != want {
		return b.fail(offset, "the blob of slot %#x has the magic number %#x, not %#x", uint32(slot), magic, want)
	}
	if _, twice := b.blob(slot); twice {
		return b.fail(at, "slot %#x occurs twice", uint32(slot))
	}
	b.index = append(b.index, Blob{Slot: slot, Magic: magic, Range: macho.Range{Offset: b.base + offset, Size: size}})
	return nil
}

func (b *superBlob) checkOverlap() error {
	for i := 1; i < len(b.index); i++ {
		if before, this := b.index[i-1], b.index[i]; before.End() > this.Offset {
			return b.fail(this.Offset-b.base, "the blobs of slots %#x and %#x overlap", uint32(before.Slot), uint32(this.Slot))
		}
	}
	return nil
}

// blob returns the bytes of a slot's blob with its header.
func (b *superBlob) blob(s Slot) ([]byte, bool) {
	for _, e := range b.index {
		if e.Slot == s {
			return b.bytes(e), true
		}
	}
	return nil, false
}

func (b *superBlob) bytes(e Blob) []byte {
	return b.raw[e.Offset-b.base : e.End()-b.base : e.End()-b.base]
}

// unaccounted lists bytes that belong to no blob: gaps inside the indexed part,
// and what is not zero after it. Linkers pad their ad hoc signatures with zeros;
// of those a gap of zeros is left out.
func (b *superBlob) unaccounted(adHoc bool) []macho.Range {
	var out []macho.Range
	at := b.base + 12 + 8*int64(len(b.index))
	for _, e := range append(b.index[:len(b.index):len(b.index)], Blob{Range: macho.Range{Offset: b.base + b.length}}) {
		if e.Offset > at && !(adHoc && zero(b.raw[at-b.base:e.Offset-b.base])) {
			out = append(out, macho.Range{Offset: at, Size: e.Offset - at})
		}
		at = e.End()
	}
	if used := bytes.TrimRight(b.raw[b.length:], "\x00"); len(used) > 0 {
		out = append(out, macho.Range{Offset: b.base + b.length, Size: int64(len(used))})
	}
	return out
}

func zero(b []byte) bool { return len(bytes.TrimRight(b, "\x00")) == 0 }
