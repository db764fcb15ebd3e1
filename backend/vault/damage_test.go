package vault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kinring/kinring/store"
)

// small is a vault with small pages: it has every kind of page that a large one
// has, and few enough bits to flip each.
var small = build{cost: cheap.cost, pageSize: 512}

// contents is what the damaged vaults hold.
var contents = map[string]string{"a": "value of a", "b": numbered(1)[:700], "c": ""}

// undamaged makes a closed vault with contents, and with others as filling up to
// a size, and returns the bytes of its file.
func undamaged(t *testing.T, size int64) (path string, image []byte) {
	t.Helper()
	path = newVaultIn(t, t.TempDir(), small)
	s := openVault(t, path)
	for n := range size / 1150 {
		mustPut(t, s, fmt.Sprintf("%s%d", filling, n), numbered(int(n))[:900])
	}
	for account, value := range contents {
		mustPut(t, s, account, "replaced "+value)
		mustPut(t, s, account, value)
	}
	mustPut(t, s, "deleted", "deleted")
	if err := s.Delete(t.Context(), key("deleted"), store.Any()); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, image
}

// filling begins the names of items that are there to make a vault large.
const filling = "filling "

// verdict is how often reading ended in which way.
type verdict struct {
	right, refused int
	bit            int    // that is flipped
	keyFile        string // if it is not the default one
}

// read opens a damaged vault and reads all of it in every way. Each answer must
// be the right one, or an error that says that something is wrong.
func (v *verdict) read(t *testing.T, path string) {
	t.Helper()
	o := options(path)
	if v.keyFile != "" {
		o.Keys = []KeySource{KeyFile(v.keyFile)}
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		v.refuse(t, err)
		return
	}
	defer s.Close()
	for account, value := range contents {
		got, err := s.Get(t.Context(), key(account))
		switch {
		case err != nil:
			v.refuse(t, err)
		case string(got.Value.Bytes()) != value:
			t.Fatalf("bit %d: %s: a wrong value of %d bytes", v.bit, account, got.Value.Len())
		default:
			v.right++
		}
	}
	if _, err := s.Get(t.Context(), key("deleted")); errors.Is(err, store.ErrNotFound) {
		v.right++
	} else {
		v.refuse(t, err)
	}
	v.list(t, s)
}

func (v *verdict) list(t *testing.T, s store.Store) {
	t.Helper()
	entries, err := s.List(t.Context(), "")
	if err != nil {
		v.refuse(t, err)
		return
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Key.Account, filling) {
			names = append(names, e.Key.Account)
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, []string{"a", "b", "c"}) {
		t.Fatalf("a wrong list: %v", names)
	}
	v.right++
}

func (v *verdict) refuse(t *testing.T, err error) {
	t.Helper()
	for _, class := range []*store.Class{store.ErrCorrupt, store.ErrDenied, store.ErrUnsupported, store.ErrLocked} {
		if errors.Is(err, class) {
			v.refused++
			return
		}
	}
	t.Fatalf("bit %d: neither right nor refused: %v", v.bit, err)
}

// long reports whether the tests may take as long as they need.
func long() bool { return os.Getenv("KINRING_LONG") != "" }

// TestEveryBitFlip flips one bit of a vault at a time: of a small one, and of one
// of 64 KiB, of which all bits take the long form.
func TestEveryBitFlip(t *testing.T) {
	for size, stride := range map[int64]int{0: 13, 64 << 10: 1511} { // prime to 8, so that every position in a byte is met
		switch {
		case testing.Short():
			stride *= 5
		case long():
			stride = 1
		}
		t.Run(fmt.Sprintf("%d KiB", size>>10), func(t *testing.T) { flipEach(t, size, stride) })
	}
}

func flipEach(t *testing.T, size int64, stride int) {
	path, image := undamaged(t, size)
	if len(image) < int(size) {
		t.Fatalf("the vault has %d bytes only", len(image))
	}
	var whole verdict
	if whole.read(t, path); whole.refused > 0 {
		t.Fatal("the undamaged vault is not read")
	}
	parts := runtime.GOMAXPROCS(0)
	for part := range parts {
		t.Run(strconv.Itoa(part), func(t *testing.T) {
			t.Parallel()
			flips(t, image, DefaultKeyFile(path), part*stride, parts*stride)
		})
	}
}

