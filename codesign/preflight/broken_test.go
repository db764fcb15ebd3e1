package preflight

import (
	"bytes"
	"testing"

	"github.com/kinring/kinring/codesign"
	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/internal/signfixture"
)

// judgeBytes replaces one file of the tree and judges the rest with it.
func (k *kit) judgeBytes(good tree, name string, data []byte) *Report {
	t := good.Clone()
	t[name] = signfixture.Entry{Data: data, Exec: t[name].Exec}
	in, err := Load("broken", t.FS(), ".", bundle.Options{Roots: k.roots()}, false)
	if err != nil {
		return nil
	}
	return Check([]Input{in}, options())
}

// TestTruncatedFilesAreNeverGood cuts each file that matters at many places.
func TestTruncatedFilesAreNeverGood(t *testing.T) {
	k := newKit(t)
	good := k.app().Build(k)
	for name, e := range good {
		step := max(1, len(e.Data)/61)
		for n := 0; n < len(e.Data) && e.Link == "" && name != "Demo.app/Contents/Resources/a.txt"; n += step {
			if r := k.judgeBytes(good, name, e.Data[:n]); r != nil && len(r.Findings) == 0 {
				t.Errorf("%s cut to %d of %d bytes: no findings", name, n, len(e.Data))
			}
		}
	}
}

// TestAbsentFilesAreNeverGood removes each file in turn, reading whole files.
func TestAbsentFilesAreNeverGood(t *testing.T) {
	k := newKit(t)
	good := k.good().Build(k)
	for name := range good {
		t2 := good.Clone()
		delete(t2, name)
		r := Check([]Input{k.input("absent", t2, true)}, options())
		if len(r.Findings) == 0 && !frameworkLink(good[name]) {
			t.Errorf("%s removed: no findings", name)
		}
	}
}

// frameworkLink tells the links of a framework to its current version, which
// no seal holds.
func frameworkLink(e signfixture.Entry) bool { return e.Link != "" && e.Link != "a.txt" }

// TestSwappedPartsAreNeverGood exchanges a part of one app with that of another
// which is good by itself.
func TestSwappedPartsAreNeverGood(t *testing.T) {
	k := newKit(t)
	id := "org.kinring.another"
	good := k.app().Build(k)
	foreign := k.app(func(b *bdl) { b.ID, b.Signing, b.Profile = id, k.signing(id, k.claims(id)), k.profile(id) }).Build(k)
	for name := range good {
		if bytes.Equal(good[name].Data, foreign[name].Data) {
			continue
		}
		if r := k.judgeBytes(good, name, foreign[name].Data); r != nil && len(r.Findings) == 0 {
			t.Errorf("%s of another app: no findings", name)
		}
	}
}

// bench is a good app that has been read once, and of which only the signature
// of its main executable is exchanged.
type bench struct {
	k      *kit
	input  Input
	main   *bundle.Executable
	data   []byte // of the good executable
	offset int    // of its signature
	buffer []byte
}

func newBench(k *kit) *bench {
	b := &bench{k: k}
	good := k.app(tiny).Build(k)
	b.input, b.data = k.input("bench", good, false), good[mainExe].Data
	b.offset, _ = signfixture.SignatureRange(b.data)
	for _, e := range b.input.Tree.Executables {
		if e.Path == mainExe {
			b.main = e
		}
	}
	return b
}

// judge puts a signature in the place of the good one, filled up with zeros to
// the space that the load command names, and judges the app. It also reports
// whether the executable is still the good one.
func (b *bench) judge(signature []byte) (r *Report, same bool) {
	b.buffer = append(append(b.buffer[:0], b.data[:b.offset]...), signature...)
	if missing := len(b.data) - len(b.buffer); missing > 0 {
		b.buffer = append(b.buffer, make([]byte, missing)...)
	}
	b.main.File, b.main.Err = codesign.Read(bytes.NewReader(b.buffer), int64(len(b.buffer)), codesign.Options{Roots: b.k.roots()})
	return Check([]Input{b.input}, options()), bytes.Equal(b.buffer, b.data)
}

// FuzzCheckSignature puts any bytes in the place of an executable's signature.
// Whatever they are, judging ends, and only the true ones are good.
func FuzzCheckSignature(f *testing.F) {
	b := newBench(newKit(f))
	f.Add([]byte{})
	f.Add(b.data[b.offset:])
	f.Add(bytes.Repeat([]byte{0xff}, 64))
	f.Add([]byte("\xfa\xde\x0c\xc0\x00\x00\x00\x14\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, signature []byte) {
		r, same := b.judge(signature)
		if same != (len(r.Findings) == 0) {
			t.Errorf("the good signature: %v; findings: %s", same, describe(r))
		}
	})
}
