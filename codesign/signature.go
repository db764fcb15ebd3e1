package codesign

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/codesign/entitlements"
	"github.com/kinring/kinring/codesign/macho"
	"github.com/kinring/kinring/codesign/requirement"
	"github.com/kinring/kinring/codesign/unreadable"
)

// blobHeader is the size of the magic number and length that start a blob.
const blobHeader = 8

// parseSignature reads what LC_CODE_SIGNATURE of slice names.
func parseSignature(raw []byte, slice *Slice, o Options) (*Signature, error) {
	where := *slice.Slice.Signature
	index, err := readIndex(raw, where.Offset)
	if err != nil {
		return nil, err
	}
	s := &Signature{Range: where, Blobs: index.index}
	if err := s.readDirectories(index); err != nil {
		return nil, err
	}
	s.readRequirements(index)
	s.readEntitlements(index)
	s.readCMS(index, o.Roots)
	s.checkSpecial(index)
	s.checkAgility()
	s.checkDirectories(slice)
	s.Unaccounted = append(s.uncovered(slice), index.unaccounted(s.AdHoc())...)
	if end := slice.End(); where.End() < end {
		s.Unaccounted = append(s.Unaccounted, macho.Range{Offset: where.End(), Size: end - where.End()})
	}
	return s, nil
}

// uncovered is the code that the directory which covers least leaves out: bytes
// between its code limit and the signature.
func (s *Signature) uncovered(slice *Slice) []macho.Range {
	least := slices.MinFunc(s.Directories, func(a, b *CodeDirectory) int { return cmp.Compare(a.CodeLimit, b.CodeLimit) })
	if at := slice.Offset + least.CodeLimit; at < s.Offset {
		return []macho.Range{{Offset: at, Size: s.Offset - at}}
	}
	return nil
}

func (s *Signature) readDirectories(index *superBlob) error {
	for _, b := range index.index {
		if b.Slot != SlotDirectory && !b.Slot.alternate() {
			continue
		}
		d, err := parseDirectory(index.bytes(b), b)
		if err != nil {
			return err
		}
		s.Directories = append(s.Directories, d)
	}
	slices.SortFunc(s.Directories, func(a, b *CodeDirectory) int { return cmp.Compare(a.Slot, b.Slot) })
	if len(s.Directories) == 0 || s.Directories[0].Slot != SlotDirectory {
		return index.fail(0, "it has no code directory")
	}
	return nil
}

// offsetOf returns where a slot's blob lies in the file.
func (s *Signature) offsetOf(slot Slot) int64 {
	for _, b := range s.Blobs {
		if b.Slot == slot {
			return b.Offset
		}
	}
	return s.Offset
}

func (s *Signature) readRequirements(index *superBlob) {
	if raw, ok := index.blob(SlotRequirements); ok {
		list, err := requirement.ParseSet(raw)
		s.Requirements, s.RequirementsErr = list, unreadable.Within(err, "", s.offsetOf(SlotRequirements))
	}
}

func (s *Signature) readEntitlements(index *superBlob) {
	e := &s.Entitlements
	if raw, ok := index.blob(SlotEntitlements); ok {
		doc, err := entitlements.ParseXML(raw[blobHeader:])
		e.XML, e.XMLErr = doc, unreadable.Within(err, "", s.offsetOf(SlotEntitlements)+blobHeader)
	}
	if raw, ok := index.blob(SlotEntitlementsDER); ok {
		doc, err := entitlements.ParseDER(raw[blobHeader:])
		e.DER, e.DERErr = doc, unreadable.Within(err, "", s.offsetOf(SlotEntitlementsDER)+blobHeader)
	}
	if e.XML != nil && e.DER != nil {
		e.Differences = entitlements.Compare(e.XML, e.DER)
	}
}

// readCMS verifies the CMS message over the primary code directory. An empty
// wrapper is what an ad hoc signature has.
func (s *Signature) readCMS(index *superBlob, roots *cms.Roots) {
	raw, ok := index.blob(SlotCMS)
	if !ok || len(raw) == blobHeader {
		return
	}
	message, err := cms.Read(raw[blobHeader:], s.Primary().Raw, cms.CodeSigning, roots)
	s.CMS, s.CMSErr = message, unreadable.Within(err, "", s.offsetOf(SlotCMS)+blobHeader)
}

// external reports whether a special slot holds the hash of a file outside the
// signature: Info.plist and CodeResources.
func external(s Slot) bool { return s == SlotInfoPlist || s == SlotResources }

