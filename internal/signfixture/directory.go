package signfixture

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
)

// Hash types of a CodeDirectory.
const (
	SHA1            = 1
	SHA256          = 2
	SHA256Truncated = 3
	SHA384          = 4
)

// Flags of a CodeDirectory that fixtures set.
const (
	FlagAdHoc   uint32 = 0x2
	FlagRuntime uint32 = 0x10000
	FlagLinker  uint32 = 0x20000
)

const (
	pageBits     = 12
	pageSize     = 1 << pageBits
	specialSlots = 7 // up to the DER entitlements
	macOS13      = 0x0d0000
)

// directory is one CodeDirectory in the making.
type directory struct {
	version, flags uint32
	hash           int
	identifier     string
	team           string
	code           []byte         // up to the code limit
	special        map[int][]byte // slot to hashed content
	textBase       uint64
	textSize       uint64
	execFlags      uint64
}

// digest applies a hash type of the CodeDirectory.
func digest(kind int, data []byte) []byte {
	switch kind {
	case SHA1:
		h := sha1.Sum(data)
		return h[:]
	case SHA256, SHA256Truncated:
		h := sha256.Sum256(data)
		return h[:min(len(h), hashSize(kind))]
	case SHA384:
		h := sha512.Sum384(data)
		return h[:]
	}
	panic(fmt.Sprintf("signfixture: hash type %d", kind))
}

// fullDigest is the hash before truncation: what the second hash agility
// attribute holds.
func fullDigest(kind int, data []byte) []byte {
	if kind == SHA256Truncated {
		kind = SHA256
	}
	return digest(kind, data)
}

func hashSize(kind int) int {
	return map[int]int{SHA1: 20, SHA256: 32, SHA256Truncated: 20, SHA384: 48}[kind]
}

// headerSize is where the strings start; each version appended fields.
func (d *directory) headerSize() int {
	switch {
	case d.version >= 0x20600:
		return 108
	case d.version >= 0x20500:
		return 96
	case d.version >= 0x20400:
		return 88
	case d.version >= 0x20300:
		return 64
	case d.version >= 0x20200:
		return 52
	case d.version >= 0x20100:
		return 48
	}
	return 44
}

// bytes lays the CodeDirectory out: header, strings, special hashes from the
// highest slot down, page hashes.
func (d *directory) bytes() []byte {
	ident := d.headerSize()
	strings := d.identifier + "\x00"
	team := 0
	if d.team != "" && d.version >= 0x20200 {
		team = ident + len(strings)
		strings += d.team + "\x00"
	}
	special := d.specialCount()
	size := hashSize(d.hash)
	pages := (len(d.code) + pageSize - 1) / pageSize
	hashes := ident + len(strings) + special*size
	out := make([]byte, hashes+pages*size)
	d.header(out, ident, team, hashes, special, pages)
	copy(out[ident:], strings)
	for slot, content := range d.special {
		copy(out[hashes-slot*size:], digest(d.hash, content))
	}
	for i := range pages {
		page := d.code[i*pageSize : min((i+1)*pageSize, len(d.code))]
		copy(out[hashes+i*size:], digest(d.hash, page))
	}
	return out
}

// specialCount is the highest special slot in use; codesign stores no more.
func (d *directory) specialCount() (n int) {
	for slot := range d.special {
		n = max(n, slot)
	}
	return min(n, specialSlots)
}

// header fills the fixed fields that the version has.
func (d *directory) header(out []byte, ident, team, hashes, special, pages int) {
	be := binary.BigEndian
	put := func(at int, n uint32) { be.PutUint32(out[at:], n) }
	put(0, magicDirectory)
	put(4, uint32(len(out)))
	put(8, d.version)
	put(12, d.flags)
	put(16, uint32(hashes))
	put(20, uint32(ident))
	put(24, uint32(special))
	put(28, uint32(pages))
	put(32, uint32(len(d.code)))
	out[36], out[37], out[39] = byte(hashSize(d.hash)), byte(d.hash), pageBits
	if d.version >= 0x20200 {
		put(48, uint32(team))
	}
	if d.version >= 0x20400 {
		be.PutUint64(out[64:], d.textBase)
		be.PutUint64(out[72:], d.textSize)
		be.PutUint64(out[80:], d.execFlags)
	}
	if d.version >= 0x20500 {
		put(88, macOS13)
	}
}
