package archive_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/kinring/kinring/codesign/archive"
	"github.com/kinring/kinring/internal/signfixture"
)

func gzipped(t testing.TB, raw []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	_, err = z.Write(raw)
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func gunzipped(t testing.TB, raw []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func storedZip(t testing.TB, tree signfixture.Tree) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		e := tree[name]
		h := &zip.FileHeader{Name: name, Method: zip.Store}
		h.SetMode(tree.FS()[name].Mode)
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write(content(e))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func content(e signfixture.Entry) []byte {
	if e.Link != "" {
		return []byte(e.Link)
	}
	return e.Data
}

// cpioMode is the raw mode of an entry; directories are left out, as a reader
// must make them.
func cpioMode(e signfixture.Entry) int {
	switch {
	case e.Link != "":
		return 0o120777
	case e.Exec:
		return 0o100755
	}
	return 0o100644
}

// odc packs a tree in the layout that Apple's package tools write.
func odc(t testing.TB, tree signfixture.Tree) []byte {
	t.Helper()
	var b bytes.Buffer
	entry := func(name string, mode int, data []byte) {
		fmt.Fprintf(&b, "070707%06o%06o%06o%06o%06o%06o%06o%011o%06o%011o%s\x00", 1, 2, mode, 0, 0, 1, 0, 0, len(name)+1, len(data), name)
		b.Write(data)
	}
	entry(".", 0o040755, nil)
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		entry("./"+name, cpioMode(tree[name]), content(tree[name]))
	}
	entry("TRAILER!!!", 0, nil)
	return b.Bytes()
}

// newc packs a tree in the layout of SVR4.
func newc(t testing.TB, tree signfixture.Tree) []byte {
	t.Helper()
	var b bytes.Buffer
	pad := func() { b.Write(make([]byte, -b.Len()&3)) }
	entry := func(name string, mode int, data []byte) {
		fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00", 2, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0, name)
		pad()
		b.Write(data)
		pad()
	}
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		entry(name, cpioMode(tree[name]), content(tree[name]))
	}
	entry("TRAILER!!!", 0, nil)
	return b.Bytes()
}

// xarFile is a file of an installer package; its name may have one directory.
type xarFile struct {
	name  string
	data  []byte
	style string
}

// stored is the file's content as xar stores it.
func (f xarFile) stored(t testing.TB) []byte {
	if f.style != "application/x-gzip" {
		return f.data
	}
	var b bytes.Buffer
	z, err := zlib.NewWriterLevel(&b, zlib.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	_, err = z.Write(f.data)
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// xar packs an installer package.
func xar(t testing.TB, files ...xarFile) []byte {
	t.Helper()
	var toc, heap bytes.Buffer
	toc.WriteString(`<?xml version="1.0" encoding="UTF-8"?><xar><toc>`)
	for i, f := range files {
		dir, name := path.Split(f.name)
		data := f.stored(t)
		if dir != "" {
			fmt.Fprintf(&toc, `<file id="d%d"><name>%s</name><type>directory</type>`, i, strings.TrimSuffix(dir, "/"))
		}
		fmt.Fprintf(&toc, `<file id="%d"><name>%s</name><type>file</type><data><length>%d</length><offset>%d</offset><size>%d</size><encoding style="%s"/></data></file>`,
			i, name, len(data), heap.Len(), len(f.data), f.style)
		if dir != "" {
			toc.WriteString("</file>")
		}
		heap.Write(data)
	}
	toc.WriteString("</toc></xar>")
	return xarOf(t, toc.Bytes(), heap.Bytes())
}

// xarOf joins a table of contents and a heap.
func xarOf(t testing.TB, toc, heap []byte) []byte {
	t.Helper()
	packed := xarFile{data: toc, style: "application/x-gzip"}.stored(t)
	b := binary.BigEndian.AppendUint16([]byte("xar!"), 28)
	b = binary.BigEndian.AppendUint16(b, 1)
	b = binary.BigEndian.AppendUint64(b, uint64(len(packed)))
	b = binary.BigEndian.AppendUint64(b, uint64(len(toc)))
	b = binary.BigEndian.AppendUint32(b, 0)
	return append(append(b, packed...), heap...)
}

func TestPackageRefuses(t *testing.T) {
	text := func(toc string) []byte { return xarOf(t, []byte("<xar><toc>"+toc+"</toc></xar>"), nil) }
	lying := text("")
	lying[23]++
	huge := text("")
	huge[8] = 0x7f
	var deep strings.Builder
	for range 140 {
		deep.WriteString("<file><name>d</name><type>directory</type>")
	}
	deep.WriteString(strings.Repeat("</file>", 140))
	for _, c := range []struct {
		name string
		raw  []byte
		want string
	}{
		{"header only", []byte("xar!"), "shorter than its header"},
		{"huge table", huge, "too large"},
		{"size of the table", lying, "does not unpack to the size"},
		{"no zlib", append(text("")[:28], make([]byte, 200)...), "not compressed with zlib"},
		{"no xml", xarOf(t, []byte("<xar>"), nil), "does not read"},
		{"file outside", text("<file><name>a</name><type>file</type><data><length>5</length><offset>0</offset><size>5</size></data></file>"), "lies outside"},
		{"negative offset", text("<file><name>a</name><type>file</type><data><length>0</length><offset>-1</offset><size>5</size></data></file>"), "lies outside"},
		{"name with a parent", text("<file><name>../a</name><type>directory</type></file>"), "leaves the archive"},
		{"deep", text(deep.String()), "deeper than 128 levels"},
		{"unknown compression", xar(t, xarFile{"Payload", []byte("x"), "application/x-lzma"}), "pkgutil --expand-full"},
		{"payload of xz chunks", xar(t, xarFile{"Payload", []byte("pbzx\x00\x00\x00\x00"), ""}), "pkgutil --expand-full"},
		{"payload of nothing", xar(t, xarFile{"Payload", nil, ""}), "shorter than any archive"},
		{"payload of text", xar(t, xarFile{"Payload", []byte("hello, world"), ""}), "no gzip, bzip2 or cpio"},
		{"payload without trailer", xar(t, xarFile{"Payload", []byte("070707"), ""}), "does not end"},
		{"payload with bad numbers", xar(t, xarFile{"Payload", []byte("070707" + strings.Repeat("x", 70)), ""}), "no octal"},
		{"payload with bad hexadecimal", xar(t, xarFile{"Payload", []byte("070701" + strings.Repeat("x", 104)), ""}), "no hexadecimal"},
		{"payload with a huge name", xar(t, xarFile{"Payload", []byte("070707" + strings.Repeat("0", 53) + "777777" + strings.Repeat("0", 11)), ""}), "the name of an entry"},
		{"payload that leaves", xar(t, xarFile{"Payload", odc(t, signfixture.Tree{"../x": {}}), ""}), "leaves the archive"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, _, err := archive.Open("x.pkg", bytes.NewReader(c.raw), int64(len(c.raw))); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
