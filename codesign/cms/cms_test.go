package cms_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/smallstep/pkcs7"

	"github.com/kinring/kinring/codesign"
	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/codesign/unreadable"
	"github.com/kinring/kinring/internal/allocbound"
	"github.com/kinring/kinring/internal/signfixture"
)

// TestAppleRootsArePinned holds the embedded files to the fingerprints that
// Apple publishes at https://www.apple.com/certificateauthority/.
func TestAppleRootsArePinned(t *testing.T) {
	want := map[string]string{
		"Apple Root CA":      "b0b1730ecbc7ff4505142c49f1295e6eda6bcaed7e2c68c5be91b5a11001f024",
		"Apple Root CA - G2": "c2b9b042dd57830e7d117dac55ac8ae19407d38e41d88f3215bc3a890444a050",
		"Apple Root CA - G3": "63343abfb89a6a03ebb57e9b3f5fa7be7c4f5c756f3017b3a8c488c3653e9179",
	}
	list := cms.AppleRoots().List()
	if len(list) != len(want) {
		t.Errorf("%d roots, want %d", len(list), len(want))
	}
	for _, r := range list {
		digest := sha256.Sum256(r.Certificate.Raw)
		if got := hex.EncodeToString(digest[:]); got != want[r.Name] || r.Certificate.Subject.CommonName != r.Name {
			t.Errorf("%s: fingerprint %s, subject %s", r.Name, got, r.Certificate.Subject)
		}
	}
}

// sample is a signed message with the content that it covers.
type sample struct {
	raw, content []byte
	roots        *cms.Roots
}

// sign makes a message by signing a program.
func sign(t testing.TB, change func(*signfixture.Authority, *signfixture.Signing)) sample {
	t.Helper()
	a := signfixture.TestAuthority(t)
	s := signfixture.Signing{Identifier: "com.example.demo", Signer: a.Leaf(t, signfixture.Certificate{}), TSA: a.Timestamp}
	if change != nil {
		change(a, &s)
	}
	program := signfixture.Sign(t, signfixture.Program(t, "amd64"), s)
	f, err := codesign.Read(bytes.NewReader(program), int64(len(program)), codesign.Options{})
	if err != nil {
		t.Fatal(err)
	}
	signature := f.Slices[0].Signature
	for _, b := range signature.Blobs {
		if b.Slot == codesign.SlotCMS {
			return sample{program[b.Offset+8 : b.End()], signature.Primary().Raw, cms.NewRoots(a.Root.Certificate)}
		}
	}
	t.Fatal("the program has no message")
	return sample{}
}

// goodSample is a message that holds.
func goodSample(t testing.TB) sample { return sign(t, nil) }