// flips does every stride-th bit from the first on, on a copy of its own.
func flips(t *testing.T, image []byte, keyFile string, first, stride int) {
	path := filepath.Join(inMemory(t), "vault.db")
	rewrite(t, path, image)
	// One open file for all flips: closing it while a vault is open would drop
	// SQLite's locks.
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v := verdict{keyFile: keyFile}
	for v.bit = first; v.bit < 8*len(image); v.bit += stride {
		at := int64(v.bit / 8)
		writeByte(t, f, at, image[at]^1<<(v.bit%8))
		before := v.right + v.refused
		v.read(t, path)
		if v.right+v.refused == before {
			t.Fatalf("bit %d: nothing was read", v.bit)
		}
		writeByte(t, f, at, image[at])
	}
	t.Logf("%d bytes, stride %d: %d right answers, %d refusals", len(image), stride, v.right, v.refused)
}

func writeByte(t *testing.T, f *os.File, at int64, b byte) {
	t.Helper()
	if _, err := f.WriteAt([]byte{b}, at); err != nil {
		t.Fatal(err)
	}
}

// TestEveryTruncation cuts a vault off after each length, in the long form after
// really each, and of 64 KiB.
func TestEveryTruncation(t *testing.T) {
	size, stride := int64(0), 7
	switch {
	case testing.Short():
		stride = 97
	case long():
		size, stride = 64<<10, 1
	}
	path, image := undamaged(t, size)
	v := verdict{keyFile: DefaultKeyFile(path)}
	path = filepath.Join(inMemory(t), "vault.db")
	for size := 0; size < len(image); size += stride {
		rewrite(t, path, image[:size])
		v.read(t, path)
	}
	t.Logf("%d bytes, stride %d: %d right answers, %d refusals", len(image), stride, v.right, v.refused)
	if v.refused == 0 {
		t.Error("no cut was noticed")
	}
}

// TestFlippedLog damages the log of a killed writer: what is read is right, an
// error, or the state before one of the writes in the log, never a mixture.
func TestFlippedLog(t *testing.T) {
	path := newVaultIn(t, t.TempDir(), small)
	startWorker(t, "one", path).killed(t)
	log, err := os.ReadFile(path + "-wal")
	if err != nil || len(log) == 0 {
		t.Fatalf("%d bytes, %v", len(log), err)
	}
	for at := 0; at < len(log); at += 41 {
		log[at] ^= 4
		rewrite(t, path+"-wal", log)
		log[at] ^= 4
		readDamagedLog(t, path)
	}
	for size := range len(log) {
		if size < 100 || size%53 == 0 {
			rewrite(t, path+"-wal", log[:size])
			readDamagedLog(t, path)
		}
	}
}

func readDamagedLog(t *testing.T, path string) {
	t.Helper()
	s := openVault(t, path)
	got, err := s.Get(t.Context(), key("there"))
	if err == nil && string(got.Value.Bytes()) != sentinel {
		t.Fatal("a wrong value")
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		(&verdict{}).refuse(t, err)
	}
	if s.file.reading == accessRead && soundLog(path) && !s.file.bareLog() {
		t.Error("SQLite gave up on a log that was taken for readable")
	}
	mustClose(t, s)
}

// TestTampering changes rows as somebody could who can write to the file and
// knows its format, but not its key.
func TestTampering(t *testing.T) {
	foreign := newVault(t)
	s := openVault(t, foreign)
	mustPut(t, s, "a", "of another vault")
	mustClose(t, s)
	attach := fmt.Sprintf("ATTACH '%s' AS other; ", foreign)
	tests := map[string]struct {
		change string
		get    *store.Class // of a
		miss   *store.Class // of a key that was never there
	}{
		"address of another key":  {"UPDATE items SET id = zeroblob(32) WHERE id = :a; UPDATE items SET id = :a WHERE id = :b; UPDATE items SET id = :b WHERE id = zeroblob(32)", store.ErrCorrupt, store.ErrCorrupt},
		"value of another key":    {"UPDATE items SET value = (SELECT value FROM items WHERE id = :b) WHERE id = :a", store.ErrCorrupt, store.ErrNotFound},
		"meta of another key":     {"UPDATE items SET meta = (SELECT meta FROM items WHERE id = :b) WHERE id = :a", store.ErrCorrupt, store.ErrNotFound},
		"boxes exchanged":         {"UPDATE items SET meta = value, value = meta WHERE id = :a", store.ErrCorrupt, store.ErrNotFound},
		"row of another key":      {"UPDATE items SET (revision, generation, kind, meta, value) = (SELECT revision, generation, kind, meta, value FROM items WHERE id = :b) WHERE id = :a", store.ErrCorrupt, store.ErrCorrupt},
		"row of another vault":    {attach + "UPDATE items SET (revision, meta, value) = (SELECT revision, meta, value FROM other.items) WHERE id = :a", store.ErrCorrupt, store.ErrCorrupt},
		"another generation":      {"UPDATE items SET generation = generation + 1 WHERE id = :a", store.ErrCorrupt, store.ErrNotFound},
		"made a marker":           {"UPDATE items SET kind = 1 WHERE id = :a", store.ErrCorrupt, store.ErrNotFound},
		"another revision":        {"UPDATE items SET revision = zeroblob(16) WHERE id = :a", store.ErrCorrupt, store.ErrCorrupt},
		"removed":                 {"DELETE FROM items WHERE id = :a", store.ErrCorrupt, store.ErrCorrupt},
		"added":                   {"INSERT INTO items SELECT zeroblob(32), revision, generation, kind, meta, value FROM items WHERE id = :b", nil, store.ErrCorrupt},
		"state of another vault":  {attach + "UPDATE state SET box = (SELECT box FROM other.state)", nil, store.ErrCorrupt},
		"a long state":            {"UPDATE state SET box = zeroblob(300)", nil, store.ErrCorrupt},
		"header of another vault": {attach + "UPDATE header SET (body, mac) = (SELECT body, mac FROM other.header)", store.ErrDenied, store.ErrDenied},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := newVault(t)
			s := openVault(t, path)
			mustPut(t, s, "a", sentinel)
			mustPut(t, s, "b", sentinel)
			a, b := s.sealer().id(key("a")), s.sealer().id(key("b"))
			mustClose(t, s)
			sqlExec(t, path, bind(tt.change, a, b))
			checkTampered(t, path, "a", tt.get)
			checkTampered(t, path, "missing", tt.miss)
		})
	}
}

