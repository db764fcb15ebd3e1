package requirement

import (
	"encoding/binary"

	"github.com/kinring/kinring/codesign/unreadable"
)

// Magic numbers of Apple's published cs_blobs.h.
const (
	magicRequirement = 0xfade0c00
	magicSet         = 0xfade0c01
)

// The kinds of a compiled requirement.
const (
	kindExpression = 1
	kindConstraint = 2 // a launch constraint in place of an expression
)

// maxSet bounds the requirements of a set; macOS knows five types.
const maxSet = 64

var be = binary.BigEndian

// ParseSet reads a requirement set blob with its header. The result takes at
// most a fixed multiple of the blob's size. Offsets in errors count from the
// start of the blob.
func ParseSet(blob []byte) ([]Requirement, error) {
	if err := checkHeader(blob, magicSet, 12, "requirement set"); err != nil {
		return nil, err
	}
	count := be.Uint32(blob[8:])
	if count > maxSet || int64(count)*8 > int64(len(blob)-12) {
		return nil, unreadable.At("requirement set", 0, "%d requirements do not fit into its %d bytes", count, len(blob))
	}
	list := make([]Requirement, 0, count)
	total := 0
	for i := range int(count) {
		entry := blob[12+8*i:]
		r, err := parseAt(blob, int64(be.Uint32(entry[4:])))
		if err != nil {
			return nil, err
		}
		if total += len(r.Raw); total > len(blob) {
			return nil, unreadable.At("requirement set", 0, "its requirements overlap")
		}
		r.Type = Type(be.Uint32(entry))
		list = append(list, r)
	}
	return list, nil
}

// parseAt reads the requirement at an offset of a set.
func parseAt(set []byte, at int64) (Requirement, error) {
	if at < 12 || at > int64(len(set)-8) {
		return Requirement{}, unreadable.At("requirement", at, "it lies outside its set of %d bytes", len(set))
	}
	size := int64(be.Uint32(set[at+4:]))
	if size > int64(len(set))-at {
		return Requirement{}, unreadable.At("requirement", at, "its %d bytes reach past the end of the set", size)
	}
	text, err := Decompile(set[at : at+size])
	if err != nil {
		return Requirement{}, unreadable.Within(err, "", at)
	}
	return Requirement{Text: text, Raw: set[at : at+size]}, nil
}

// checkHeader checks the magic number and length that start every blob.
func checkHeader(blob []byte, magic uint32, least int, structure string) error {
	if len(blob) < least {
		return unreadable.At(structure, 0, "%d bytes are less than its header of %d", len(blob), least)
	}
	if got := be.Uint32(blob); got != magic {
		return unreadable.At(structure, 0, "magic number %#x is not %#x", got, magic)
	}
	if got := be.Uint32(blob[4:]); int64(got) != int64(len(blob)) {
		return unreadable.At(structure, 0, "it says that it is %d bytes long, but it has %d", got, len(blob))
	}
	return nil
}

// Decompile turns one compiled requirement, with its header, into text.
func Decompile(blob []byte) (string, error) {
	if err := checkHeader(blob, magicRequirement, 12, "requirement"); err != nil {
		return "", err
	}
	switch kind := be.Uint32(blob[8:]); kind {
	case kindExpression:
		return decompile(blob)
	case kindConstraint:
		return "/* launch constraint */", nil
	default:
		return "", unreadable.At("requirement", 8, "kind %d is unknown", kind)
	}
}
