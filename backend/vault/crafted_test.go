package vault

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/allocbound"
	"github.com/kinring/kinring/store"
)

// craftedPage is the size of the pages of crafted files: SQLite's largest, which
// holds the most cells.
const craftedPage = 65536

// The kinds of pages of a table's tree, as the SQLite file format describes them
// under "B-tree Pages".
const (
	interiorPage = 0x05
	leafPage     = 0x0d
)

// fillPage writes a page's header at a place and as many cells as there is room for:
// those that are given, the last of them again and again.
func fillPage(p []byte, header int, kind byte, right uint32, cells ...[]byte) {
	h, pointers := p[header:], 8
	if kind == interiorPage {
		binary.BigEndian.PutUint32(h[8:], right)
		pointers = 12
	}
	end, n := len(p), 0
	for ; ; n++ {
		cell := cells[min(n, len(cells)-1)]
		if end-len(cell) < header+pointers+2*n+2 {
			break
		}
		end -= len(cell)
		copy(p[end:], cell)
		binary.BigEndian.PutUint16(h[pointers+2*n:], uint16(end))
	}
	h[0] = kind
	binary.BigEndian.PutUint16(h[3:], uint16(n))
	binary.BigEndian.PutUint16(h[5:], uint16(end))
}

// child is a cell of an interior page.
func child(page uint32) []byte { return append(binary.BigEndian.AppendUint32(nil, page), 1) }

// withEndlessSchema gives a vault a schema of some 10^11 rows in five pages: each page
// stands below its parent as often as there is room. Its rows are such as SQLite takes
// any number of times.
func withEndlessSchema(t *testing.T, path string) {
	t.Helper()
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pages := uint32(len(image) / craftedPage)
	tables, middle, leaf := pages+1, pages+2, pages+3
	first := image[:craftedPage]
	moved := slices.Clone(first) // a cell's place counts from the page's beginning
	copy(moved, first[100:100+8+2*3])
	clear(first[100:])
	fillPage(first, 100, interiorPage, middle, child(tables), child(middle))
	below, rows := make([]byte, craftedPage), make([]byte, craftedPage)
	fillPage(below, 0, interiorPage, leaf, child(leaf))
	const name = "sqlite_autoindex_items_1"
	record := slices.Concat([]byte{6, 13 + 2*5, 13 + 2*byte(len(name)), 13 + 2*5, 1, 0}, []byte("index"+name+"items"), []byte{4})
	fillPage(rows, 0, leafPage, 0, append([]byte{byte(len(record)), 1}, record...))
	image = slices.Concat(image, moved, below, rows)
	binary.BigEndian.PutUint32(image[28:], pages+3)
	rewrite(t, path, image)
}

// TestEndlessSchema: SQLite reads the schema before anything can be asked of it, and
// that ends with the context.
func TestEndlessSchema(t *testing.T) {
	path := newVaultIn(t, t.TempDir(), build{cost: cheap.cost, pageSize: craftedPage})
	withEndlessSchema(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, options(path)); !errors.Is(err, store.ErrTimedOut) {
		t.Error(err)
	}
}

// TestLongRow: of a row that is longer than a vault's can be nothing is read, neither
// where it is asked for nor where all are.
func TestLongRow(t *testing.T) {
	for _, column := range []string{"revision", "meta", "value"} {
		path := filled(t)
		sqlExec(t, path, "UPDATE items SET "+column+" = zeroblob(67108864)")
		s := openVault(t, path)
		allocbound.Check(t, longestRow, 2, func() {
			_, err := s.Get(t.Context(), key("there"))
			wantClass(t, err, store.ErrCorrupt)
		})
		allocbound.Check(t, longestRow, 2, func() {
			d, err := Check(t.Context(), options(path))
			if err == nil && d.Whole() {
				t.Error("the vault is whole")
			}
		})
	}
}

// TestCheckEndsWithTheContext: SQLite's own look at a file takes as long as the file
// is large, and whoever gave up is not told of damage.
func TestCheckEndsWithTheContext(t *testing.T) {
	s := openVault(t, filled(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.file.read(t.Context(), func(n *conn) error {
		complaints, err := n.integrity(ctx)
		if len(complaints) > 0 {
			t.Errorf("%v", complaints)
		}
		return err
	})
	wantClass(t, err, store.ErrCancelled)
}
