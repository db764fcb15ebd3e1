package entitlements

import (
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/kinring/kinring/codesign/plist"
	"github.com/kinring/kinring/codesign/unreadable"
)

// Tags of the DER form: [APPLICATION 16] around the whole, [CONTEXT 16] around
// a dictionary, both constructed.
const (
	tagEntitlements = asn1.Tag(0x70)
	tagDictionary   = asn1.Tag(0xb0)
)

// maxDuplicates bounds the list of duplicate keys that a document reports.
const maxDuplicates = 100

// formVersion is the only version of the DER form.
const formVersion = 1

// ParseDER reads the DER form of entitlements:
//
//	[APPLICATION 16] { INTEGER 1, [16] { SEQUENCE { UTF8String, value } ... } }
//
// with values BOOLEAN, INTEGER, UTF8String, SEQUENCE for arrays and [16] for
// dictionaries. The result takes at most 128 times the bytes of raw. Offsets in
// errors count from the start of raw.
func ParseDER(raw []byte) (*Document, error) {
	d := &derReader{raw: raw, strict: true}
	input := cryptobyte.String(raw)
	var outer cryptobyte.String
	var version int64
	if !input.ReadASN1(&outer, tagEntitlements) {
		return nil, d.fail(input, "it does not start with the tag [APPLICATION 16]")
	}
	if !input.Empty() {
		return nil, d.fail(input, "%d bytes follow it", len(input))
	}
	if !outer.ReadASN1Integer(&version) || version != formVersion {
		return nil, d.fail(outer, "its version is not %d", formVersion)
	}
	entries, err := d.dict(&outer, tagDictionary, 0)
	if err != nil {
		return nil, err
	}
	if !outer.Empty() {
		return nil, d.fail(outer, "%d bytes follow its dictionary", len(outer))
	}
	return &Document{Raw: raw, Entries: entries, Duplicates: d.duplicates, Unsorted: d.unsorted}, nil
}

// ParseDictionaryDER reads a dictionary of the DER-encoded copy of a
// provisioning profile: a SET of the same key and value pairs, whose values may
// also be OCTET STRING, UTCTime and GeneralizedTime, and of which one is a whole
// DER form of entitlements.
func ParseDictionaryDER(raw []byte) (plist.Dict, error) {
	d := &derReader{raw: raw}
	input := cryptobyte.String(raw)
	entries, err := d.dict(&input, asn1.SET, 0)
	if err != nil {
		return nil, err
	}
	if !input.Empty() {
		return nil, d.fail(input, "%d bytes follow its dictionary", len(input))
	}
	return entries, nil
}

// derReader decodes one form; input strings are parts of raw, so that offsets
// can be told from their lengths.
type derReader struct {
	raw        []byte
	strict     bool // only what entitlements may hold
	duplicates []string
	unsorted   bool
}

// fail reports a problem at the start of rest, a suffix of raw or of a part of
// it; of a part the offset is the closest that can be told.
func (d *derReader) fail(rest cryptobyte.String, format string, args ...any) error {
	offset := cap(d.raw) - cap([]byte(rest))
	return unreadable.At("der entitlements", int64(max(0, min(offset, len(d.raw)))), format, args...)
}

