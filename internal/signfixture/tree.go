package signfixture

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// Tree is a file tree in memory, by slash-separated path.
type Tree map[string]Entry

// Entry is a file, or a symbolic link where Link is set.
type Entry struct {
	Data []byte
	Link string
	Exec bool
}

// Add copies every entry of other under dir; "" is the top.
func (t Tree) Add(dir string, other Tree) Tree {
	for p, e := range other {
		t[join(dir, p)] = e
	}
	return t
}

// Remove deletes a file, or everything under a directory.
func (t Tree) Remove(path string) {
	delete(t, path)
	maps.DeleteFunc(t, func(p string, _ Entry) bool { return strings.HasPrefix(p, path+"/") })
}

// Clone copies the tree; data is shared until replaced.
func (t Tree) Clone() Tree { return maps.Clone(t) }

// FS presents the tree as a file system with symbolic links.
func (t Tree) FS() fstest.MapFS {
	out := fstest.MapFS{}
	for p, e := range t {
		file := &fstest.MapFile{Data: e.Data, Mode: e.mode(), ModTime: Now}
		if e.Link != "" {
			file.Data = []byte(e.Link)
		}
		out[p] = file
	}
	return out
}

func (e Entry) mode() fs.FileMode {
	switch {
	case e.Link != "":
		return fs.ModeSymlink | 0o777
	case e.Exec:
		return 0o755
	}
	return 0o644
}

func (t Tree) paths() []string { return slices.Sorted(maps.Keys(t)) }

// Write puts the tree on disk under dir.
func (t Tree) Write(tb testing.TB, dir string) {
	tb.Helper()
	for _, p := range t.paths() {
		to := filepath.Join(dir, filepath.FromSlash(p))
		err := os.MkdirAll(filepath.Dir(to), 0o755)
		if e := t[p]; err == nil && e.Link != "" {
			err = os.Symlink(e.Link, to)
		} else if err == nil {
			err = os.WriteFile(to, e.Data, e.mode())
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// Zip packs the tree as ditto does: symbolic links are entries with that mode.
func (t Tree) Zip(tb testing.TB) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	w.RegisterCompressor(zip.Deflate, func(to io.Writer) (io.WriteCloser, error) { return flate.NewWriter(to, flate.BestSpeed) })
	for _, p := range t.paths() {
		h := &zip.FileHeader{Name: p, Method: zip.Deflate, Modified: Now}
		h.SetMode(t[p].mode())
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = f.Write(t[p].content())
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func (e Entry) content() []byte {
	if e.Link != "" {
		return []byte(e.Link)
	}
	return e.Data
}

// TarGz packs the tree as npm and release pages do.
func (t Tree) TarGz(tb testing.TB) []byte {
	tb.Helper()
	var out bytes.Buffer
	z := must(gzip.NewWriterLevel(&out, gzip.BestSpeed))
	w := tar.NewWriter(z)
	for _, p := range t.paths() {
		if err := t[p].writeTar(w, p); err != nil {
			tb.Fatal(err)
		}
	}
	for _, c := range []io.Closer{w, z} {
		if err := c.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	return out.Bytes()
}

func (e Entry) writeTar(w *tar.Writer, path string) error {
	h := &tar.Header{Name: path, Mode: int64(e.mode().Perm()), Size: int64(len(e.Data)), ModTime: Now, Typeflag: tar.TypeReg}
	if e.Link != "" {
		h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, e.Link, 0
	}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err := w.Write(e.Data)
	return err
}

func join(dir, path string) string {
	if dir == "" {
		return path
	}
	return dir + "/" + path
}
