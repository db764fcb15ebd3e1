package signfixture

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/binary"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// Magic numbers and slots of Apple's published cs_blobs.h.
const (
	magicRequirement  = 0xfade0c00
	magicRequirements = 0xfade0c01
	magicDirectory    = 0xfade0c02
	magicEmbedded     = 0xfade0cc0
	magicXML          = 0xfade7171
	magicDER          = 0xfade7172
	magicWrapper      = 0xfade0b01

	slotDirectory    = 0
	slotInfoPlist    = 1
	slotRequirements = 2
	slotResources    = 3
	slotXML          = 5
	slotDER          = 7
	slotAlternate    = 0x1000
	slotCMS          = 0x10000
)

// Signing says how one Mach-O file is signed. The zero value of a field means
// what codesign does for a release; the others break one thing.
type Signing struct {
	Identifier string
	Team       string // empty: the signer's organizational unit

	Signer    *Identity // nil: ad hoc
	TSA       *Identity // nil: no secure time stamp
	Time      time.Time // zero: Now
	StampTime time.Time // zero: Time

	Flags     uint32 // of the CodeDirectory; FlagAdHoc is added where there is no signer
	NoRuntime bool   // leave FlagRuntime out
	Version   uint32 // of the CodeDirectory; zero: 0x20500
	Digests   []int  // hash types, primary first; nil: SHA256 only

	Entitlements Dict   // nil: none
	XML          []byte // instead of the XML form of Entitlements
	DER          []byte // instead of the DER form of Entitlements
	NoXML, NoDER bool   // leave one of the two out

	Requirements []byte // requirement set; nil: Developer ID's, empty set when ad hoc
	InfoPlist    []byte // hashed into special slot 1
	Resources    []byte // hashed into special slot 3
	ExecFlags    uint64 // beside the main binary flag

	NoAgility    bool             // leave out the hash agility attributes
	WrongAgility bool             // hash agility attributes of another code directory
	Loose        bool             // an unsigned attribute beside the time stamp
	Overreach    int              // bytes that every code directory covers beyond the code
	Directory    func(raw []byte) // changes every code directory before the certificate signs it
	Break        func(*Blobs)
}

// Blobs are the parts of a signature just before they are joined, for a test
// that breaks one of them.
type Blobs struct {
	Slots   []Blob
	Padding []byte // after the last blob, inside the space that the load command names
}

// Blob is one entry of the signature's index.
type Blob struct {
	Slot  uint32
	Bytes []byte
}

// Drop removes a slot.
func (b *Blobs) Drop(slot uint32) {
	kept := b.Slots[:0]
	for _, s := range b.Slots {
		if s.Slot != slot {
			kept = append(kept, s)
		}
	}
	b.Slots = kept
}