// bind fills in addresses as literals, which several statements can share.
func bind(query string, a, b []byte) string {
	return strings.NewReplacer(":a", "x'"+hexOf(a)+"'", ":b", "x'"+hexOf(b)+"'").Replace(query)
}

// checkTampered reads a key in a store of its own, which has verified nothing.
func checkTampered(t *testing.T, path, account string, class *store.Class) {
	t.Helper()
	s, err := Open(t.Context(), options(path))
	if err == nil {
		defer s.Close()
		_, err = s.Get(t.Context(), key(account))
	}
	if class == nil && err == nil {
		return
	}
	wantClass(t, err, class)
}

// TestTamperedRowIsNeitherReplacedNorDeleted: a condition is never judged by what
// does not authenticate.
func TestTamperedRowIsNeitherReplacedNorDeleted(t *testing.T) {
	path := newVault(t)
	s := openVault(t, path)
	rev := mustPut(t, s, "a", sentinel)
	mustClose(t, s)
	sqlExec(t, path, "UPDATE items SET kind = 1")
	s = openVault(t, path)
	for _, cond := range []store.Condition{store.Any(), store.Absent(), store.Match(rev)} {
		_, err := s.Put(t.Context(), key("a"), item("new"), cond)
		wantClass(t, err, store.ErrCorrupt)
	}
	wantClass(t, s.Delete(t.Context(), key("a"), store.Any()), store.ErrCorrupt)
	_, err := s.List(t.Context(), "")
	wantClass(t, err, store.ErrCorrupt)
}

// TestEarlierRowIsNoticed puts a row back as it was before it was replaced. It
// authenticates by itself, and so the whole does not.
func TestEarlierRowIsNoticed(t *testing.T) {
	path := newVault(t)
	s := openVault(t, path)
	mustPut(t, s, "a", "earlier")
	mustClose(t, s)
	attach := keepRows(t, path)
	s = openVault(t, path)
	mustPut(t, s, "a", "later")
	mustClose(t, s)
	sqlExec(t, path, attach+"INSERT OR REPLACE INTO items SELECT * FROM other.kept")
	s = openVault(t, path)
	_, err := s.List(t.Context(), "")
	wantClass(t, err, store.ErrCorrupt)
	_, err = s.Get(t.Context(), key("missing"))
	wantClass(t, err, store.ErrCorrupt)
}

// keepRows copies the rows to a file of their own, as the table other.kept to who
// runs what it returns.
func keepRows(t *testing.T, path string) (attach string) {
	t.Helper()
	kept := filepath.Join(t.TempDir(), "kept")
	rewrite(t, kept, nil)
	attach = fmt.Sprintf("ATTACH '%s' AS other; ", kept)
	sqlExec(t, path, attach+"CREATE TABLE other.kept AS SELECT * FROM items")
	return attach
}

