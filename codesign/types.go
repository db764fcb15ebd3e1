// Package codesign reads the code signatures of macOS programs on any system:
// Mach-O files, thin and fat, down to code directories, entitlements,
// requirements and the signer's certificates.
//
// It is pure: bytes in, structures out. Read takes headers and signatures only,
// whatever the size of the file, and reports how many bytes that were;
// VerifyPages reads the code itself. What a file says and what it is worth are
// kept apart: a structure that cannot be read is an *unreadable.Error, while a
// signature that can be read but does not hold is described in the result.
//
// Formats: Apple's published cs_blobs.h and codedirectory.h, Technical Note
// TN3126 for the hashes.
package codesign

import (
	"fmt"
	"strings"

	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/codesign/entitlements"
	"github.com/kinring/kinring/codesign/macho"
	"github.com/kinring/kinring/codesign/plist"
	"github.com/kinring/kinring/codesign/requirement"
)

// Options of Read. The zero value is what the shipped command uses.
type Options struct {
	Roots *cms.Roots // nil: Apple's
}

// File is a Mach-O file with the signatures of its slices.
type File struct {
	Size   int64
	Fat    bool // has a fat header
	Wide   bool // the fat header has 64-bit offsets
	Slices []Slice
	Read   int64 // bytes that were read to fill this in
}

// Slice is one architecture of a file.
type Slice struct {
	macho.Slice
	InfoPlist []byte     // content of the section __TEXT,__info_plist; nil where there is none
	Signature *Signature // nil: not signed
}

// Slot is an entry of a signature's index.
type Slot uint32

// The slots of cs_blobs.h.
const (
	SlotDirectory             Slot = 0
	SlotInfoPlist             Slot = 1
	SlotRequirements          Slot = 2
	SlotResources             Slot = 3
	SlotApplication           Slot = 4
	SlotEntitlements          Slot = 5
	SlotRepSpecific           Slot = 6
	SlotEntitlementsDER       Slot = 7
	SlotSelfConstraint        Slot = 8
	SlotParentConstraint      Slot = 9
	SlotResponsibleConstraint Slot = 10
	SlotLibraryConstraint     Slot = 11
	SlotAlternate             Slot = 0x1000 // the first of five alternate code directories
	SlotCMS                   Slot = 0x10000
	SlotIdentification        Slot = 0x10001
	SlotTicket                Slot = 0x10002
)

// Signature is the embedded signature of one slice.
type Signature struct {
	macho.Range // the space that LC_CODE_SIGNATURE names, from the start of the file
	Blobs       []Blob
	Directories []*CodeDirectory // the primary one first, then alternates by slot

	Requirements    []requirement.Requirement
	RequirementsErr error // the requirement set does not parse

	Entitlements Entitlements

	CMS    *cms.Message // nil: ad hoc or unparsable
	CMSErr error        // the CMS blob does not parse

	Agility Agility

	// Problems are contradictions between the parts of the signature, or between
	// it and the load commands. A signing tool makes none.
	Problems []Problem

	// Unaccounted are bytes that no hash covers and that belong to no structure:
	// code behind the code limit, gaps between blobs, bytes other than zero after
	// the last one, and whatever follows the signature in its slice. A signing
	// tool leaves none.
	Unaccounted []macho.Range
}

// ProblemKind says what a Problem is about.
type ProblemKind uint8

// The kinds of problems.
const (
	ProblemCodeLimit   ProblemKind = iota // the pages cover more or less than the code before the signature
	ProblemExecSegment                    // the executable segment is not __TEXT
	ProblemNames                          // a code directory differs from the primary one in identifier, team or flags
	ProblemScatter                        // the page hashes are of scattered places
)

// Problem is one thing that a code directory says otherwise than its
// surroundings.
type Problem struct {
	Kind ProblemKind
	Slot Slot   // of the code directory
	Text string // in words
}

// String returns the problem in words.
func (p Problem) String() string { return p.Text }

// Blob is one entry of the index, with where it lies in the file.
type Blob struct {
	Slot  Slot
	Magic uint32
	macho.Range
}

// Flags of a code directory.
type Flags uint32

// The flags of cs_blobs.h that a signer sets.
const (
	FlagHost              Flags = 0x1
	FlagAdHoc             Flags = 0x2
	FlagGetTaskAllow      Flags = 0x4
	FlagHard              Flags = 0x100
	FlagKill              Flags = 0x200
	FlagExpires           Flags = 0x400
	FlagRestrict          Flags = 0x800
	FlagEnforcement       Flags = 0x1000
	FlagLibraryValidation Flags = 0x2000
	FlagRuntime           Flags = 0x10000
	FlagLinkerSigned      Flags = 0x20000
)

// HashType numbers a code directory's digest (CS_HASHTYPE_* in cs_blobs.h).
type HashType uint8

// The hash types.
const (
	SHA1            HashType = 1
	SHA256          HashType = 2
	SHA256Truncated HashType = 3
	SHA384          HashType = 4
)