// Sign signs every slice of a thin program. The result has the signature that
// s describes and no other.
func Sign(tb testing.TB, program []byte, s Signing) []byte {
	tb.Helper()
	out, err := signThin(program, s)
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// SignFat signs an arm64 and an amd64 program alike and joins them.
func SignFat(tb testing.TB, s Signing) []byte {
	tb.Helper()
	return Fat(false, Sign(tb, Program(tb, "amd64"), s), Sign(tb, Program(tb, "arm64"), s))
}

func signThin(program []byte, s Signing) ([]byte, error) {
	s = s.filled()
	m, err := openImage(bytes.Clone(program))
	if err != nil {
		return nil, err
	}
	if _, err = m.prepare(); err != nil {
		return nil, err
	}
	size, err := s.space(m)
	if err != nil {
		return nil, err
	}
	m.reserve(size)
	blobs, err := s.blobs(m)
	if err != nil {
		return nil, err
	}
	if s.Break != nil {
		s.Break(blobs)
	}
	signature := blobs.join()
	signature = append(signature, blobs.Padding...)
	if len(signature) > size {
		m.reserve(len(signature)) // only a test that breaks blobs grows them
		size = len(signature)
	}
	return append(m.data, append(signature, make([]byte, size-len(signature))...)...), nil
}

// space finds the room for the signature: that of a first attempt, whose CMS
// may differ by a few bytes from the final one.
func (s Signing) space(m *image) (int, error) {
	blobs, err := s.blobs(m)
	if err != nil {
		return 0, err
	}
	return int(roundUp(uint64(len(blobs.join()))+64, 16)), nil
}

func (s Signing) filled() Signing {
	if s.Version == 0 {
		s.Version = 0x20500
	}
	if s.Digests == nil {
		s.Digests = []int{SHA256}
	}
	if s.Time.IsZero() {
		s.Time = Now
	}
	if s.StampTime.IsZero() {
		s.StampTime = s.Time
	}
	if !s.NoRuntime {
		s.Flags |= FlagRuntime
	}
	s.fillSigner()
	return s
}

// fillSigner derives what depends on there being a certificate.
func (s *Signing) fillSigner() {
	if s.Signer == nil {
		s.Flags |= FlagAdHoc
		if s.Requirements == nil {
			s.Requirements = blob(magicRequirements, make([]byte, 4))
		}
		return
	}
	if s.Team == "" {
		s.Team = s.Signer.Certificate.Subject.OrganizationalUnit[0]
	}
	if s.Requirements == nil {
		s.Requirements = DeveloperIDRequirement(s.Identifier, s.Team)
	}
}

// blobs builds every blob over the code as it now stands.
func (s Signing) blobs(m *image) (*Blobs, error) {
	out := &Blobs{}
	special := map[int][]byte{}
	body := map[uint32][]byte{slotRequirements: s.Requirements}
	if xml := s.xml(); xml != nil {
		body[slotXML] = blob(magicXML, xml)
	}
	if der := s.der(); der != nil {
		body[slotDER] = blob(magicDER, der)
	}
	for slot, b := range body {
		special[int(slot)] = b
	}
	if s.InfoPlist != nil {
		special[slotInfoPlist] = s.InfoPlist
	}
	if s.Resources != nil {
		special[slotResources] = s.Resources
	}
	directories := s.directories(m, special)
	out.Slots = append(out.Slots, Blob{slotDirectory, directories[0]})
	for _, slot := range []uint32{slotRequirements, slotXML, slotDER} {
		if b := body[slot]; b != nil {
			out.Slots = append(out.Slots, Blob{slot, b})
		}
	}
	for i, d := range directories[1:] {
		out.Slots = append(out.Slots, Blob{slotAlternate + uint32(i), d})
	}
	cms, err := s.cms(directories)
	out.Slots = append(out.Slots, Blob{slotCMS, blob(magicWrapper, cms)})
	return out, err
}

func (s Signing) xml() []byte {
	switch {
	case s.NoXML:
		return nil
	case s.XML != nil:
		return s.XML
	case s.Entitlements != nil:
		return s.Entitlements.XML()
	}
	return nil
}

func (s Signing) der() []byte {
	switch {
	case s.NoDER:
		return nil
	case s.DER != nil:
		return s.DER
	case s.Entitlements != nil:
		return s.Entitlements.DER()
	}
	return nil
}

// directories makes one CodeDirectory per hash type.
func (s Signing) directories(m *image, special map[int][]byte) (out [][]byte) {
	base, size := m.textRange()
	for _, kind := range s.Digests {
		d := directory{
			version: s.Version, flags: s.Flags, hash: kind, identifier: s.Identifier, team: s.Team,
			code: append(m.data[:len(m.data):len(m.data)], make([]byte, s.Overreach)...), special: special, textBase: base, textSize: size, execFlags: 1 | s.ExecFlags,
		}
		if le.Uint32(m.data[12:]) != TypeExecute {
			d.execFlags = s.ExecFlags
		}
		raw := d.bytes()
		if s.Directory != nil {
			s.Directory(raw)
		}
		out = append(out, raw)
	}
	return out
}

// cms signs the primary directory; an ad-hoc signature has an empty wrapper.
func (s Signing) cms(directories [][]byte) ([]byte, error) {
	if s.Signer == nil {
		return nil, nil
	}
	m := message{
		contentType: oidData, content: directories[0], detached: true,
		signer: s.Signer, time: s.Time, stamp: s.TSA, stampTime: s.StampTime,
	}
	if s.Loose {
		m.loose = []attribute{{oidLoose, [][]byte{must(asn1.Marshal("loose"))}}}
	}
	if !s.NoAgility {
		m.attributes = s.agility(directories)
	}
	return m.encode()
}

// agility makes Apple's two attributes that bind every code directory to the
// signature: a property list of truncated hashes and a set of full ones.
func (s Signing) agility(directories [][]byte) []attribute {
	var truncated, full [][]byte
	for i, d := range directories {
		if s.WrongAgility {
			d = append(bytes.Clone(d), 0)
		}
		h := fullDigest(s.Digests[i], d)
		truncated = append(truncated, h[:20])
		full = append(full, must(build(func(b *cryptobyte.Builder) {
			b.AddASN1(0x30, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(digestOID(s.Digests[i]))
				b.AddASN1OctetString(h)
			})
		})))
	}
	list := must(asn1.Marshal(Dict{"cdhashes": truncated}.XML()))
	return []attribute{{oidHashAgility, [][]byte{list}}, {oidHashAgilityV2, full}}
}