// dict reads a dictionary with the given tag.
func (d *derReader) dict(input *cryptobyte.String, tag asn1.Tag, depth int) (plist.Dict, error) {
	if depth > plist.MaxDepth {
		return nil, d.fail(*input, "they nest deeper than %d levels", plist.MaxDepth)
	}
	var inner cryptobyte.String
	if start := *input; !input.ReadASN1(&inner, tag) {
		return nil, d.fail(start, "a dictionary is expected")
	}
	entries := plist.Dict{}
	for !inner.Empty() {
		e, err := d.entry(&inner, depth)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	d.noteOrder(entries)
	return entries, nil
}

// noteOrder records keys that do not ascend, as the form has them sorted, and
// keys that occur twice.
func (d *derReader) noteOrder(entries plist.Dict) {
	seen := make(map[string]bool, len(entries))
	for i, e := range entries {
		if i > 0 && entries[i-1].Key > e.Key {
			d.unsorted = true
		}
		if seen[e.Key] && len(d.duplicates) < maxDuplicates {
			d.duplicates = append(d.duplicates, e.Key)
		}
		seen[e.Key] = true
	}
}

func (d *derReader) entry(input *cryptobyte.String, depth int) (plist.Entry, error) {
	var pair cryptobyte.String
	if start := *input; !input.ReadASN1(&pair, asn1.SEQUENCE) {
		return plist.Entry{}, d.fail(start, "a key with its value is expected")
	}
	key, err := d.text(&pair)
	if err != nil {
		return plist.Entry{}, err
	}
	value, err := d.value(&pair, depth+1)
	if err != nil {
		return plist.Entry{}, err
	}
	if !pair.Empty() {
		return plist.Entry{}, d.fail(pair, "%d bytes follow the value of a key", len(pair))
	}
	return plist.Entry{Key: key, Value: value}, nil
}

func (d *derReader) text(input *cryptobyte.String) (string, error) {
	var b cryptobyte.String
	if start := *input; !input.ReadASN1(&b, asn1.UTF8String) || !utf8.Valid(b) {
		return "", d.fail(start, "a text is expected")
	}
	return string(b), nil
}

func (d *derReader) value(input *cryptobyte.String, depth int) (plist.Value, error) {
	switch {
	case input.PeekASN1Tag(asn1.BOOLEAN):
		return d.boolean(input)
	case input.PeekASN1Tag(asn1.INTEGER):
		return d.integer(input)
	case input.PeekASN1Tag(asn1.UTF8String):
		text, err := d.text(input)
		return plist.Value{Kind: plist.String, Text: text}, err
	case input.PeekASN1Tag(asn1.SEQUENCE):
		return d.array(input, depth)
	case input.PeekASN1Tag(tagDictionary):
		entries, err := d.dict(input, tagDictionary, depth)
		return plist.Value{Kind: plist.Dictionary, Entries: entries}, err
	case d.strict:
		return plist.Value{}, d.fail(*input, "a value has a tag that entitlements do not use")
	}
	return d.profileValue(input, depth)
}

func (d *derReader) boolean(input *cryptobyte.String) (plist.Value, error) {
	v := plist.Value{Kind: plist.Boolean}
	if start := *input; !input.ReadASN1Boolean(&v.Bool) {
		return v, d.fail(start, "a boolean is neither 0x00 nor 0xff")
	}
	return v, nil
}

func (d *derReader) integer(input *cryptobyte.String) (plist.Value, error) {
	v := plist.Value{Kind: plist.Integer}
	if start := *input; !input.ReadASN1Integer(&v.Integer) {
		return v, d.fail(start, "an integer does not fit into 64 bits")
	}
	return v, nil
}

func (d *derReader) array(input *cryptobyte.String, depth int) (plist.Value, error) {
	v := plist.Value{Kind: plist.Array}
	var inner cryptobyte.String
	if start := *input; depth > plist.MaxDepth || !input.ReadASN1(&inner, asn1.SEQUENCE) {
		return v, d.fail(start, "an array does not end or nests deeper than %d levels", plist.MaxDepth)
	}
	for !inner.Empty() {
		item, err := d.value(&inner, depth+1)
		if err != nil {
			return v, err
		}
		v.Items = append(v.Items, item)
	}
	return v, nil
}

// profileValue reads the values that only profiles have.
func (d *derReader) profileValue(input *cryptobyte.String, depth int) (plist.Value, error) {
	var tag asn1.Tag
	var content cryptobyte.String
	var stamp time.Time
	switch {
	case input.PeekASN1Tag(asn1.SET):
		entries, err := d.dict(input, asn1.SET, depth)
		return plist.Value{Kind: plist.Dictionary, Entries: entries}, err
	case input.PeekASN1Tag(asn1.OCTET_STRING) && input.ReadASN1(&content, asn1.OCTET_STRING):
		return plist.Value{Kind: plist.Data, Data: content}, nil
	case input.PeekASN1Tag(asn1.UTCTime) && input.ReadASN1UTCTime(&stamp),
		input.PeekASN1Tag(asn1.GeneralizedTime) && input.ReadASN1GeneralizedTime(&stamp):
		return plist.Value{Kind: plist.Date, Time: stamp.UTC()}, nil
	case input.PeekASN1Tag(tagEntitlements) && input.ReadASN1(&content, tagEntitlements):
		return d.nested(content, depth)
	case input.ReadAnyASN1Element(&content, &tag):
		return plist.Value{Kind: plist.Data, Data: content}, nil
	}
	return plist.Value{}, d.fail(*input, "a value does not end")
}

// nested reads the entitlements inside a profile, whose outer tag is gone.
func (d *derReader) nested(content cryptobyte.String, depth int) (plist.Value, error) {
	var version int64
	if !content.ReadASN1Integer(&version) || version != formVersion {
		return plist.Value{}, d.fail(content, "the version of its entitlements is not %d", formVersion)
	}
	entries, err := d.dict(&content, tagDictionary, depth+1)
	if err == nil && !content.Empty() {
		err = d.fail(content, "%d bytes follow its entitlements", len(content))
	}
	return plist.Value{Kind: plist.Dictionary, Entries: entries}, err
}