// CodeDirectory is what a signature signs: hashes of everything else.
type CodeDirectory struct {
	macho.Range        // where it lies in the file
	Slot        Slot   // SlotDirectory or an alternate
	Raw         []byte // the whole blob

	Version    uint32
	Flags      Flags
	Identifier string
	Team       string // empty where there is none
	HashType   HashType
	HashSize   int
	Platform   uint8 // of a platform binary, else zero
	PageSize   int64 // zero: the code is one page
	CodeLimit  int64 // bytes of the slice that the pages cover

	ExecSegBase, ExecSegLimit, ExecSegFlags uint64
	Runtime                                 macho.Version // SDK version of the hardened runtime; zero before version 0x20500
	Scatter                                 bool          // has a scatter vector: page hashes are not in the order of the code

	Special   []SpecialHash // slots 1, 2, ... in order
	PageCount int           // page hashes; PageHash returns one

	Hash   []byte // full digest of Raw by its own hash type
	CDHash []byte // the first 20 bytes of Hash

	hashOffset int // of the first page hash
}

// SpecialState says how a special slot's hash stands to the blob of that slot.
type SpecialState uint8

// The states of a special slot.
const (
	SpecialAbsent   SpecialState = iota // no hash and no blob
	SpecialMatch                        // the hash is that of the blob
	SpecialMismatch                     // the hash is not that of the blob
	SpecialExternal                     // the hash is that of a file outside: Info.plist, CodeResources
	SpecialMissing                      // there is a hash, but the blob that it is of is not there
	SpecialUnsealed                     // there is a blob, but no hash of it
)

var specialNames = [...]string{"absent", "match", "mismatch", "external", "missing", "unsealed"}

// String returns the state's name in lower case.
func (s SpecialState) String() string {
	if int(s) < len(specialNames) {
		return specialNames[s]
	}
	return fmt.Sprintf("state-%d", uint8(s))
}

// SpecialHash is the hash of one special slot.
type SpecialHash struct {
	Slot  Slot
	Hash  []byte // nil where the slot is beyond the directory's count or all zero
	State SpecialState
}

// Entitlements are a signature's entitlements in both forms.
type Entitlements struct {
	XML         *entitlements.Document // nil: no such blob, or XMLErr
	XMLErr      error                  // the XML form does not parse
	DER         *entitlements.Document // nil: no such blob, or DERErr
	DERErr      error                  // the DER form does not parse
	Differences []plist.Difference     // A is the XML side, B the DER side; empty unless both parse
}

// Agility compares the signer's hash agility attributes with the code
// directories that the signature holds.
type Agility struct {
	Plist    bool     // attribute 1.2.840.113635.100.9.1 is there
	Digests  bool     // attribute 1.2.840.113635.100.9.2 is there
	Problems []string // how they disagree with the code directories; empty: they agree
}

// Primary returns the code directory that the CMS message signs, or nil.
func (s *Signature) Primary() *CodeDirectory {
	if len(s.Directories) == 0 {
		return nil
	}
	return s.Directories[0]
}

// Best returns the code directory that macOS goes by: the one with the
// strongest hash.
func (s *Signature) Best() *CodeDirectory {
	var best *CodeDirectory
	for _, d := range s.Directories {
		if best == nil || hashRank[d.HashType] > hashRank[best.HashType] {
			best = d
		}
	}
	return best
}

// hashRank orders hash types by strength, as macOS does.
var hashRank = map[HashType]int{SHA1: 1, SHA256Truncated: 2, SHA256: 3, SHA384: 4}

// AdHoc reports whether the signature names no signer.
func (s *Signature) AdHoc() bool {
	return s.CMS == nil && s.CMSErr == nil
}

// Designated returns the designated requirement's text; empty where there is
// none.
func (s *Signature) Designated() string {
	for _, r := range s.Requirements {
		if r.Type == requirement.Designated {
			return r.Text
		}
	}
	return ""
}

// Effective returns the entitlements as macOS reads them: the DER form, or the
// XML form of a signature that has only that.
func (e Entitlements) Effective() plist.Dict {
	switch {
	case e.DER != nil:
		return e.DER.Entries
	case e.XML != nil:
		return e.XML.Entries
	}
	return nil
}

// Flag names as codesign prints them, in the order of their bits.
var flagNames = []struct {
	flag Flags
	name string
}{
	{FlagHost, "host"}, {FlagAdHoc, "adhoc"}, {FlagGetTaskAllow, "get-task-allow"}, {FlagHard, "hard"}, {FlagKill, "kill"},
	{FlagExpires, "expires"}, {FlagRestrict, "restrict"}, {FlagEnforcement, "enforcement"},
	{FlagLibraryValidation, "library-validation"}, {FlagRuntime, "runtime"}, {FlagLinkerSigned, "linker-signed"},
}

// String returns the names of the flags, separated by commas, or "none".
func (f Flags) String() string {
	var names []string
	for _, n := range flagNames {
		if f&n.flag != 0 {
			names = append(names, n.name)
			f &^= n.flag
		}
	}
	if f != 0 {
		names = append(names, fmt.Sprintf("%#x", uint32(f)))
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ",")
}
