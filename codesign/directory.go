package codesign

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // the older of two code directories uses it
	_ "crypto/sha256"
	_ "crypto/sha512"

	"github.com/kinring/kinring/codesign/macho"
	"github.com/kinring/kinring/codesign/unreadable"
)

// Versions of a code directory at which fields were added (codedirectory.h).
const (
	versionEarliest = 0x20001
	versionScatter  = 0x20100
	versionTeam     = 0x20200
	versionLimit64  = 0x20300
	versionExecSeg  = 0x20400
	versionRuntime  = 0x20500
	versionLinkage  = 0x20600
	versionTooNew   = 0x30000
)

// headerSizes are the sizes of the fixed fields from each version on, newest
// first.
var headerSizes = []struct{ version, size uint32 }{
	{versionLinkage, 108}, {versionRuntime, 96}, {versionExecSeg, 88}, {versionLimit64, 64}, {versionTeam, 52}, {versionScatter, 48}, {versionEarliest, 44},
}

// maxPageBits bounds the page size, as a power of two. macOS uses 12 and 14.
const maxPageBits = 30

// maxSpecial bounds the special slots; cs_blobs.h knows 11.
const maxSpecial = 64

// cdHashSize is the length of a cdhash, whatever the hash type (CS_CDHASH_LEN).
const cdHashSize = 20

// hashOf returns the digest of a hash type, zero where it is unknown.
func hashOf(t HashType) crypto.Hash {
	switch t {
	case SHA1:
		return crypto.SHA1
	case SHA256, SHA256Truncated:
		return crypto.SHA256
	case SHA384:
		return crypto.SHA384
	}
	return 0
}

// hashSizes are the lengths of the hashes that a code directory stores.
var hashSizes = map[HashType]int{SHA1: 20, SHA256: 32, SHA256Truncated: 20, SHA384: 48}

// Sum returns the hash of data as the code directory stores it.
func (d *CodeDirectory) Sum(data []byte) []byte {
	return sum(hashOf(d.HashType), data)[:d.HashSize]
}

func sum(h crypto.Hash, data []byte) []byte {
	w := h.New()
	w.Write(data)
	return w.Sum(nil)
}

// directoryReader reads the fields of one code directory.
type directoryReader struct {
	d          *CodeDirectory
	raw        []byte
	hashOffset uint32
	header     uint32
	special    uint32
}

// parseDirectory reads a code directory blob whose header was checked.
func parseDirectory(raw []byte, where Blob) (*CodeDirectory, error) {
	r := &directoryReader{raw: raw, d: &CodeDirectory{Range: where.Range, Slot: where.Slot, Raw: raw}}
	for _, step := range []func() error{r.version, r.fixed, r.limits, r.names, r.hashes} {
		if err := step(); err != nil {
			return nil, unreadable.Within(err, "", where.Offset)
		}
	}
	d := r.d
	d.Hash = sum(hashOf(d.HashType), raw)
	d.CDHash = d.Hash[:cdHashSize]
	return d, nil
}

func (r *directoryReader) fail(at uint32, format string, args ...any) error {
	return unreadable.At("code directory", int64(at), format, args...)
}

func (r *directoryReader) u32(at uint32) uint32 { return be.Uint32(r.raw[at:]) }
func (r *directoryReader) u64(at uint32) uint64 { return be.Uint64(r.raw[at:]) }

// version reads the version and checks that the fields of it are there.
func (r *directoryReader) version() error {
	if len(r.raw) < 44 {
		return r.fail(0, "%d bytes are less than the 44 of the oldest version", len(r.raw))
	}
	r.d.Version = r.u32(8)
	if r.d.Version < versionEarliest || r.d.Version >= versionTooNew {
		return r.fail(8, "version %#x is unknown", r.d.Version)
	}
	for _, h := range headerSizes {
		if r.d.Version >= h.version {
			r.header = h.size
			break
		}
	}
	if int64(r.header) > int64(len(r.raw)) {
		return r.fail(0, "%d bytes are less than the %d of version %#x", len(r.raw), r.header, r.d.Version)
	}
	return nil
}

