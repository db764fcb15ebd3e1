package codesign_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/kinring/kinring/codesign"
	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/codesign/unreadable"
	"github.com/kinring/kinring/internal/allocbound"
	"github.com/kinring/kinring/internal/signfixture"
)

var claims = signfixture.AppEntitlements(signfixture.Team, "com.example.demo", "com.example.shared")

// signing is that of a well-made release.
func signing(t testing.TB, change ...func(*signfixture.Signing)) signfixture.Signing {
	a := signfixture.TestAuthority(t)
	s := signfixture.Signing{Identifier: "com.example.demo", Signer: a.Leaf(t, signfixture.Certificate{}), TSA: a.Timestamp, Entitlements: claims}
	for _, f := range change {
		f(&s)
	}
	return s
}

func signed(t testing.TB, change ...func(*signfixture.Signing)) []byte {
	return signfixture.Sign(t, signfixture.Program(t, "arm64"), signing(t, change...))
}

func options(t testing.TB) codesign.Options {
	return codesign.Options{Roots: cms.NewRoots(signfixture.TestAuthority(t).Root.Certificate)}
}

func read(t testing.TB, raw []byte) *codesign.File {
	t.Helper()
	f, err := codesign.Read(bytes.NewReader(raw), int64(len(raw)), options(t))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// faults lists everything that speaks against the signature of a slice.
func faults(s *codesign.Slice) []string {
	g := s.Signature
	if g == nil {
		return []string{"not signed"}
	}
	out := append([]string{}, g.Agility.Problems...)
	for _, p := range g.Problems {
		out = append(out, p.String())
	}
	for _, err := range []error{g.RequirementsErr, g.Entitlements.XMLErr, g.Entitlements.DERErr, g.CMSErr} {
		if err != nil {
			out = append(out, err.Error())
		}
	}
	for _, d := range g.Entitlements.Differences {
		out = append(out, d.String())
	}
	for _, r := range g.Unaccounted {
		out = append(out, "unaccounted bytes", string(rune(r.Size)))
	}
	for _, d := range g.Directories {
		for _, h := range d.Special {
			if h.State > codesign.SpecialMatch && h.State != codesign.SpecialExternal {
				out = append(out, "special slot "+h.State.String())
			}
		}
	}
	return append(out, cmsFaults(g.CMS)...)
}

func cmsFaults(m *cms.Message) (out []string) {
	if m == nil {
		return []string{"no signer"}
	}
	for _, err := range []error{m.SignatureErr, m.ChainErr} {
		if err != nil {
			out = append(out, err.Error())
		}
	}
	switch {
	case m.Stamp == nil:
		out = append(out, "no time stamp")
	case m.Stamp.Err != nil:
		out = append(out, m.Stamp.Err.Error())
	}
	if len(m.Unused)+len(m.Unsigned) > 0 {
		out = append(out, "parts of the message are used by nothing")
	}
	return out
}

func TestGoodSignature(t *testing.T) {
	f := read(t, signed(t))
	s := &f.Slices[0]
	if got := faults(s); len(got) > 0 {
		t.Fatal(got)
	}
	g, d := s.Signature, s.Signature.Primary()
	if d.Identifier != "com.example.demo" || d.Team != signfixture.Team || d.Flags != codesign.FlagRuntime || d.Version != 0x20500 || d.HashType != codesign.SHA256 {
		t.Errorf("%+v", d)
	}
	if d.PageSize != 4096 || d.ExecSegFlags&1 == 0 || d.Runtime == 0 || d.PageCount != int((d.CodeLimit+4095)/4096) {
		t.Errorf("%+v", d)
	}
	if !bytes.Equal(d.CDHash, signfixture.CDHash(signed(t))) || g.Best() != d || g.AdHoc() {
		t.Error("the cdhash is another one, or the directory is not the best")
	}
	if !strings.HasPrefix(g.Designated(), `identifier "com.example.demo" and anchor apple generic`) {
		t.Errorf("designated requirement %s", g.Designated())
	}
	if groups, ok := g.Entitlements.Effective().Strings("keychain-access-groups"); !ok || groups[0] != signfixture.Team+".com.example.shared" {
		t.Errorf("groups %v", groups)
	}
	if d.SpecialHash(codesign.SlotEntitlements).State != codesign.SpecialMatch || d.SpecialHash(codesign.SlotInfoPlist).State != codesign.SpecialAbsent {
		t.Errorf("special slots %+v", d.Special)
	}
}

func TestLinkerSignedAndUnsigned(t *testing.T) {
	s := &read(t, signfixture.Program(t, "arm64")).Slices[0]
	d := s.Signature.Primary()
	if d.Identifier != "a.out" || d.Flags.String() != "adhoc,linker-signed" || !s.Signature.AdHoc() || s.Signature.Designated() != "" {
		t.Errorf("%+v", d)
	}
	if got := faults(s); len(got) != 1 || got[0] != "no signer" {
		t.Errorf("faults %v", got)
	}
	if s := read(t, signfixture.Program(t, "amd64")).Slices[0]; s.Signature != nil || s.Arch != "x86_64" {
		t.Errorf("%+v", s)
	}
}

func TestFatSignature(t *testing.T) {
	thin := func(arch string) []byte { return signfixture.Sign(t, signfixture.Program(t, arch), signing(t)) }
	for _, wide := range []bool{false, true} {
		f := read(t, signfixture.Fat(wide, thin("amd64"), thin("arm64")))
		if !f.Fat || f.Wide != wide || len(f.Slices) != 2 {
			t.Fatalf("%+v", f)
		}
		for i := range f.Slices {
			if got := faults(&f.Slices[i]); len(got) > 0 {
				t.Errorf("slice %d: %v", i, got)
			}
		}
	}
}

func TestAlternateDirectories(t *testing.T) {
	f := read(t, signed(t, func(s *signfixture.Signing) { s.Digests = []int{signfixture.SHA1, signfixture.SHA256} }))
	g := f.Slices[0].Signature
	if got := faults(&f.Slices[0]); len(got) > 0 {
		t.Fatal(got)
	}
	if len(g.Directories) != 2 || g.Primary().HashType != codesign.SHA1 || g.Best().HashType != codesign.SHA256 || g.Best().Slot != codesign.SlotAlternate {
		t.Errorf("%d directories, primary %v, best %v", len(g.Directories), g.Primary().HashType, g.Best().HashType)
	}
	f = read(t, signed(t, func(s *signfixture.Signing) {
		s.Digests, s.NoAgility = []int{signfixture.SHA1, signfixture.SHA256}, true
	}))
	if got := faults(&f.Slices[0]); len(got) != 1 || !strings.Contains(got[0], "covered by no signed attribute") {
		t.Errorf("faults %v", got)
	}
}

func TestEveryHashType(t *testing.T) {
	for _, kind := range []int{signfixture.SHA1, signfixture.SHA256, signfixture.SHA256Truncated, signfixture.SHA384} {
		raw := signed(t, func(s *signfixture.Signing) { s.Digests = []int{kind} })
		f := read(t, raw)
		d := f.Slices[0].Signature.Primary()
		if got := faults(&f.Slices[0]); len(got) > 0 || int(d.HashType) != kind {
			t.Errorf("hash type %d: %v", kind, got)
		}
		if r, err := codesign.VerifyPages(bytes.NewReader(raw), &f.Slices[0]); err != nil || r.Bad != 0 || r.Pages != d.PageCount {
			t.Errorf("hash type %d: %+v, %v", kind, r, err)
		}
	}
}

// TestWhatSpeaksAgainstASignature breaks one part of a signature at a time.
func TestWhatSpeaksAgainstASignature(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*signfixture.Signing)
		want   string
	}{
		{"xml of another list", func(s *signfixture.Signing) { s.XML = claims.Without("keychain-access-groups").XML() }, "keychain-access-groups: nothing"},
		{"xml is no list", func(s *signfixture.Signing) { s.XML = []byte("<dict>") }, "property list"},
		{"der is no list", func(s *signfixture.Signing) { s.DER = []byte{1, 2} }, "der entitlements"},
		{"entitlements dropped", func(s *signfixture.Signing) { s.Break = func(b *signfixture.Blobs) { b.Drop(5) } }, "special slot missing"},
		{"requirements changed", func(s *signfixture.Signing) {
			s.Break = func(b *signfixture.Blobs) {
				for i := range b.Slots {
					if b.Slots[i].Slot == 2 {
						b.Slots[i].Bytes = signfixture.DeveloperIDRequirement("com.example.other", signfixture.Team)
					}
				}
			}
		}, "special slot mismatch"},
		{"requirements broken", func(s *signfixture.Signing) {
			s.Requirements = []byte("\xfa\xde\x0c\x01\x00\x00\x00\x0c\x00\x00\x00\x09")
		}, "requirements do not fit"},
		{"unsealed blob", func(s *signfixture.Signing) {
			s.Break = func(b *signfixture.Blobs) {
				b.Slots = append(b.Slots, signfixture.Blob{Slot: 8, Bytes: []byte("\xfa\xde\x81\x81\x00\x00\x00\x08")})
			}
		}, "special slot unsealed"},
		{"agility of other code", func(s *signfixture.Signing) { s.WrongAgility = true }, "does not hold the code directory"},
		{"no message", func(s *signfixture.Signing) { s.Break = func(b *signfixture.Blobs) { b.Drop(0x10000) } }, "no signer"},
		{"message broken", func(s *signfixture.Signing) {
			s.Break = func(b *signfixture.Blobs) {
				for i := range b.Slots {
					if b.Slots[i].Slot == 0x10000 {
						b.Slots[i].Bytes = []byte("\xfa\xde\x0b\x01\x00\x00\x00\x0a\x30\x00")
					}
				}
			}
		}, "no signed-data message"},
		{"bytes after the signature", func(s *signfixture.Signing) {
			s.Break = func(b *signfixture.Blobs) { b.Padding = []byte("hidden") }
		}, "unaccounted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := read(t, signed(t, c.change))
			if got := strings.Join(faults(&f.Slices[0]), "; "); !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestBytesAfterTheSliceAreSeen(t *testing.T) {
	f := read(t, append(signed(t), "appended"...))
	if got := f.Slices[0].Signature.Unaccounted; len(got) != 1 || got[0].Size != 8 {
		t.Errorf("%v", got)
	}
}

// TestCodeBehindTheLimitIsSeen has a code directory that ends one byte early.
func TestCodeBehindTheLimitIsSeen(t *testing.T) {
	raw := signfixture.Program(t, "arm64")
	at, _ := signfixture.SignatureRange(raw)
	directory := at + int(binary.BigEndian.Uint32(raw[at+16:]))
	g := read(t, edit(raw, directory+32, uint32(at-1))).Slices[0].Signature
	if len(g.Unaccounted) != 1 || g.Unaccounted[0].Offset != int64(at-1) || g.Unaccounted[0].Size != 1 {
		t.Errorf("unaccounted %v", g.Unaccounted)
	}
	if len(g.Problems) != 1 || g.Problems[0].Kind != codesign.ProblemCodeLimit || !strings.Contains(g.Problems[0].Text, "but the signature starts at") {
		t.Errorf("problems %q", g.Problems)
	}
}

// TestEveryFlippedByteIsSeen flips one bit of every byte of a signature; of the
// page hashes, which are one array under one digest, of every 16th. A short run
// flips some of them.
func TestEveryFlippedByteIsSeen(t *testing.T) {
	raw := signed(t)
	offset, size := signfixture.SignatureRange(raw)
	o := options(t)
	d := read(t, raw).Slices[0].Signature.Primary()
	pages := int(d.End()) - offset - d.PageCount*d.HashSize
	step := 1
	if testing.Short() {
		step = 37
	}
	for i := 0; i < size; i += step {
		if i >= pages && i < int(d.End())-offset && i%16 != 0 {
			continue
		}
		raw[offset+i] ^= 1 << (i % 8)
		f, err := codesign.Read(bytes.NewReader(raw), int64(len(raw)), o)
		if err == nil && len(faults(&f.Slices[0])) == 0 {
			t.Errorf("bit %d of byte %d of the signature was flipped unseen", i%8, i)
		}
		raw[offset+i] ^= 1 << (i % 8)
	}
}

func TestVerifyPages(t *testing.T) {
	raw := signed(t)
	f := read(t, raw)
	s := &f.Slices[0]
	report, err := codesign.VerifyPages(bytes.NewReader(raw), s)
	if err != nil || report.Bad != 0 || report.Pages != s.Signature.Primary().PageCount || report.Read != s.Signature.Primary().CodeLimit {
		t.Fatalf("%+v, %v", report, err)
	}
	for _, page := range []int{0, 7, report.Pages - 1} {
		raw[page*4096+5] ^= 0x10
	}
	report, err = codesign.VerifyPages(bytes.NewReader(raw), s)
	if err != nil || report.Bad != 3 || report.First[0] != 0 || report.First[1] != 7*4096 || report.First[2] != int64(report.Pages-1)*4096 {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err := codesign.VerifyPages(bytes.NewReader(raw[:8192]), s); err == nil || !strings.Contains(err.Error(), "code at offset 8192") {
		t.Errorf("code that ends early: %v", err)
	}
	unsigned := read(t, signfixture.Program(t, "amd64"))
	if r, err := codesign.VerifyPages(bytes.NewReader(nil), &unsigned.Slices[0]); err != nil || r.Pages != 0 {
		t.Errorf("an unsigned slice: %+v, %v", r, err)
	}
}

// edit overwrites one big-endian word.
func edit(raw []byte, at int, word uint32) []byte {
	out := bytes.Clone(raw)
	binary.BigEndian.PutUint32(out[at:], word)
	return out
}

func TestReadRefuses(t *testing.T) {
	raw := signed(t)
	at, size := signfixture.SignatureRange(raw)
	directory := at + 12 + 8*int(binary.BigEndian.Uint32(raw[at+8:]))
	short := func(b []byte) []byte {
		out := bytes.Clone(raw[:at+len(b)])
		copy(out[at:], b)
		return out
	}
	for _, c := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"no superblob", edit(raw, at, 0xfade0cc1), "magic number 0xfade0cc1"},
		{"zero length", edit(raw, at+4, 0), "does not fit into its 0 bytes"},
		{"length past the end", edit(raw, at+4, uint32(size+1)), "LC_CODE_SIGNATURE gives it"},
		{"huge count", edit(raw, at+8, 0x10000000), "an index of 268435456 blobs"},
		{"count of no blobs", edit(raw, at+8, 0), "no code directory"},
		{"blob in the header", edit(raw, at+16, 4), "outside the signature"},
		{"blob outside", edit(raw, at+16, 0x7fffffff), "outside the signature"},
		{"slot twice", edit(edit(raw, at+20, 0), at+24, binary.BigEndian.Uint32(raw[at+16:])), "slot 0x0 occurs twice"},
		{"slots share a blob", edit(edit(raw, at+20, 0x1000), at+24, binary.BigEndian.Uint32(raw[at+16:])), "overlap"},
		{"blob of no bytes", edit(raw, directory+4, 0), "says that it is 0 bytes long"},
		{"blob too long", edit(raw, directory+4, 0x7fffffff), "bytes long"},
		{"wrong magic", edit(raw, directory, 0xfade0c01), "magic number"},
		{"no primary directory", edit(raw, at+12, 0x1000), "no code directory"},
		{"version too old", edit(raw, directory+8, 0x10000), "version 0x10000 is unknown"},
		{"version too new", edit(raw, directory+8, 0x30000), "version 0x30000 is unknown"},
		{"hash type", edit(raw, directory+36, 0x2009000c), "hashes of type 9"},
		{"hash size", edit(raw, directory+36, 0x1402000c), "hashes of type 2 and 20 bytes"},
		{"page size", edit(raw, directory+36, 0x2002003f), "pages of 2^63 bytes"},
		{"page count", edit(raw, directory+28, 3), "3 page hashes"},
		{"code limit", edit(raw, directory+32, 1), "page hashes for 1 bytes"},
		{"hash offset", edit(raw, directory+16, 0x7fffffff), "do not fit"},
		{"hash offset in the header", edit(raw, directory+16, 50), "special slots do not fit"},
		{"special count", edit(raw, directory+24, 0xffffffff), "special slots do not fit"},
		{"identifier outside", edit(raw, directory+20, 0xffffffff), "identifier lies outside"},
		{"identifier in the header", edit(raw, directory+20, 8), "identifier lies outside"},
		{"team outside", edit(raw, directory+48, 0x7fffffff), "team lies outside"},
		{"huge code limit", edit(raw, directory+56, 0x7fffffff), "too large"},
		{"signature cut", short(raw[at : at+10]), "outside"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := codesign.Read(bytes.NewReader(c.raw), int64(len(c.raw)), codesign.Options{})
			var e *unreadable.Error
			if !errors.As(err, &e) || !strings.Contains(e.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if e.Offset < 0 || e.Offset > int64(len(c.raw)) && !strings.Contains(e.Problem, "lies outside") {
				t.Errorf("offset %d lies outside %d bytes", e.Offset, len(c.raw))
			}
		})
	}
}

// TestEveryTruncationIsToldOf cuts a program inside its signature.
func TestEveryTruncationIsToldOf(t *testing.T) {
	raw := signed(t)
	at, size := signfixture.SignatureRange(raw)
	for n := at; n < at+size; n += 7 {
		if _, err := codesign.Read(bytes.NewReader(raw[:n]), int64(n), codesign.Options{}); err == nil {
			t.Fatalf("cut to %d bytes of %d: no error", n, len(raw))
		}
	}
}

// TestUnterminatedIdentifier is a directory whose strings run to its end.
func TestUnterminatedIdentifier(t *testing.T) {
	raw := signed(t)
	at, _ := signfixture.SignatureRange(raw)
	directory := at + 12 + 8*int(binary.BigEndian.Uint32(raw[at+8:]))
	length := binary.BigEndian.Uint32(raw[directory+4:])
	end := directory + int(length)
	raw = edit(raw, directory+20, length-1)
	raw[end-1] = 'x'
	if _, err := codesign.Read(bytes.NewReader(raw), int64(len(raw)), codesign.Options{}); err == nil || !strings.Contains(err.Error(), "identifier does not end") {
		t.Errorf("got %v", err)
	}
}

// TestReadsHeadersAndSignatureOnly counts what is read of a large program.
func TestReadsHeadersAndSignatureOnly(t *testing.T) {
	large, err := signfixture.Grow(signfixture.Program(t, "arm64"), 32<<20)
	if err != nil {
		t.Fatal(err)
	}
	raw := signfixture.Sign(t, large, signing(t))
	_, size := signfixture.SignatureRange(raw)
	f := read(t, raw)
	if most := int64(size) + 32<<10; f.Read > most || f.Read < int64(size) {
		t.Errorf("%d bytes were read of a file of %d with a signature of %d", f.Read, len(raw), size)
	}
	if got := faults(&f.Slices[0]); len(got) > 0 {
		t.Error(got)
	}
}

// broken is a disk that fails at an offset.
type broken struct {
	io.ReaderAt
	at int64
}

func (b broken) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.at {
		return 0, io.ErrClosedPipe
	}
	return b.ReaderAt.ReadAt(p, off)
}

