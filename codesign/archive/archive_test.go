package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kinring/kinring/codesign/archive"
	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/codesign/cms"
	"github.com/kinring/kinring/codesign/unreadable"
	"github.com/kinring/kinring/internal/allocbound"
	"github.com/kinring/kinring/internal/signfixture"
)

func open(t testing.TB, name string, raw []byte) (*archive.FS, archive.Kind) {
	t.Helper()
	fsys, kind, err := archive.Open(name, bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	return fsys, kind
}

func options(t testing.TB) bundle.Options {
	return bundle.Options{Roots: cms.NewRoots(signfixture.TestAuthority(t).Root.Certificate)}
}

// app is a signed app with a helper, a profile, a framework and links.
func app(t testing.TB) signfixture.Tree {
	a := signfixture.TestAuthority(t)
	leaf := a.Leaf(t, signfixture.Certificate{})
	signing := func(id string) signfixture.Signing {
		return signfixture.Signing{Identifier: id, Signer: leaf, TSA: a.Timestamp}
	}
	return signfixture.Bundle{
		Name: "Demo.app", ID: "com.example.demo", Signing: signing("com.example.demo"),
		Profile: &signfixture.Profile{AppID: "com.example.demo", Certificates: []*signfixture.Identity{leaf}},
		Files:   map[string]string{"Resources/a.txt": strings.Repeat("a", 200_000), "Resources/b.txt": "b"},
		Links:   map[string]string{"Resources/link": "a.txt"},
		Code:    []signfixture.Code{{Path: "MacOS/helper", Programs: [][]byte{signfixture.Tiny()}, Signing: signing("helper")}},
		Nested: []signfixture.Nested{{Dir: "Frameworks", Bundle: signfixture.Bundle{
			Name: "Core.framework", ID: "com.example.core", Signing: signing("com.example.core"),
			Programs: [][]byte{signfixture.SetFileType(signfixture.Tiny(), signfixture.TypeDylib)},
		}}},
	}.Build(t)
}

// describe renders what a walk finds, with every check that reads whole files.
func describe(t testing.TB, fsys fs.FS, root string) string {
	t.Helper()
	tree, err := bundle.Walk(fsys, root, options(t))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range tree.Executables {
		fmt.Fprintf(&b, "%s %s %v\n", strings.TrimPrefix(e.Path, root+"/"), e.Role, e.Err)
		if e.File != nil {
			s := e.File.Slices[0].Signature
			fmt.Fprintf(&b, "  %s %v %v\n", s.Primary().Identifier, s.CMS.SignatureErr, s.CMS.ChainErr)
		}
	}
	for _, inner := range tree.Bundles {
		report, err := bundle.VerifySeal(fsys, tree, inner)
		fmt.Fprintf(&b, "%s %s profile %v, seal %v", strings.TrimPrefix(inner.Path, root), inner.Kind, inner.Profile != nil && inner.Profile.Err == nil, err)
		if report != nil {
			fmt.Fprintf(&b, " %d %v", report.Checked, report.Problems)
		}
		b.WriteString("\n")
	}
	changes, _, err := bundle.VerifyPages(fsys, tree)
	fmt.Fprintf(&b, "pages %v %v, links %v, problems %v\n", changes, err, tree.Links, tree.Problems)
	return strings.ReplaceAll(b.String(), root+"/", "")
}

// TestEveryFormLooksAlike packs one app in every way and compares what a walk
// finds with the app as a directory.
func TestEveryFormLooksAlike(t *testing.T) {
	built := app(t)
	want := describe(t, built.FS(), "Demo.app")
	if strings.Contains(want, "unreadable") || strings.Contains(want, "{") && strings.Contains(want, "changed") {
		t.Fatalf("the app itself is broken:\n%s", want)
	}
	payload := gzipped(t, odc(t, built))
	for _, c := range []struct {
		name string
		raw  []byte
		kind archive.Kind
		root string
	}{
		{"zip", built.Zip(t), archive.Zip, "Demo.app"},
		{"stored zip", storedZip(t, built), archive.Zip, "Demo.app"},
		{"tar.gz", built.TarGz(t), archive.TarGz, "Demo.app"},
		{"tar", gunzipped(t, built.TarGz(t)), archive.Tar, "Demo.app"},
		{"component package", xar(t, xarFile{"Payload", payload, "application/octet-stream"}), archive.Pkg, "Payload/Demo.app"},
		{"product package", xar(t, xarFile{"demo.pkg/Payload", payload, "application/octet-stream"}, xarFile{"Distribution", []byte("<x/>"), "application/x-gzip"}), archive.Pkg, "demo.pkg/Payload/Demo.app"},
		{"package with plain cpio", xar(t, xarFile{"Payload", newc(t, built), "application/x-gzip"}), archive.Pkg, "Payload/Demo.app"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fsys, kind := open(t, "demo", c.raw)
			if kind != c.kind {
				t.Errorf("kind %s, want %s", kind, c.kind)
			}
			if got := describe(t, fsys, c.root); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestFinderZip: what the Finder packs beside an app is no second app.
func TestFinderZip(t *testing.T) {
	packed := app(t)
	for name := range maps.Clone(packed) {
		packed["__MACOSX/"+path.Join(path.Dir(name), "._"+path.Base(name))] = signfixture.Entry{Data: []byte("\x00\x05\x16\x07 attributes")}
	}
	fsys, _ := open(t, "demo.zip", packed.Zip(t))
	if got, want := describe(t, fsys, "."), describe(t, app(t).FS(), "."); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestFileSystemContract runs the standard library's own test of file systems.
func TestFileSystemContract(t *testing.T) {
	built := signfixture.Tree{
		"d/a":     {Data: []byte("alpha")},
		"d/e/b":   {Data: []byte(strings.Repeat("beta", 50_000))},
		"d/empty": {},
		"d/link":  {Link: "e/b"},
	}
	for name, raw := range map[string][]byte{"zip": built.Zip(t), "tar.gz": built.TarGz(t)} {
		fsys, _ := open(t, name, raw)
		if err := fstest.TestFS(fsys, "d/a", "d/e/b", "d/empty"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBareProgram(t *testing.T) {
	raw := signfixture.Program(t, "arm64")
	for name, want := range map[string]string{"dist/tool": "tool", "": "program", "/": "program"} {
		fsys, kind := open(t, name, raw)
		if _, err := fs.Stat(fsys, want); kind != archive.MachO || err != nil {
			t.Errorf("%q: %s, %v", name, kind, err)
		}
	}
}

func TestDiskImageSaysHowToMountIt(t *testing.T) {
	raw := make([]byte, 4096)
	copy(raw[len(raw)-512:], "koly")
	_, _, err := archive.Open("dist/Demo.dmg", bytes.NewReader(raw), int64(len(raw)))
	if err == nil || !strings.Contains(err.Error(), "hdiutil attach -readonly Demo.dmg") || !strings.Contains(err.Error(), "dist/Demo.dmg") {
		t.Errorf("got %v", err)
	}
}

// tarOf packs headers without content, or with as much as they say.
func tarOf(t *testing.T, headers ...*tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, h := range headers {
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		h.Mode = 0o644
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bytes.Repeat([]byte("x"), int(h.Size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestTarRefuses(t *testing.T) {
	for _, c := range []struct {
		name    string
		headers []*tar.Header
		want    string
	}{
		{"parent", []*tar.Header{{Name: "../x"}}, "leaves the archive"},
		{"parent inside", []*tar.Header{{Name: "a/../../x"}}, "leaves the archive"},
		{"absolute", []*tar.Header{{Name: "/etc/x"}}, "absolute"},
		{"twice", []*tar.Header{{Name: "a"}, {Name: "./a"}}, "occurs twice"},
		{"file and directory", []*tar.Header{{Name: "a"}, {Name: "a/b"}}, "no directory"},
		{"directory and file", []*tar.Header{{Name: "a/b"}, {Name: "a"}}, "occurs twice"},
		{"through a link", []*tar.Header{{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/etc"}, {Name: "a/passwd"}}, "no directory"},
		{"hard link to nothing", []*tar.Header{{Name: "a", Typeflag: tar.TypeLink, Linkname: "b"}}, "no earlier file"},
		{"hard link outside", []*tar.Header{{Name: "a", Typeflag: tar.TypeLink, Linkname: "../b"}}, "leaves the archive"},
		{"long name", []*tar.Header{{Name: strings.Repeat("a/", 3000) + "b"}}, "too many levels"},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := tarOf(t, c.headers...)
			_, _, err := archive.Open("x.tgz", bytes.NewReader(raw), int64(len(raw)))
			var e *unreadable.Error
			if !errors.As(err, &e) || e.Path != "x.tgz" || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestTarHardLinksAndOddEntries(t *testing.T) {
	raw := tarOf(t, &tar.Header{Name: "./", Typeflag: tar.TypeDir}, &tar.Header{Name: "d/a", Size: 3}, &tar.Header{Name: "d/b", Typeflag: tar.TypeLink, Linkname: "d/a"},
		&tar.Header{Name: "fifo", Typeflag: tar.TypeFifo}, &tar.Header{Name: "d", Typeflag: tar.TypeDir})
	fsys, _ := open(t, "x", raw)
	for _, name := range []string{"d/a", "d/b"} {
		if got, err := fs.ReadFile(fsys, name); err != nil || string(got) != "xxx" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := fs.Stat(fsys, "fifo"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a fifo became a file: %v", err)
	}
}

func TestLinksAreBounded(t *testing.T) {
	fsys, _ := open(t, "x", signfixture.Tree{
		"loop": {Link: "loop"}, "two": {Link: "three"}, "three": {Link: "two"}, "out": {Link: "../x"}, "far": {Link: "/etc/passwd"},
		"dir": {Link: "real"}, "real/f": {Data: []byte("f")}, "real/up": {Link: "../real/f"}, "gone": {Link: "nothing"},
	}.TarGz(t))
	for name, want := range map[string]string{
		"loop": "loop of them", "two": "loop of them", "out": "out of the archive", "far": "out of the archive", "gone": "does not exist", "../x": "invalid argument",
	} {
		if _, err := fsys.Open(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	for _, name := range []string{"dir/f", "dir/up", "real/up"} {
		if got, err := fs.ReadFile(fsys, name); err != nil || string(got) != "f" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if target, err := fsys.ReadLink("loop"); err != nil || target != "loop" {
		t.Errorf("%q, %v", target, err)
	}
	if _, err := fsys.ReadLink("real/f"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a file was read as a link: %v", err)
	}
}

func TestCutArchives(t *testing.T) {
	built := app(t)
	for name, raw := range map[string][]byte{"zip": built.Zip(t), "tar.gz": built.TarGz(t), "pkg": xar(t, xarFile{"Payload", gzipped(t, odc(t, built)), ""})} {
		for _, n := range []int{0, 1, 30, 300, len(raw) / 2, len(raw) - 40} {
			if _, _, err := archive.Open(name, bytes.NewReader(raw[:n]), int64(n)); err == nil {
				t.Errorf("%s cut to %d of %d bytes was opened", name, n, len(raw))
			}
		}
	}
}

func TestUnknownFile(t *testing.T) {
	raw := bytes.Repeat([]byte("text "), 200)
	if _, _, err := archive.Open("x", bytes.NewReader(raw), int64(len(raw))); err == nil || !strings.Contains(err.Error(), "it is no program, zip") {
		t.Errorf("got %v", err)
	}
	if _, _, err := archive.Open("x", bytes.NewReader(nil), 10); err == nil {
		t.Error("a file that is shorter than said was opened")
	}
}

func TestZipRefuses(t *testing.T) {
	pack := func(h *zip.FileHeader) []byte {
		var out bytes.Buffer
		w := zip.NewWriter(&out)
		if _, err := w.CreateRaw(h); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	for _, c := range []struct {
		name   string
		header zip.FileHeader
		want   string
	}{
		{"parent", zip.FileHeader{Name: "../x"}, "leaves the archive"},
		{"backslash", zip.FileHeader{Name: `a\b`}, "backslash"},
		{"encrypted", zip.FileHeader{Name: "a", Flags: 1}, "encrypted"},
		{"huge", zip.FileHeader{Name: "a", UncompressedSize64: archive.MaxEntry + 1}, "exceeds"},
	} {
		raw := pack(&c.header)
		if _, _, err := archive.Open("x.zip", bytes.NewReader(raw), int64(len(raw))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// TestEntriesThatLieAboutTheirSize reads a zip whose directory promises more
// than the entry unpacks to.
func TestEntriesThatLieAboutTheirSize(t *testing.T) {
	raw := signfixture.Tree{"a": {Data: bytes.Repeat([]byte("abc"), 1000)}}.Zip(t)
	at := bytes.LastIndex(raw, []byte("PK\x01\x02"))
	raw[at+26] = 1 // the third byte of the unpacked size: 65,536 more
	fsys, _ := open(t, "x", raw)
	if _, err := fs.ReadFile(fsys, "a"); err == nil {
		t.Error("the entry was read whole")
	}
}

// countingReader counts the bytes that are read of an archive.
type countingReader struct {
	io.ReaderAt
	read int64
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.read += int64(n)
	return n, err
}

// TestOnePass shows that a walk of a gzipped tar reads it once, and that
// comparing seals and pages in the order of the archive takes one more pass.
func TestOnePass(t *testing.T) {
	raw := app(t).TarGz(t)
	c := &countingReader{ReaderAt: bytes.NewReader(raw)}
	fsys, _, err := archive.Open("x", c, int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := bundle.Walk(fsys, "Demo.app", options(t))
	if err != nil {
		t.Fatal(err)
	}
	const start = 262
	if most := int64(len(raw)) + start; c.read > most {
		t.Errorf("opening and walking read %d bytes of %d", c.read, len(raw))
	}
	c.read = 0
	if _, err := bundle.VerifySeal(fsys, tree, tree.Bundles[0]); err != nil {
		t.Fatal(err)
	}
	if c.read > int64(len(raw)) {
		t.Errorf("comparing the seal read %d bytes of %d", c.read, len(raw))
	}
	c.read = 0
	if _, _, err := bundle.VerifyPages(fsys, tree); err != nil {
		t.Fatal(err)
	}
	if c.read > int64(len(raw)) {
		t.Errorf("comparing pages read %d bytes of %d", c.read, len(raw))
	}
}

// TestInterleavedReaders reads two files of one stream in turns.
func TestInterleavedReaders(t *testing.T) {
	long := func(c string) []byte { return []byte(strings.Repeat(c, 300_000)) }
	fsys, _ := open(t, "x", signfixture.Tree{"a": {Data: long("a")}, "b": {Data: long("b")}}.TarGz(t))
	var files [2]fs.File
	for i, name := range []string{"a", "b"} {
		f, err := fsys.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	buffer := make([]byte, 100_000)
	for range 3 {
		for i, want := range []string{"a", "b"} {
			if _, err := io.ReadFull(files[i], buffer); err != nil || string(buffer) != strings.Repeat(want, len(buffer)) {
				t.Fatalf("file %s: %v", want, err)
			}
		}
	}
}

func FuzzOpen(f *testing.F) {
	built := signfixture.Tree{"D.app/Contents/Info.plist": {Data: []byte("<dict/>")}, "D.app/l": {Link: "Contents"}}
	for _, raw := range [][]byte{
		built.Zip(f), built.TarGz(f), xar(f, xarFile{"Payload", gzipped(f, odc(f, built)), ""}),
		xar(f, xarFile{"Scripts", newc(f, built), "application/x-gzip"}), gunzipped(f, built.TarGz(f)),
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		// Deflate unpacks at most about a thousandfold.
		allocbound.Check(t, len(raw), 4096, func() {
			fsys, _, err := archive.Open("x", bytes.NewReader(raw), int64(len(raw)))
			if err == nil {
				_, _ = bundle.Walk(fsys, ".", bundle.Options{})
			}
		})
	})
}
