package codesign_test

import (
	"bytes"
	"encoding/hex"
	"io"
	"testing"

	second "github.com/blacktop/go-macho"
	secondtypes "github.com/blacktop/go-macho/pkg/codesign/types"
	loads "github.com/blacktop/go-macho/types"

	"github.com/kinring/kinring/codesign"
	"github.com/kinring/kinring/internal/signfixture"
)

// secondReader reads a thin program with another reader, of which only the
// commands that matter here are asked.
func secondReader(t *testing.T, r io.ReaderAt) *second.File {
	t.Helper()
	f, err := second.NewFile(r, second.FileConfig{LoadIncluding: []loads.LoadCmd{loads.LC_CODE_SIGNATURE, loads.LC_UUID, loads.LC_BUILD_VERSION}})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// compareReaders holds our reading of a thin program against the other reader's.
func compareReaders(t *testing.T, r io.ReaderAt, s *codesign.Slice) {
	t.Helper()
	f := secondReader(t, r)
	if uint32(f.Type) != uint32(s.Type) || uint32(f.CPU) != s.CPU {
		t.Errorf("type %v and cpu %v, we read %s and %s", f.Type, f.CPU, s.Type, s.Arch)
	}
	if u := f.UUID(); u != nil && [16]byte(u.UUID) != s.UUID {
		t.Errorf("uuid %v, we read %x", u.UUID, s.UUID)
	}
	other := f.CodeSignature()
	if (other == nil) != (s.Signature == nil) {
		t.Fatalf("only one reader finds a signature: %v, we %v", other, s.Signature)
	}
	if other != nil {
		compareSignatures(t, other, s.Signature)
	}
}

func compareSignatures(t *testing.T, other *second.CodeSignature, ours *codesign.Signature) {
	t.Helper()
	if len(other.CodeDirectories) != len(ours.Directories) {
		t.Fatalf("%d code directories, we read %d", len(other.CodeDirectories), len(ours.Directories))
	}
	for i := range other.CodeDirectories {
		compareDirectories(t, &other.CodeDirectories[i], ours.Directories[i])
	}
	if len(other.Requirements) != len(ours.Requirements) {
		t.Errorf("%d requirements, we read %d", len(other.Requirements), len(ours.Requirements))
	}
	var xml, der []byte
	if ours.Entitlements.XML != nil {
		xml = ours.Entitlements.XML.Raw
	}
	if ours.Entitlements.DER != nil {
		der = ours.Entitlements.DER.Raw
	}
	if other.Entitlements != string(xml) || !bytes.Equal(other.EntitlementsDER, der) {
		t.Errorf("entitlements\n%s\n%x\nwe read\n%s\n%x", other.Entitlements, other.EntitlementsDER, xml, der)
	}
}

func compareDirectories(t *testing.T, other *secondtypes.CodeDirectory, ours *codesign.CodeDirectory) {
	t.Helper()
	h := other.Header
	if other.ID != ours.Identifier || other.TeamID != ours.Team || uint32(h.Version) != ours.Version || uint32(h.Flags) != uint32(ours.Flags) {
		t.Errorf("%s %s %#x %#x, we read %s %s %#x %#x", other.ID, other.TeamID, h.Version, h.Flags, ours.Identifier, ours.Team, ours.Version, ours.Flags)
	}
	if uint8(h.HashType) != uint8(ours.HashType) || other.CDHash != hex.EncodeToString(ours.Hash) {
		t.Errorf("hash type %d, hash %s; we read %d, %x", h.HashType, other.CDHash, ours.HashType, ours.Hash)
	}
	limit := other.CodeLimit
	if limit == 0 { // the other reader fills it in from version 0x20300 on only
		limit = uint64(h.CdEarliest.CodeLimit)
	}
	if int64(limit) != ours.CodeLimit || len(other.CodeSlots) != ours.PageCount {
		t.Fatalf("%d pages of %d bytes, we read %d of %d", len(other.CodeSlots), limit, ours.PageCount, ours.CodeLimit)
	}
	for i, slot := range other.CodeSlots {
		if !bytes.Equal(slot.Hash, ours.PageHash(i)) {
			t.Fatalf("page %d: %x, we read %x", i, slot.Hash, ours.PageHash(i))
		}
	}
	for _, slot := range other.SpecialSlots {
		want := ours.SpecialHash(codesign.Slot(slot.Index)).Hash
		if want == nil {
			want = make([]byte, ours.HashSize)
		}
		if !bytes.Equal(slot.Hash, want) {
			t.Errorf("special slot %d: %x, we read %x", slot.Index, slot.Hash, want)
		}
	}
}

func TestReadersAgreeOnFixtures(t *testing.T) {
	for name, raw := range map[string][]byte{
		"release":         signed(t),
		"no entitlements": signed(t, func(s *signfixture.Signing) { s.Entitlements = nil }),
		"two directories": signed(t, func(s *signfixture.Signing) { s.Digests = []int{signfixture.SHA1, signfixture.SHA256} }),
		"ad hoc":          signed(t, func(s *signfixture.Signing) { s.Signer, s.TSA = nil, nil }),
		"old directory":   signed(t, func(s *signfixture.Signing) { s.Version = 0x20200 }),
		"linker-signed":   signfixture.Program(t, "arm64"),
		"unsigned":        signfixture.Program(t, "amd64"),
	} {
		t.Run(name, func(t *testing.T) {
			compareReaders(t, bytes.NewReader(raw), &read(t, raw).Slices[0])
		})
	}
}