func TestWholeVaultMoves(t *testing.T) {
	path, image := undamaged(t, 0)
	moved := filepath.Join(t.TempDir(), "moved.db")
	rewrite(t, moved, image)
	s, err := Open(t.Context(), Options{Path: moved, Keys: []KeySource{KeyFile(DefaultKeyFile(path))}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	wantValue(t, s, "a", contents["a"])
}

// TestRepair: what cannot be read is removed on purpose, with the name where that
// can be read, and nothing else is; afterwards the vault is whole and the key free.
func TestRepair(t *testing.T) {
	for name, tt := range map[string]struct {
		change string
		rows   int
		named  string
		lost   bool
		left   []string
	}{
		"whole":          {"SELECT 1", 0, "", false, []string{"a", "b"}},
		"a value":        {"UPDATE items SET value = zeroblob(50) WHERE id = :a", 1, "a", false, []string{"b"}},
		"a name":         {"UPDATE items SET meta = zeroblob(50) WHERE id = :a", 1, "", false, []string{"b"}},
		"a row too many": {"INSERT INTO items SELECT zeroblob(32), revision, generation, kind, meta, value FROM items WHERE id = :b", 1, "", true, []string{"a", "b"}},
		"a row too few":  {"DELETE FROM items WHERE id = :a", 0, "", true, []string{"b"}},
		"the census":     {"UPDATE state SET box = zeroblob(80)", 0, "", true, []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := newVaultIn(t, t.TempDir(), cheap)
			s := openVault(t, path)
			mustPut(t, s, "a", sentinel)
			mustPut(t, s, "b", sentinel)
			a, b := s.sealer().id(key("a")), s.sealer().id(key("b"))
			mustClose(t, s)
			sqlExec(t, path, bind(tt.change, a, b))
			for _, look := range []func() (Damage, error){
				func() (Damage, error) { return Check(t.Context(), options(path)) },
				func() (Damage, error) { return Repair(t.Context(), options(path)) },
			} {
				d, err := look()
				if err != nil || len(d.Rows) != tt.rows || d.Lost != tt.lost || len(d.Structure) > 0 {
					t.Fatalf("%+v, %v", d, err)
				}
				if tt.rows > 0 && d.Rows[0].Key.Account != tt.named {
					t.Errorf("the row is named %v", d.Rows[0].Key)
				}
			}
			if d, err := Check(t.Context(), options(path)); err != nil || !d.Whole() {
				t.Errorf("afterwards %+v, %v", d, err)
			}
			s = openVault(t, path)
			for _, account := range tt.left {
				wantValue(t, s, account, sentinel)
			}
			if entries, err := s.List(t.Context(), ""); err != nil || len(entries) != len(tt.left) {
				t.Errorf("%d items, %v", len(entries), err)
			}
			mustPut(t, s, "a", "anew")
		})
	}
}

// TestDiskThatFails: SQLite says of a sector that cannot be read that the file is
// damaged. So the files are read past it, and only what can be read is damaged. A
// directory stands for the disk here: it opens, and reading it fails.
func TestDiskThatFails(t *testing.T) {
	path, image := undamaged(t, 0)
	for at := 512; at < len(image); at += 512 {
		image[at] = 0xff // no page begins so
	}
	rewrite(t, path, image)
	mustLstat := func(path string) os.FileInfo {
		info, err := os.Lstat(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		return info
	}
	f := &file{path: path, info: mustLstat(path), reading: accessQuiet, slots: make(chan struct{}, 1)}
	damage := f.readPatiently(t.Context(), func(n *conn) error { return n.rows(t.Context(), columnsAll, func(row) error { return nil }) })
	t.Cleanup(func() { _ = errors.Join(f.closeReaders(), f.closeLog(), f.disk.close()) })
	wantClass(t, translate(damage), store.ErrCorrupt)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tt := range map[string]struct {
		path, opened string
		ctx          context.Context
		class        *store.Class
	}{
		"damage":        {path, path, t.Context(), store.ErrCorrupt},
		"no file":       {path + "-none", path + "-none", t.Context(), store.ErrCorrupt},
		"another file":  {filepath.Dir(path), path, t.Context(), store.ErrCorrupt},
		"a failing one": {filepath.Dir(path), filepath.Dir(path), t.Context(), store.ErrUnavailable},
		"given up":      {path, path, ended, store.ErrCancelled},
	} {
		other := &file{path: tt.path, info: mustLstat(tt.opened)}
		calls := 0
		err := other.unlessDamaged(tt.ctx, func() error { calls++; return damage })
		if !errors.Is(translate(err), tt.class) || (calls == 2) != (tt.class == store.ErrCorrupt) {
			t.Errorf("%s: %v, after %d calls", name, err, calls)
		}
		if err := other.disk.close(); err != nil {
			t.Error(err)
		}
	}
	unknown := &store.Error{Class: store.ErrOutcomeUnknown, Err: damage}
	for _, want := range []error{nil, errRekeyed, unknown} {
		calls := 0
		if err := f.unlessDamaged(t.Context(), func() error { calls++; return want }); err != want || calls != 1 {
			t.Errorf("%v, after %d calls; want %v", err, calls, want)
		}
	}
}
