package preflight

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"slices"

	"github.com/kinring/kinring/codesign"
	"github.com/kinring/kinring/codesign/bundle"
)

// versionRuntime is the first code directory version with the runtime's SDK.
const versionRuntime = 0x20500

// problemRules maps what the reader finds contradictory to rules.
var problemRules = map[codesign.ProblemKind]string{
	codesign.ProblemCodeLimit: "KR126", codesign.ProblemExecSegment: "KR127",
	codesign.ProblemScatter: "KR128", codesign.ProblemNames: "KR119",
}

// checkDirectory looks at the code directory's own fields.
func (s *subject) checkDirectory() {
	d := s.dir
	signed := !s.adHoc()
	if hashRank[d.HashType] < hashRank[codesign.SHA256Truncated] {
		s.add("KR108", "the signature has SHA-1 hashes only")
	}
	if d.Flags&codesign.FlagRuntime != 0 && d.Version < versionRuntime {
		s.add("KR103", "the code directory has version %#x", d.Version)
	}
	if signed && s.isProgram() && d.Flags&codesign.FlagRuntime == 0 {
		s.add("KR105", "the code directory's flags are %#x, without runtime (0x10000)", uint32(d.Flags))
	}
	if !signed || d.Flags&codesign.FlagAdHoc != 0 {
		s.checkAdHoc()
	}
	for _, r := range s.sig.Unaccounted {
		s.add("KR120", "%d bytes at offset %d belong to no part of the signature", r.Size, r.Offset)
	}
	for _, p := range s.sig.Problems {
		s.add(problemRules[p.Kind], "%s", p)
	}
}

// checkAdHoc tells the linker's signature of a bare binary, which is usual,
// from an ad-hoc signature where a certificate is due.
func (s *subject) checkAdHoc() {
	linker := s.dir.Flags&codesign.FlagLinkerSigned != 0
	if linker && s.exe.Bundle == nil {
		s.add("KR106", "signed by the linker as %q", s.dir.Identifier)
		return
	}
	if keys := restrictedKeys(s.claims); len(keys) > 0 {
		s.add("KR204", "claims %s, and the signature holds no certificate", quoted(keys))
		return
	}
	s.add("KR104", "flags %#x, and the signature holds no certificate", uint32(s.dir.Flags))
}

// checkSlots looks at the hashes of everything that the signature seals.
func (s *subject) checkSlots() {
	for _, d := range s.sig.Directories {
		for _, h := range d.Special {
			s.checkSlot(h)
		}
		s.checkFile(d, codesign.SlotInfoPlist, "KR111", "Info.plist", s.infoPlist())
		s.checkFile(d, codesign.SlotResources, "KR112", "CodeResources", s.resources())
	}
}

// checkSlot reports a part of the signature whose hash does not hold.
func (s *subject) checkSlot(h codesign.SpecialHash) {
	switch h.State {
	case codesign.SpecialMismatch, codesign.SpecialMissing, codesign.SpecialUnsealed:
		s.add("KR110", "slot %d (%s): %s", uint32(h.Slot), slotNames[h.Slot], h.State)
	}
}

// slotNames are the slots that hold a part of the signature.
var slotNames = map[codesign.Slot]string{
	codesign.SlotInfoPlist: "Info.plist", codesign.SlotRequirements: "requirements", codesign.SlotResources: "CodeResources",
	codesign.SlotEntitlements: "entitlements", codesign.SlotEntitlementsDER: "DER entitlements",
	codesign.SlotSelfConstraint: "launch constraint", codesign.SlotParentConstraint: "parent launch constraint",
	codesign.SlotResponsibleConstraint: "responsible launch constraint", codesign.SlotLibraryConstraint: "library constraint",
}

// isMain reports whether the file is its bundle's main executable: that of an
// app, or the library that a framework is about.
func isMain(e *bundle.Executable) bool { return e.Bundle != nil && e.Bundle.Main == e }

// infoPlist is what slot 1 must hash: the bundle's file, or the section inside
// a bare executable.
func (s *subject) infoPlist() []byte {
	if isMain(s.exe) && s.exe.Bundle.Info != nil {
		return s.exe.Bundle.Info.Raw
	}
	return s.code.InfoPlist
}

// resources is what slot 3 must hash.
func (s *subject) resources() []byte {
	if isMain(s.exe) && s.exe.Bundle.Resources != nil {
		return s.exe.Bundle.Resources.Raw
	}
	return nil
}

// checkFile compares the hash of a file outside the signature.
func (s *subject) checkFile(d *codesign.CodeDirectory, slot codesign.Slot, rule, name string, content []byte) {
	hash := specialHash(d, slot)
	switch {
	case hash == nil && content == nil:
	case hash == nil:
		s.missingHash(slot, rule, name)
	case content == nil:
		s.add(rule, "the signature names %s, and there is none beside this file: it was taken out of its bundle, or the file was removed", name)
	case !bytes.Equal(hash, digest(d.HashType, content)):
		s.add(rule, "%s hashes to %x, the signature says %x", name, digest(d.HashType, content), hash)
	}
}

// missingHash reports a file that the signature does not seal. An executable
// without the hash of CodeResources was signed without its bundle.
func (s *subject) missingHash(slot codesign.Slot, rule, name string) {
	if slot == codesign.SlotResources {
		rule = "KR402"
	}
	s.add(rule, "the signature does not seal %s", name)
}

func specialHash(d *codesign.CodeDirectory, slot codesign.Slot) []byte {
	for _, h := range d.Special {
		if h.Slot == slot {
			return h.Hash
		}
	}
	return nil
}

// digest applies a code directory's hash type.
func digest(kind codesign.HashType, data []byte) []byte {
	switch kind {
	case codesign.SHA1:
		h := sha1.Sum(data)
		return h[:]
	case codesign.SHA256Truncated:
		h := sha256.Sum256(data)
		return h[:20]
	case codesign.SHA384:
		h := sha512.Sum384(data)
		return h[:]
	}
	h := sha256.Sum256(data)
	return h[:]
}

// checkSlicesAgree compares the slices of one file.
func (c *checker) checkSlicesAgree(all []*subject) {
	first := all[0]
	for _, s := range all[1:] {
		for _, d := range differences(first, s) {
			c.addPath("KR102", first.exe.Path, "", "%s and %s: %s", first.code.Arch, s.code.Arch, d)
		}
	}
}

// differences says in what two slices of a file are signed differently.
func differences(a, b *subject) (out []string) {
	if a.dir == nil || b.dir == nil {
		return nil // an unsigned slice is reported as such
	}
	if a.dir.Identifier != b.dir.Identifier {
		out = append(out, fmt.Sprintf("identifiers %q and %q", a.dir.Identifier, b.dir.Identifier))
	}
	if a.dir.Team != b.dir.Team {
		out = append(out, fmt.Sprintf("teams %q and %q", a.dir.Team, b.dir.Team))
	}
	if a.dir.Flags != b.dir.Flags {
		out = append(out, fmt.Sprintf("flags %#x and %#x", uint32(a.dir.Flags), uint32(b.dir.Flags)))
	}
	if d := dictDifference(a.claims, b.claims); d != "" {
		out = append(out, "entitlement "+d)
	}
	return slices.Clip(out)
}