func (s sample) read(t testing.TB) *cms.Message {
	t.Helper()
	m, err := cms.Read(s.raw, s.content, cms.CodeSigning, s.roots)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// verdict sums up what speaks against a message.
func verdict(m *cms.Message) error {
	err := errors.Join(m.SignatureErr, m.ChainErr)
	if m.Stamp == nil {
		err = errors.Join(err, errors.New("no time stamp"))
	} else {
		err = errors.Join(err, m.Stamp.Err)
	}
	if len(m.Unused) > 0 {
		err = errors.Join(err, errors.New("unused certificates"))
	}
	if len(m.Unsigned) > 0 {
		err = errors.Join(err, errors.New("unsigned attributes"))
	}
	return err
}

func TestGoodMessage(t *testing.T) {
	m := goodSample(t).read(t)
	if err := verdict(m); err != nil {
		t.Fatal(err)
	}
	if cms.Team(m.Signer) != signfixture.Team || m.Digest != crypto.SHA256 || len(m.Chain) != 3 || len(m.Stamp.Chain) != 3 {
		t.Errorf("team %q, digest %v, chain of %d, stamp chain of %d", cms.Team(m.Signer), m.Digest, len(m.Chain), len(m.Stamp.Chain))
	}
	if !m.SigningTime.Equal(signfixture.Now) || !m.Stamp.Time.Equal(signfixture.Now) {
		t.Errorf("signed %s, stamped %s", m.SigningTime, m.Stamp.Time)
	}
	if !cms.HasExtension(m.Chain[0], cms.MarkDeveloperID) || !cms.HasExtension(m.Chain[1], cms.MarkDeveloperIDCA) || cms.HasExtension(m.Chain[2], cms.MarkDeveloperIDCA) {
		t.Error("the marks are not where they should be")
	}
	if len(m.CDHashes) != 1 || len(m.Agility) != 1 || m.Agility[0].Hash != crypto.SHA256 {
		t.Errorf("agility %x, %+v", m.CDHashes, m.Agility)
	}
}

func TestWhatSpeaksAgainstAMessage(t *testing.T) {
	other := signfixture.OtherAuthority(t)
	for _, c := range []struct {
		name   string
		change func(*signfixture.Authority, *signfixture.Signing)
		want   string
	}{
		{"stranger's authority", func(_ *signfixture.Authority, s *signfixture.Signing) {
			s.Signer = other.Leaf(t, signfixture.Certificate{})
		}, "no pinned root"},
		{"no time stamp", func(_ *signfixture.Authority, s *signfixture.Signing) { s.TSA = nil }, "no time stamp"},
		{"stranger's time stamp", func(_ *signfixture.Authority, s *signfixture.Signing) { s.TSA = other.Timestamp }, "no pinned root"},
		{"time stamp of a code signer", func(_ *signfixture.Authority, s *signfixture.Signing) { s.TSA = s.Signer }, "not for time stamping"},
		{"signed by a time stamper", func(a *signfixture.Authority, s *signfixture.Signing) {
			s.Signer, s.Team = a.Timestamp, signfixture.Team
		}, "not for code signing"},
		{"certificate expired when stamped", func(a *signfixture.Authority, s *signfixture.Signing) {
			s.Signer = a.Leaf(t, signfixture.Certificate{Until: signfixture.Now.AddDate(0, 0, -1)})
		}, "was valid from"},
		{"certificate not yet valid", func(a *signfixture.Authority, s *signfixture.Signing) {
			s.Signer = a.Leaf(t, signfixture.Certificate{From: signfixture.Now.AddDate(0, 0, 1)})
		}, "was valid from"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := verdict(sign(t, c.change).read(t))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestStampLetsAnExpiredCertificatePass(t *testing.T) {
	s := sign(t, func(a *signfixture.Authority, s *signfixture.Signing) {
		s.Signer = a.Leaf(t, signfixture.Certificate{Until: signfixture.Now.AddDate(0, 1, 0)})
		s.Time = signfixture.Now.AddDate(1, 0, 0) // a claim; the stamp says otherwise
		s.StampTime = signfixture.Now
	})
	if err := verdict(s.read(t)); err != nil {
		t.Error(err)
	}
}

func TestOtherContent(t *testing.T) {
	s := goodSample(t)
	changed := bytes.Clone(s.content)
	changed[len(changed)-1] ^= 1
	m, err := cms.Read(s.raw, changed, cms.CodeSigning, s.roots)
	if err != nil || m.SignatureErr == nil || !strings.Contains(m.SignatureErr.Error(), "not that of the content") {
		t.Errorf("got %v, %+v", err, m)
	}
	m, err = cms.Read(s.raw, nil, cms.CodeSigning, s.roots)
	if err != nil || m.SignatureErr == nil || !strings.Contains(m.SignatureErr.Error(), "neither encloses content") {
		t.Errorf("got %v, %+v", err, m)
	}
}

func TestTestRootsAreNotApples(t *testing.T) {
	s := goodSample(t)
	for _, roots := range []*cms.Roots{nil, cms.AppleRoots(), cms.NewRoots()} {
		m, err := cms.Read(s.raw, s.content, cms.CodeSigning, roots)
		if err != nil || m.ChainErr == nil || m.Chain != nil || m.Stamp.Err == nil {
			t.Errorf("a stranger's root was trusted: %v, %v", err, m)
		}
	}
	if m := s.read(t); s.roots.Name(m.Chain) != "Kinring Test Root" || cms.AppleRoots().Name(m.Chain) != "" || s.roots.Name(nil) != "" {
		t.Error("the name of the root is wrong")
	}
}

// TestEveryFlippedByteIsSeen flips one bit of every byte of a message that
// holds, each in turn a higher one.
func TestEveryFlippedByteIsSeen(t *testing.T) {
	s := goodSample(t)
	step := 1
	if testing.Short() {
		step = 7
	}
	for i := 0; i < len(s.raw); i += step {
		raw := bytes.Clone(s.raw)
		raw[i] ^= 1 << (i % 8)
		m, err := cms.Read(raw, s.content, cms.CodeSigning, s.roots)
		if err == nil && verdict(m) == nil {
			t.Errorf("bit %d of byte %d of %d was flipped unseen", i%8, i, len(raw))
		}
	}
}

func TestEveryTruncationIsUnreadable(t *testing.T) {
	s := goodSample(t)
	for n := range len(s.raw) {
		_, err := cms.Read(s.raw[:n], s.content, cms.CodeSigning, s.roots)
		var e *unreadable.Error
		if !errors.As(err, &e) || e.Offset < 0 || e.Offset > int64(n) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	if _, err := cms.Read(append(bytes.Clone(s.raw), 0), s.content, cms.CodeSigning, s.roots); err == nil {
		t.Error("a byte after the message was not seen")
	}
	if _, err := cms.Read(make([]byte, cms.MaxSize+1), nil, cms.CodeSigning, nil); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a huge message: %v", err)
	}
}

// indefinite rewrites the outermost levels of a DER message as Apple's signer
// writes them: without lengths.
func indefinite(t *testing.T, der []byte, levels int) []byte {
	t.Helper()
	if levels == 0 {
		return der
	}
	head := 2
	if der[1] >= 0x80 {
		head += int(der[1] & 0x7f)
	}
	out := []byte{der[0], 0x80}
	for content := der[head:]; len(content) > 0; {
		n, size := 2, int(content[1])
		if content[1] >= 0x80 {
			n, size = 2+int(content[1]&0x7f), 0
			for _, c := range content[2:n] {
				size = size<<8 | int(c)
			}
		}
		element := content[:n+size]
		if element[0]&0x20 != 0 && len(element) > 200 {
			element = indefinite(t, element, levels-1)
		}
		out, content = append(out, element...), content[n+size:]
	}
	return append(out, 0, 0)
}

func TestIndefiniteLengths(t *testing.T) {
	s := goodSample(t)
	for levels := 1; levels <= 3; levels++ {
		s := s
		s.raw = indefinite(t, s.raw, levels)
		if err := verdict(s.read(t)); err != nil {
			t.Errorf("%d levels: %v", levels, err)
		}
		for cut := 1; cut < 8; cut++ {
			if _, err := cms.Read(s.raw[:len(s.raw)-cut], s.content, cms.CodeSigning, s.roots); err == nil {
				t.Errorf("%d levels: %d bytes less were not missed", levels, cut)
			}
		}
	}
}

func TestBrokenEncodings(t *testing.T) {
	deep := bytes.Repeat([]byte{0x30, 0x80}, 100)
	for _, c := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"nothing", nil, "does not end"},
		{"tag of several bytes", []byte{0x1f, 0x81, 0x01, 0}, "several bytes"},
		{"primitive without length", []byte{0x04, 0x80, 0, 0}, "indefinite length"},
		{"length of five bytes", []byte{0x30, 0x85, 0, 0, 0, 0, 0}, "past the end"},
		{"too long", []byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff}, "past the end"},
		{"deep", deep, "too deep"},
		{"unended", []byte{0x30, 0x80, 0x02, 0x01, 0x01}, "does not end"},
		{"no message", []byte{0x30, 0}, "no signed-data message"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := cms.Read(c.raw, nil, cms.CodeSigning, nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestReadersAgree has another library verify the same message, and a changed
// one.
func TestReadersAgree(t *testing.T) {
	s := goodSample(t)
	p, err := pkcs7.Parse(s.raw)
	if err != nil {
		t.Fatal(err)
	}
	p.Content = s.content
	if err := p.Verify(); err != nil {
		t.Error(err)
	}
	if got := p.GetOnlySigner(); got == nil || !got.Equal(s.read(t).Signer) {
		t.Error("the readers disagree on the signer")
	}
	p.Content = append(bytes.Clone(s.content), 0)
	if p.Verify() == nil {
		t.Error("the other reader takes changed content; the comparison shows nothing")
	}
}

func TestTeamOfNobody(t *testing.T) {
	if cms.Team(nil) != "" || cms.Team(&x509.Certificate{}) != "" || cms.HasExtension(nil, cms.MarkDeveloperID) {
		t.Error("nobody has a team or a mark")
	}
}

// TestAgilityAttributes reads those that the signer wrote wrong on purpose, and
// those that are not there.
func TestAgilityAttributes(t *testing.T) {
	none := sign(t, func(_ *signfixture.Authority, s *signfixture.Signing) { s.NoAgility = true }).read(t)
	if none.CDHashes != nil || none.Agility != nil {
		t.Errorf("%x, %v", none.CDHashes, none.Agility)
	}
	two := sign(t, func(_ *signfixture.Authority, s *signfixture.Signing) {
		s.Digests = []int{signfixture.SHA1, signfixture.SHA256}
	}).read(t)
	if len(two.CDHashes) != 2 || len(two.Agility) != 2 || two.Agility[0].Hash == two.Agility[1].Hash {
		t.Errorf("%x, %v", two.CDHashes, two.Agility)
	}
}

func FuzzRead(f *testing.F) {
	s := sign(f, nil)
	f.Add(s.raw)
	f.Add([]byte{0x30, 0x80, 0x24, 0x80, 0x04, 0x01, 0x41, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		allocbound.Check(t, len(raw), 256, func() {
			m, err := cms.Read(raw, s.content, cms.CodeSigning, s.roots)
			if err == nil && verdict(m) == nil && !m.SigningTime.Equal(signfixture.Now) {
				t.Errorf("a message signed on %s passes; the authority signed one on %s", m.SigningTime, signfixture.Now)
			}
		})
	})
}
