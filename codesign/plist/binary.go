package plist

import (
	"encoding/binary"
	"math"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/kinring/kinring/codesign/unreadable"
)

// trailerSize is the fixed end of a binary list: 6 unused bytes, the size of an
// offset, the size of a reference, and three 64-bit numbers: the count of
// objects, the root object and where the table of offsets starts.
const trailerSize = 32

// bplistEpoch is the zero of dates: 2001-01-01, as seconds of Unix time.
const bplistEpoch = 978307200

// binaryReader expands the objects of a binary list. Scalars are decoded once;
// an object that contains itself exceeds the depth, and one that is named in
// many places exhausts nodes, which are paid before the items are allocated.
type binaryReader struct {
	data             []byte
	offsetSize       int
	refSize          int
	count, root, top uint64
	nodes            int
	scalars          map[uint64]Value
	doc              *Document
}

func parseBinary(b []byte) (*Document, error) {
	r := &binaryReader{data: b, scalars: map[uint64]Value{}, doc: &Document{Format: Binary}}
	r.nodes = min(len(b), maxNodes)
	if len(b) < 8+trailerSize || string(b[:8]) != "bplist00" {
		return nil, unreadable.At("binary property list", 0, "it is too short or not of version 00")
	}
	if err := r.trailer(); err != nil {
		return nil, err
	}
	var err error
	r.doc.Root, err = r.object(r.root, 0)
	return r.doc, err
}

func (r *binaryReader) fail(offset uint64, format string, args ...any) error {
	return unreadable.At("binary property list", int64(offset), format, args...)
}

func (r *binaryReader) trailer() error {
	at := uint64(len(r.data) - trailerSize)
	t := r.data[at:]
	r.offsetSize, r.refSize = int(t[6]), int(t[7])
	r.count, r.root, r.top = binary.BigEndian.Uint64(t[8:]), binary.BigEndian.Uint64(t[16:]), binary.BigEndian.Uint64(t[24:])
	if r.offsetSize < 1 || r.offsetSize > 8 || r.refSize < 1 || r.refSize > 8 {
		return r.fail(at, "offsets of %d and references of %d bytes; 1 to 8 are possible", r.offsetSize, r.refSize)
	}
	if r.top < 8 || r.top > at || r.count > (at-r.top)/uint64(r.offsetSize) {
		return r.fail(at, "the offsets of %d objects do not fit between %d and the trailer", r.count, r.top)
	}
	return nil
}