// checkSpecial compares the special slots of every directory with the blobs.
func (s *Signature) checkSpecial(index *superBlob) {
	for _, d := range s.Directories {
		for slot := Slot(len(d.Special) + 1); slot <= SlotLibraryConstraint; slot++ {
			d.Special = append(d.Special, SpecialHash{Slot: slot})
		}
		for i := range d.Special {
			h := &d.Special[i]
			blob, there := index.blob(h.Slot)
			h.State = specialState(d, h, blob, there)
		}
	}
}

func specialState(d *CodeDirectory, h *SpecialHash, blob []byte, there bool) SpecialState {
	switch {
	case h.Hash == nil && !there:
		return SpecialAbsent
	case h.Hash == nil:
		return SpecialUnsealed
	case there && bytes.Equal(h.Hash, d.Sum(blob)):
		return SpecialMatch
	case there:
		return SpecialMismatch
	case external(h.Slot):
		return SpecialExternal
	}
	return SpecialMissing
}

// checkAgility compares the hash agility attributes with the directories.
func (s *Signature) checkAgility() {
	if s.CMS == nil {
		return
	}
	a := &s.Agility
	a.Plist, a.Digests = s.CMS.CDHashes != nil, s.CMS.Agility != nil
	if a.Plist {
		a.compare("cdhashes attribute", len(s.CMS.CDHashes), s.Directories, func(d *CodeDirectory) bool {
			return slices.ContainsFunc(s.CMS.CDHashes, func(h []byte) bool { return bytes.Equal(h, d.CDHash) })
		})
	}
	if a.Digests {
		a.compare("digests attribute", len(s.CMS.Agility), s.Directories, func(d *CodeDirectory) bool {
			return slices.ContainsFunc(s.CMS.Agility, func(h cms.AgileHash) bool {
				return h.Hash == hashOf(d.HashType) && bytes.Equal(h.Digest, d.Hash)
			})
		})
	}
	if len(s.Directories) > 1 && !a.Plist && !a.Digests {
		a.Problems = append(a.Problems, "the alternate code directories are covered by no signed attribute")
	}
}

// compare notes each directory that an attribute does not hold, and entries too
// many.
func (a *Agility) compare(name string, entries int, directories []*CodeDirectory, holds func(*CodeDirectory) bool) {
	for _, d := range directories {
		if !holds(d) {
			a.Problems = append(a.Problems, fmt.Sprintf("the %s does not hold the code directory of slot %#x", name, uint32(d.Slot)))
		}
	}
	if entries != len(directories) {
		a.Problems = append(a.Problems, fmt.Sprintf("the %s has %d entries for %d code directories", name, entries, len(directories)))
	}
}

// checkDirectories notes what the directories say otherwise than each other or
// than the load commands.
func (s *Signature) checkDirectories(slice *Slice) {
	first := s.Primary()
	for _, d := range s.Directories {
		if want := s.Offset - slice.Offset; d.CodeLimit != want {
			s.problem(ProblemCodeLimit, d, "covers %d bytes of code, but the signature starts at %d", d.CodeLimit, want)
		}
		if !d.execSegmentFits(slice) {
			s.problem(ProblemExecSegment, d, "takes %d bytes from %d on for the executable segment, but __TEXT has %d bytes from %d on",
				d.ExecSegLimit, d.ExecSegBase, slice.Text.Size, slice.Text.Offset-slice.Offset)
		}
		if d.Identifier != first.Identifier || d.Team != first.Team || d.Flags != first.Flags {
			s.problem(ProblemNames, d, "names %q of team %q with flags %#x, the primary one %q of team %q with flags %#x",
				d.Identifier, d.Team, uint32(d.Flags), first.Identifier, first.Team, uint32(first.Flags))
		}
		if d.Scatter {
			s.problem(ProblemScatter, d, "has a scatter vector: its page hashes are not in the order of the code")
		}
	}
}

// execSegmentFits compares the executable segment with __TEXT. Tools may leave
// it out, and a linker may write the size of its section __text instead.
func (d *CodeDirectory) execSegmentFits(slice *Slice) bool {
	if d.Version < versionExecSeg || d.ExecSegLimit == 0 || d.Flags&FlagLinkerSigned != 0 {
		return true
	}
	return d.ExecSegBase == uint64(slice.Text.Offset-slice.Offset) && d.ExecSegLimit == uint64(slice.Text.Size)
}

func (s *Signature) problem(kind ProblemKind, d *CodeDirectory, format string, args ...any) {
	text := fmt.Sprintf("the code directory of slot %#x ", uint32(d.Slot)) + fmt.Sprintf(format, args...)
	s.Problems = append(s.Problems, Problem{kind, d.Slot, text})
}
