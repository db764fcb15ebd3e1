//go:build darwin || linux

package framework

import (
	"math"
	"slices"
	"time"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"github.com/kinring/kinring/internal/secitem"
)

// pool holds the references that a call owns.
type pool struct {
	*Framework
	owned []ref
}

func (f *Framework) pool() *pool { return &pool{Framework: f} }

// own takes a reference that a Create or Copy function gave. A null pointer is
// no reference.
func (p *pool) own(v ref) (ref, error) {
	if v == 0 {
		return 0, secitem.ErrAllocate
	}
	p.owned = append(p.owned, v)
	return v, nil
}

// release gives everything back, the last one first.
func (p *pool) release() {
	for _, v := range slices.Backward(p.owned) {
		p.f.release(v)
	}
	p.owned = nil
}

// dict makes a dictionary.
func (p *pool) dict(d secitem.Dict) (ref, error) {
	dict, err := p.own(p.f.dictCreate(0, 0, p.keyCallBacks, p.valueCallBacks))
	if err != nil {
		return 0, err
	}
	for k, v := range d {
		key, err := p.constant(string(k))
		if err != nil {
			return 0, err
		}
		value, err := p.value(v)
		if err != nil {
			return 0, err
		}
		p.f.dictSet(dict, key, value)
	}
	// A query that lost a key would mean other items.
	if p.f.dictCount(dict) != len(d) {
		return 0, secitem.ErrAllocate
	}
	return dict, nil
}

// constant returns Apple's constant of that content, or a string of its own.
func (p *pool) constant(content string) (ref, error) {
	if v, ok := p.constants[content]; ok {
		return v, nil
	}
	return p.string(content)
}

func (p *pool) value(v any) (ref, error) {
	switch v := v.(type) {
	case string:
		return p.string(v)
	case secitem.Constant:
		return p.constant(string(v))
	case []byte:
		return p.own(p.f.dataCreate(0, first(v), len(v)))
	case bool:
		if v {
			return p.yes, nil
		}
		return p.no, nil
	case int64:
		return p.own(p.f.numberCreate(0, numberSInt64, unsafe.Pointer(&v)))
	case time.Time:
		return p.own(p.f.dateCreate(0, toAbsolute(v)))
	case secitem.Null:
		return p.null, nil
	}
	return 0, secitem.ErrParam
}

// string makes a text of its characters. CoreFoundation's way from UTF-8 would
// drop a byte order mark in front, and make one of two accounts.
func (p *pool) string(s string) (ref, error) {
	if !utf8.ValidString(s) {
		return 0, secitem.ErrParam
	}
	c := utf16.Encode([]rune(s))
	return p.own(p.f.stringCreate(0, first(c), len(c)))
}

// first returns the address of the first element, and a valid one if there is
// none: a null pointer is refused even for nothing.
func first[T any](s []T) *T {
	if len(s) == 0 {
		return new(T)
	}
	return &s[0]
}

// Times of CoreFoundation are seconds since the first of January 2001.
const epoch = 978307200

func toAbsolute(t time.Time) float64 {
	return float64(t.Unix()-epoch) + float64(t.Nanosecond())/float64(time.Second)
}

// fromAbsolute reports false for what is no time of the next millennia.
func fromAbsolute(at float64) (time.Time, bool) {
	const far = 1e11
	if math.IsNaN(at) || math.Abs(at) > far {
		return time.Time{}, false
	}
	whole, part := math.Modf(at)
	return time.Unix(int64(whole)+epoch, int64(part*float64(time.Second))).UTC().Round(time.Microsecond), true
}

// kind returns the type of a reference, which may be null.
func (f *Framework) kind(v ref) kind {
	if v == 0 {
		return unknownKind
	}
	return f.types[f.f.getTypeID(v)]
}

// text reads a string. Half of a surrogate pair, which UTF-8 has no form for,
// becomes U+FFFD: one odd label must not hide all other items.
func (f *Framework) text(v ref) (string, error) {
	if f.kind(v) != textKind {
		return "", secitem.ErrDecode
	}
	n := f.f.stringLength(v)
	if n <= 0 {
		return "", nil
	}
	c := make([]uint16, n)
	f.f.stringCharacters(v, textRange{0, n}, &c[0])
	return string(utf16.Decode(c)), nil
}