func digestOID(kind int) asn1.ObjectIdentifier {
	switch kind {
	case SHA1:
		return asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	case SHA384:
		return asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	}
	return oidSHA256
}

// join writes the SuperBlob.
func (b *Blobs) join() []byte {
	be := binary.BigEndian
	body := be.AppendUint32(nil, uint32(len(b.Slots)))
	offset := 12 + 8*len(b.Slots)
	var content []byte
	for _, s := range b.Slots {
		body = be.AppendUint32(body, s.Slot)
		body = be.AppendUint32(body, uint32(offset+len(content)))
		content = append(content, s.Bytes...)
	}
	return blob(magicEmbedded, append(body, content...))
}

// blob prefixes content with magic and length.
func blob(magic uint32, content []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, magic)
	out = binary.BigEndian.AppendUint32(out, uint32(8+len(content)))
	return append(out, content...)
}

// CDHash returns the hash by which the system names the code of a signed thin
// file: the first 20 bytes of the digest of its best code directory.
func CDHash(signed []byte) []byte {
	m := must(openImage(signed))
	signature := signed[le.Uint32(signed[m.signature+8:]):]
	best, rank := []byte(nil), -1
	for i := range binary.BigEndian.Uint32(signature[8:]) {
		slot := binary.BigEndian.Uint32(signature[12+8*i:])
		at := signature[binary.BigEndian.Uint32(signature[16+8*i:]):]
		if slot != slotDirectory && (slot < slotAlternate || slot > slotAlternate+4) {
			continue
		}
		d := at[:binary.BigEndian.Uint32(at[4:])]
		if r := hashRank(int(d[37])); r > rank {
			best, rank = fullDigest(int(d[37]), d)[:20], r
		}
	}
	return best
}

// hashRank orders hash types as the kernel prefers them.
func hashRank(kind int) int {
	return map[int]int{SHA1: 0, SHA256Truncated: 1, SHA256: 2, SHA384: 3}[kind]
}

// SignatureRange returns offset and size of the signature in a thin file.
func SignatureRange(signed []byte) (offset, size int) {
	m := must(openImage(signed))
	return int(le.Uint32(signed[m.signature+8:])), int(le.Uint32(signed[m.signature+12:]))
}

// Fingerprint is the SHA-256 of the certificate: how a provisioning profile's
// DER copy names it.
func (id *Identity) Fingerprint() []byte {
	h := sha256.Sum256(id.Certificate.Raw)
	return h[:]
}