// fixed reads the fields that every version has.
func (r *directoryReader) fixed() error {
	d := r.d
	d.Flags = Flags(r.u32(12))
	r.hashOffset, r.special = r.u32(16), r.u32(24)
	d.HashSize, d.HashType, d.Platform = int(r.raw[36]), HashType(r.raw[37]), r.raw[38]
	if size, known := hashSizes[d.HashType]; !known || size != d.HashSize {
		return r.fail(36, "hashes of type %d and %d bytes are unknown", d.HashType, d.HashSize)
	}
	bits := r.raw[39]
	if bits > maxPageBits {
		return r.fail(39, "pages of 2^%d bytes are too large", bits)
	}
	if bits > 0 {
		d.PageSize = 1 << bits
	}
	if d.Version >= versionScatter {
		d.Scatter = r.u32(44) != 0
	}
	return nil
}

// limits reads how much code the directory covers and the executable segment.
func (r *directoryReader) limits() error {
	d := r.d
	limit := uint64(r.u32(32))
	if d.Version >= versionLimit64 {
		if wide := r.u64(56); wide != 0 {
			limit = wide
		}
	}
	if d.Version >= versionExecSeg {
		d.ExecSegBase, d.ExecSegLimit, d.ExecSegFlags = r.u64(64), r.u64(72), r.u64(80)
	}
	if d.Version >= versionRuntime {
		d.Runtime = macho.Version(r.u32(88))
	}
	const most = 1 << 62 // keeps sums of offsets inside 64 bits
	if limit > most {
		return r.fail(32, "a code limit of %d bytes is too large", limit)
	}
	d.CodeLimit = int64(limit)
	return nil
}

// names reads the identifier and the team.
func (r *directoryReader) names() error {
	var err error
	if r.d.Identifier, err = r.name(r.u32(20), "identifier"); err != nil {
		return err
	}
	if r.d.Version >= versionTeam && r.u32(48) != 0 {
		r.d.Team, err = r.name(r.u32(48), "team")
	}
	return err
}

func (r *directoryReader) name(at uint32, what string) (string, error) {
	if at < r.header || int64(at) >= int64(len(r.raw)) {
		return "", r.fail(at, "the %s lies outside the directory of %d bytes", what, len(r.raw))
	}
	end := bytes.IndexByte(r.raw[at:], 0)
	if end < 0 {
		return "", r.fail(at, "the %s does not end", what)
	}
	return string(r.raw[at : int(at)+end]), nil
}

// hashes checks where the hashes lie and reads those of the special slots.
func (r *directoryReader) hashes() error {
	d, size := r.d, int64(r.d.HashSize)
	pages, offset := int64(r.u32(28)), int64(r.hashOffset)
	if want := d.pages(); pages != want {
		return r.fail(28, "%d page hashes for %d bytes of code, which make %d pages", pages, d.CodeLimit, want)
	}
	if r.special > maxSpecial || offset-int64(r.special)*size < int64(r.header) {
		return r.fail(24, "the hashes of %d special slots do not fit before offset %d", r.special, offset)
	}
	if offset > int64(len(r.raw)) || pages > (int64(len(r.raw))-offset)/size {
		return r.fail(28, "%d page hashes from offset %d on do not fit into %d bytes", pages, offset, len(r.raw))
	}
	d.PageCount, d.hashOffset = int(pages), int(offset)
	for slot := int64(1); slot <= int64(r.special); slot++ {
		h := SpecialHash{Slot: Slot(slot), Hash: r.raw[offset-slot*size : offset-(slot-1)*size]}
		if zero(h.Hash) {
			h.Hash = nil
		}
		d.Special = append(d.Special, h)
	}
	return nil
}

// pages returns how many pages the code makes.
func (d *CodeDirectory) pages() int64 {
	if d.PageSize == 0 {
		return min(d.CodeLimit, 1)
	}
	return (d.CodeLimit + d.PageSize - 1) / d.PageSize
}

// PageHash returns the hash of page i.
func (d *CodeDirectory) PageHash(i int) []byte {
	at := d.hashOffset + i*d.HashSize
	return d.Raw[at : at+d.HashSize]
}

// SpecialHash returns the entry of a special slot.
func (d *CodeDirectory) SpecialHash(slot Slot) SpecialHash {
	for _, h := range d.Special {
		if h.Slot == slot {
			return h
		}
	}
	return SpecialHash{Slot: slot}
}

// Seals reports whether the directory's hash of a special slot is that of data.
func (d *CodeDirectory) Seals(slot Slot, data []byte) bool {
	return bytes.Equal(d.SpecialHash(slot).Hash, d.Sum(data))
}