// bytes copies data out: what CFDataGetBytePtr points to is borrowed.
func (f *Framework) bytes(v ref) ([]byte, error) {
	if f.kind(v) != dataKind {
		return nil, secitem.ErrDecode
	}
	n := f.f.dataLength(v)
	if n <= 0 {
		return []byte{}, nil
	}
	at := f.f.dataBytes(v)
	if at == nil {
		return nil, secitem.ErrAllocate
	}
	return slices.Clone(unsafe.Slice((*byte)(at), n)), nil
}

// depth is how far dictionaries and arrays may nest. Nothing that kinring reads
// is deeper than two.
const depth = 8

// read returns a value as Go's; ok is false for a type that has none there.
func (f *Framework) read(v ref, left int) (out any, ok bool, err error) {
	switch k := f.kind(v); {
	case k == textKind:
		out, err = f.text(v)
	case k == dataKind:
		out, err = f.bytes(v)
	case k == booleanKind:
		out = f.f.booleanValue(v) != 0
	case k == numberKind:
		out, ok = f.integer(v)
		return out, ok, nil
	case k == dateKind:
		out, ok = f.date(v)
		return out, ok, nil
	case k == arrayKind && left > 0:
		out, err = f.array(v, left-1)
	case k == dictKind && left > 0:
		out, err = f.entries(v, left-1)
	default:
		return nil, false, nil
	}
	return out, err == nil, err
}

// integer has no value for a number that is no whole one, or too large.
func (f *Framework) integer(v ref) (any, bool) {
	var n int64
	if f.f.numberValue(v, numberSInt64, unsafe.Pointer(&n)) == 0 {
		return nil, false
	}
	return n, true
}

func (f *Framework) date(v ref) (any, bool) {
	if t, ok := fromAbsolute(f.f.dateAt(v)); ok {
		return t, true
	}
	return nil, false
}

// array keeps the place of a member that it cannot read: a list of groups with
// one that is no text is no list of groups.
func (f *Framework) array(v ref, left int) ([]any, error) {
	n := f.f.arrayCount(v)
	out := make([]any, 0, n)
	for i := range n {
		at := f.f.arrayAt(v, i)
		if at == 0 {
			return nil, secitem.ErrAllocate
		}
		member, _, err := f.read(at, left)
		if err != nil {
			return nil, err
		}
		out = append(out, member)
	}
	return out, nil
}

// entries leaves out what cannot be read.
func (f *Framework) entries(v ref, left int) (map[string]any, error) {
	out := map[string]any{}
	err := f.each(v, func(key string, value ref) error {
		got, ok, err := f.read(value, left)
		if ok {
			out[key] = got
		}
		return err
	})
	return out, err
}

// each calls do for every entry, by the name that this package knows a constant
// by. A key that is no text is an answer that Apple's headers exclude.
func (f *Framework) each(dict ref, do func(key string, value ref) error) error {
	n := f.f.dictCount(dict)
	if n <= 0 {
		return nil
	}
	keys, values := make([]ref, n), make([]ref, n)
	f.f.dictEntries(dict, &keys[0], &values[0])
	for i, k := range keys {
		if f.kind(k) != textKind {
			return &secitem.TypeError{Call: "CFDictionaryGetKeysAndValues", Got: f.typeName(k)}
		}
		key, err := f.text(k)
		if err != nil {
			return err
		}
		if name, ok := f.named[key]; ok {
			key = name
		}
		if err := do(key, values[i]); err != nil {
			return err
		}
	}
	return nil
}

// typeName names a type in an error.
func (f *Framework) typeName(v ref) string {
	if v == 0 {
		return "nothing"
	}
	return map[kind]string{unknownKind: "an unknown type", textKind: "a string", dataKind: "data", dictKind: "a dictionary",
		arrayKind: "an array", booleanKind: "a boolean", numberKind: "a number", dateKind: "a date"}[f.kind(v)]
}