// number reads a big-endian number of up to eight bytes.
func number(b []byte) uint64 {
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// object expands object ref of the table.
func (r *binaryReader) object(ref uint64, depth int) (Value, error) {
	if depth > MaxDepth {
		return Value{}, r.fail(0, "it nests deeper than %d levels, or in a loop", MaxDepth)
	}
	if ref >= r.count {
		return Value{}, r.fail(r.top, "object %d is named; there are %d", ref, r.count)
	}
	if v, ok := r.scalars[ref]; ok {
		return v, nil
	}
	entry := r.top + ref*uint64(r.offsetSize)
	at := number(r.data[entry : entry+uint64(r.offsetSize)])
	if at < 8 || at >= r.top {
		return Value{}, r.fail(entry, "object %d lies at %d, outside the objects", ref, at)
	}
	v, err := r.objectAt(at, depth)
	if err == nil && v.Kind != Array && v.Kind != Dictionary {
		r.scalars[ref] = v
	}
	return v, err
}

// objectAt reads the object at an offset. The high half of its first byte is
// the type, the low half a size or a detail.
func (r *binaryReader) objectAt(at uint64, depth int) (Value, error) {
	low := r.data[at] & 0x0f
	switch r.data[at] >> 4 {
	case 0x0:
		return r.singleton(at)
	case 0x1:
		return r.integer(at, low)
	case 0x2:
		return r.real(at, low)
	case 0x3:
		return r.date(at, low)
	case 0x4, 0x5, 0x6:
		return r.bytes(at)
	case 0xa:
		return r.array(at, depth)
	case 0xd:
		return r.dict(at, depth)
	}
	return Value{}, r.fail(at, "object type %#x is unknown", r.data[at])
}

func (r *binaryReader) singleton(at uint64) (Value, error) {
	switch r.data[at] {
	case 0x08, 0x09:
		return Value{Kind: Boolean, Bool: r.data[at] == 0x09}, nil
	}
	return Value{}, r.fail(at, "object type %#x is unknown", r.data[at])
}

// take returns size bytes from at on, if they lie before the offset table.
func (r *binaryReader) take(at, size uint64) ([]byte, error) {
	if at > r.top || size > r.top-at {
		return nil, r.fail(at, "an object of %d bytes reaches past the objects", size)
	}
	return r.data[at : at+size], nil
}

// integer reads 1, 2 or 4 unsigned bytes, 8 signed ones, or 16 of which the
// upper half only carries the sign.
func (r *binaryReader) integer(at uint64, power byte) (Value, error) {
	if power > 4 {
		return Value{}, r.fail(at, "an integer of 2^%d bytes is unknown", power)
	}
	b, err := r.take(at+1, 1<<power)
	if err != nil {
		return Value{}, err
	}
	if len(b) == 16 {
		if high := number(b[:8]); high != 0 || b[8]&0x80 != 0 {
			return Value{}, r.fail(at, "an integer does not fit into 64 bits")
		}
		b = b[8:]
	}
	return Value{Kind: Integer, Integer: int64(number(b))}, nil
}

func (r *binaryReader) real(at uint64, power byte) (Value, error) {
	if power != 2 && power != 3 {
		return Value{}, r.fail(at, "a real of 2^%d bytes is unknown", power)
	}
	b, err := r.take(at+1, 1<<power)
	if err != nil {
		return Value{}, err
	}
	if power == 2 {
		return Value{Kind: Real, Real: float64(math.Float32frombits(uint32(number(b))))}, nil
	}
	return Value{Kind: Real, Real: math.Float64frombits(number(b))}, nil
}

func (r *binaryReader) date(at uint64, power byte) (Value, error) {
	b, err := r.take(at+1, 8)
	if err != nil {
		return Value{}, err
	}
	seconds := math.Float64frombits(number(b))
	const far = 1e11 // about 3,000 years; also false for what is not a number
	if power != 3 || !(seconds > -far && seconds < far) {
		return Value{}, r.fail(at, "a date is out of range")
	}
	return Value{Kind: Date, Time: time.Unix(bplistEpoch+int64(seconds), 0).UTC()}, nil
}

// length reads an object's count: in the low half of the first byte, or, where
// that is 15, in an integer object that follows. It returns where the content
// starts.
func (r *binaryReader) length(at uint64) (count, start uint64, err error) {
	low := r.data[at] & 0x0f
	if low != 0x0f {
		return uint64(low), at + 1, nil
	}
	head, err := r.take(at+1, 1)
	if err != nil {
		return 0, 0, err
	}
	power := head[0] & 0x0f
	if head[0]>>4 != 1 || power > 3 {
		return 0, 0, r.fail(at, "its length is no integer")
	}
	b, err := r.take(at+2, 1<<power)
	if err != nil {
		return 0, 0, err
	}
	return number(b), at + 2 + 1<<power, nil
}

// bytes reads data, ASCII text and UTF-16 text.
func (r *binaryReader) bytes(at uint64) (Value, error) {
	count, start, err := r.length(at)
	if err != nil {
		return Value{}, err
	}
	kind := r.data[at] >> 4
	if kind == 0x6 {
		if count > r.top {
			return Value{}, r.fail(at, "a text of %d characters reaches past the objects", count)
		}
		count *= 2
	}
	b, err := r.take(start, count)
	switch {
	case err != nil:
		return Value{}, err
	case kind == 0x4:
		return Value{Kind: Data, Data: b}, nil
	case kind == 0x6:
		return Value{Kind: String, Text: utf16Text(b)}, nil
	case !utf8.Valid(b):
		return Value{}, r.fail(at, "a text is not ASCII")
	}
	return Value{Kind: String, Text: string(b)}, nil
}

func utf16Text(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// refs reads the count of a container and groups*count references.
func (r *binaryReader) refs(at, groups uint64) ([]byte, int, error) {
	count, start, err := r.length(at)
	if err != nil {
		return nil, 0, err
	}
	if count > uint64(r.nodes)/groups {
		return nil, 0, r.fail(at, "with its %d items the list names its objects more often than it has bytes", count)
	}
	r.nodes -= int(count * groups)
	b, err := r.take(start, count*groups*uint64(r.refSize))
	return b, int(count), err
}

func (r *binaryReader) ref(b []byte, i int) uint64 {
	return number(b[i*r.refSize : (i+1)*r.refSize])
}

func (r *binaryReader) array(at uint64, depth int) (Value, error) {
	refs, count, err := r.refs(at, 1)
	if err != nil {
		return Value{}, err
	}
	v := Value{Kind: Array, Items: make([]Value, count)}
	for i := range count {
		if v.Items[i], err = r.object(r.ref(refs, i), depth+1); err != nil {
			return Value{}, err
		}
	}
	return v, nil
}

func (r *binaryReader) dict(at uint64, depth int) (Value, error) {
	refs, count, err := r.refs(at, 2)
	if err != nil {
		return Value{}, err
	}
	v := Value{Kind: Dictionary, Entries: make(Dict, count)}
	for i := range count {
		key, err := r.object(r.ref(refs, i), depth+1)
		if err != nil {
			return Value{}, err
		}
		if key.Kind != String {
			return Value{}, r.fail(at, "a key is of kind %s, not a string", key.Kind)
		}
		value, err := r.object(r.ref(refs, count+i), depth+1)
		if err != nil {
			return Value{}, err
		}
		v.Entries[i] = Entry{Key: key.Text, Value: value}
	}
	r.doc.noteDuplicates(v.Entries)
	return v, nil
}
