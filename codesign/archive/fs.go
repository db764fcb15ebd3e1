package archive

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kinring/kinring/codesign/unreadable"
)

// FS is the read-only file system of an archive. It knows symbolic links (it
// implements fs.ReadLinkFS) and follows them in Open and Stat, inside the
// archive only.
type FS struct{ root *node }

// node is a file, a directory or a link.
type node struct {
	name     string
	mode     fs.FileMode
	size     int64
	modified time.Time
	link     string           // target of a link
	children map[string]*node // of a directory
	order    int              // where the content lies in the archive
	content  io.ReaderAt      // of a file
}

// builder adds entries to a file system as they come.
type builder struct {
	fs    *FS
	count int
	total int64
}

func newBuilder() *builder {
	return &builder{fs: &FS{root: &node{name: ".", mode: fs.ModeDir | 0o755, children: map[string]*node{}}}}
}

// add puts a node at a path. A directory that exists already is left as it is.
func (b *builder) add(name string, n *node) error {
	if b.count++; b.count > MaxEntries {
		return limitError("archive", "it has more than %d entries", MaxEntries)
	}
	clean, err := cleanName(name)
	if err != nil {
		return err
	}
	if n.size < 0 || n.size > MaxEntry || b.total > MaxTotal-n.size {
		return limitError("archive", "with %q, %d bytes, it exceeds the %d bytes of one entry or the %d of all", clean, n.size, int64(MaxEntry), int64(MaxTotal))
	}
	b.total += n.size
	n.order = b.count
	if clean == "." {
		return nil
	}
	parent, err := b.parent(path.Dir(clean))
	if err != nil {
		return err
	}
	n.name = path.Base(clean)
	if old := parent.children[n.name]; old != nil {
		if old.mode.IsDir() && n.mode.IsDir() {
			return nil
		}
		return unreadable.At("archive", 0, "the entry %q occurs twice", clean)
	}
	if n.mode.IsDir() {
		n.children = map[string]*node{}
	}
	parent.children[n.name] = n
	return nil
}

// maxName bounds the bytes of an entry's path, maxLevels its depth.
const (
	maxName   = 4096
	maxLevels = 128
)

// cleanName refuses names that leave the archive or that systems read
// differently.
func cleanName(name string) (string, error) {
	trimmed := strings.TrimSuffix(name, "/")
	clean := path.Clean(trimmed)
	switch {
	case len(name) > maxName || strings.Count(clean, "/") > maxLevels:
		return "", unreadable.At("archive", 0, "the name of an entry has %d bytes or too many levels", len(name))
	case trimmed == "" || clean == ".":
		return ".", nil
	case strings.HasPrefix(name, "/") || strings.ContainsRune(name, 0):
		return "", unreadable.At("archive", 0, "the entry %q has an absolute or malformed name", name)
	case slices.Contains(strings.Split(trimmed, "/"), ".."):
		return "", unreadable.At("archive", 0, "the entry %q leaves the archive", name)
	case !fs.ValidPath(clean):
		return "", unreadable.At("archive", 0, "the entry %q has a malformed name", name)
	}
	return clean, nil
}

// parent finds a directory or makes it.
func (b *builder) parent(dir string) (*node, error) {
	at := b.fs.root
	if dir == "." {
		return at, nil
	}
	for part := range strings.SplitSeq(dir, "/") {
		next := at.children[part]
		if next == nil {
			if b.count++; b.count > MaxEntries {
				return nil, limitError("archive", "it has more than %d entries", MaxEntries)
			}
			next = &node{name: part, mode: fs.ModeDir | 0o755, children: map[string]*node{}, order: b.count}
			at.children[part] = next
		}
		if !next.mode.IsDir() {
			return nil, unreadable.At("archive", 0, "an entry lies under %q in %q, which is no directory", part, dir)
		}
		at = next
	}
	return at, nil
}

// maxLinks bounds the links that one path follows, as systems do.
const maxLinks = 40

var (
	errLoop   = errors.New("too many symbolic links, or a loop of them")
	errLeaves = errors.New("a symbolic link leads out of the archive")
)