func TestReadPassesOnErrors(t *testing.T) {
	raw := signed(t)
	at, _ := signfixture.SignatureRange(raw)
	for _, limit := range []int64{4, 40, int64(at) + 4} {
		if _, err := codesign.Read(broken{bytes.NewReader(raw), limit}, int64(len(raw)), codesign.Options{}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("a disk that fails at %d: %v", limit, err)
		}
	}
}

func TestFlagNames(t *testing.T) {
	for flags, want := range map[codesign.Flags]string{
		0: "none", codesign.FlagAdHoc | codesign.FlagLinkerSigned: "adhoc,linker-signed", codesign.FlagRuntime | 0x40000000: "runtime,0x40000000",
	} {
		if got := flags.String(); got != want {
			t.Errorf("%#x: %s, want %s", uint32(flags), got, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	// The code of a fixture would drown the signature: page hashes of a program
	// that is cut short suffice.
	f.Add(small(f))
	o := options(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		allocbound.Check(t, len(raw), 256, func() {
			file, err := codesign.Read(bytes.NewReader(raw), int64(len(raw)), o)
			if err != nil {
				return
			}
			for i := range file.Slices {
				_ = faults(&file.Slices[i])
				_, _ = codesign.VerifyPages(bytes.NewReader(raw), &file.Slices[i])
			}
		})
	})
}

// small makes a Mach-O file of a header, one load command and a real signature.
func small(t testing.TB) []byte {
	raw := signed(t)
	at, size := signfixture.SignatureRange(raw)
	le := binary.LittleEndian
	head := []byte{}
	for _, n := range []uint32{0xfeedfacf, 0x0100000c, 0, 2, 1, 16, 0, 0, 0x1d, 16, 48, uint32(size)} {
		head = le.AppendUint32(head, n)
	}
	return append(head, raw[at:at+size]...)
}

func TestSmallSeedReads(t *testing.T) {
	f := read(t, small(t))
	if got := strings.Join(faults(&f.Slices[0]), "; "); !strings.Contains(got, "but the signature starts at 48") {
		t.Errorf("the seed shows %q", got)
	}
}