// find returns the node at a path. A link at the end is followed where follow
// is set, links before it always.
func (f *FS) find(op, name string, follow bool) (*node, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	todo, links := split(name), 0
	trail := []*node{f.root}
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		if part == ".." {
			if len(trail) == 1 {
				return nil, &fs.PathError{Op: op, Path: name, Err: errLeaves}
			}
			trail = trail[:len(trail)-1]
			continue
		}
		n := trail[len(trail)-1].children[part]
		if n == nil {
			return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		if n.mode&fs.ModeSymlink == 0 || len(todo) == 0 && !follow {
			trail = append(trail, n)
			continue
		}
		if links++; links > maxLinks {
			return nil, &fs.PathError{Op: op, Path: name, Err: errLoop}
		}
		if path.IsAbs(n.link) {
			return nil, &fs.PathError{Op: op, Path: name, Err: errLeaves}
		}
		todo = append(split(n.link), todo...)
	}
	return trail[len(trail)-1], nil
}

// split cuts a path into the parts that mean something.
func split(name string) []string {
	return slices.DeleteFunc(strings.Split(name, "/"), func(part string) bool { return part == "" || part == "." })
}

// Open implements fs.FS. A file also implements io.ReaderAt.
func (f *FS) Open(name string) (fs.File, error) {
	n, err := f.find("open", name, true)
	if err != nil {
		return nil, err
	}
	if n.mode.IsDir() {
		return &dir{n: n, list: n.list()}, nil
	}
	if n.content == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return &file{n: n}, nil
}

// ReadDir implements fs.ReadDirFS.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := f.find("readdir", name, true)
	if err != nil {
		return nil, err
	}
	if !n.mode.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("it is no directory")}
	}
	return n.list(), nil
}

// Stat implements fs.StatFS.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	n, err := f.find("stat", name, true)
	if err != nil {
		return nil, err
	}
	return info{n}, nil
}

// Lstat implements fs.ReadLinkFS.
func (f *FS) Lstat(name string) (fs.FileInfo, error) {
	n, err := f.find("lstat", name, false)
	if err != nil {
		return nil, err
	}
	return info{n}, nil
}

// ReadLink implements fs.ReadLinkFS.
func (f *FS) ReadLink(name string) (string, error) {
	n, err := f.find("readlink", name, false)
	if err != nil {
		return "", err
	}
	if n.mode&fs.ModeSymlink == 0 {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return n.link, nil
}

// Order tells where a file lies in the archive, lower first. Reading files in
// this order needs one pass over a stream.
func (f *FS) Order(name string) int {
	n, err := f.find("order", name, true)
	if err != nil {
		return 0
	}
	return n.order
}

// list returns a directory's entries by name.
func (n *node) list() []fs.DirEntry {
	out := make([]fs.DirEntry, 0, len(n.children))
	for _, c := range n.children {
		out = append(out, fs.FileInfoToDirEntry(info{c}))
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out
}

// info presents a node as fs.FileInfo.
type info struct{ n *node }

func (i info) Name() string       { return i.n.name }
func (i info) Size() int64        { return i.n.size }
func (i info) Mode() fs.FileMode  { return i.n.mode }
func (i info) ModTime() time.Time { return i.n.modified }
func (i info) IsDir() bool        { return i.n.mode.IsDir() }
func (i info) Sys() any           { return nil }

// file is an open file.
type file struct {
	n  *node
	at int64
}

func (f *file) Stat() (fs.FileInfo, error) { return info{f.n}, nil }

// Close ends the pass over the archive that reading the file began.
func (f *file) Close() error {
	if r, ok := f.n.content.(*replay); ok {
		r.stop()
	}
	return nil
}

// Read implements fs.File.
func (f *file) Read(p []byte) (int, error) {
	if f.at >= f.n.size {
		return 0, io.EOF
	}
	n, err := f.ReadAt(p[:min(int64(len(p)), f.n.size-f.at)], f.at)
	f.at += int64(n)
	return n, err
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= f.n.size {
		return 0, io.EOF
	}
	want := min(int64(len(p)), f.n.size-off)
	n, err := f.n.content.ReadAt(p[:want], off)
	if int64(n) == want && n == len(p) {
		return n, nil
	}
	if err == nil {
		err = io.EOF
	}
	return n, err
}

// dir is an open directory.
type dir struct {
	n    *node
	list []fs.DirEntry
}

func (d *dir) Stat() (fs.FileInfo, error) { return info{d.n}, nil }
func (d *dir) Close() error               { return nil }
func (d *dir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.n.name, Err: errors.New("it is a directory")}
}

// ReadDir implements fs.ReadDirFile.
func (d *dir) ReadDir(count int) ([]fs.DirEntry, error) {
	if count > 0 && len(d.list) == 0 {
		return nil, io.EOF
	}
	if count <= 0 || count > len(d.list) {
		count = len(d.list)
	}
	out := d.list[:count]
	d.list = d.list[count:]
	return out, nil
}
