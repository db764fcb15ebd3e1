package vault

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/allocbound"
	"github.com/kinring/kinring/store"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// phrase is a passphrase source. Each read gives a copy, since sources' results
// are wiped.
func phrase(text string) KeySource {
	return Passphrase(func(context.Context) ([]byte, error) { return []byte(text), nil })
}

// cheap keeps Argon2id out of the way of tests that open many vaults.
var cheap = build{cost: cost{time: 1, memoryKiB: 64, threads: 1}, pageSize: 4096}

func wantClass(t testing.TB, err, class error, texts ...string) {
	t.Helper()
	if !errors.Is(err, class) {
		t.Fatalf("error %v, want class %v", err, class)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("error %q does not say %q", err, text)
		}
	}
	if strings.Contains(err.Error(), sentinel) {
		t.Errorf("error %q holds a secret", err)
	}
}

func openError(t testing.TB, o Options) error {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err == nil {
		s.Close()
		t.Fatal("the vault was opened")
	}
	return err
}

func TestNoVault(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "vault.db")
	for _, o := range []Options{options(path), {Path: path}} {
		err := openError(t, o)
		wantClass(t, err, store.ErrUnavailable, path, "kinring init")
		if !errors.Is(err, store.ErrNoService) {
			t.Errorf("%v has another reason", err)
		}
	}
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Errorf("opening made the directory: %v", err)
	}
}

func TestKeysThatDoNotOpen(t *testing.T) {
	path := newVault(t)
	other := filepath.Join(t.TempDir(), "other.key")
	if err := GenerateKeyFile(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	asked := 0
	ask := Passphrase(func(context.Context) ([]byte, error) { asked++; return []byte(sentinel), nil })
	tests := map[string]struct {
		keys  []KeySource
		class *store.Class
		text  string
	}{
		"none":                {nil, store.ErrLocked, "key file"},
		"other file":          {[]KeySource{KeyFile(other)}, store.ErrDenied, other},
		"missing file":        {[]KeySource{KeyFile(other + "x")}, store.ErrLocked, other + "x"},
		"missing, then wrong": {[]KeySource{KeyFile(other + "x"), KeyFile(other)}, store.ErrDenied, other},
		"no such slot":        {[]KeySource{ask}, store.ErrLocked, "keyfile"},
		"directory":           {[]KeySource{KeyFile(t.TempDir())}, store.ErrCorrupt, "directory"},
		"the vault":           {[]KeySource{KeyFile(path)}, store.ErrTooLarge, path},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wantClass(t, openError(t, Options{Path: path, Keys: tt.keys}), tt.class, tt.text)
		})
	}
	if asked != 0 {
		t.Errorf("asked %d times for a passphrase that no slot takes", asked)
	}
}

func TestSourcesAreTriedByStrength(t *testing.T) {
	dir := t.TempDir()
	path, file := filepath.Join(dir, "vault.db"), filepath.Join(dir, "phrase")
	if err := os.WriteFile(file, []byte("from a file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := create(t.Context(), Options{Path: path, Keys: []KeySource{phrase("from a file"), phrase("second")}}, cheap); err != nil {
		t.Fatal(err)
	}
	var order []string
	spy := func(k KeySource, name string) KeySource {
		read := k.read
		k.read = func(ctx context.Context, id []byte) ([]byte, error) {
			order = append(order, name)
			return read(ctx, id)
		}
		return k
	}
	keys := []KeySource{spy(phrase("second"), "asked"), spy(PassphraseFile(file+"x"), "missing"), spy(PassphraseFile(file), "file"), spy(KeyFile(file), "key")}
	for n, want := range map[int][]string{4: {"missing", "file"}, 2: {"missing", "asked"}} {
		order = nil
		s, err := Open(t.Context(), Options{Path: path, Keys: keys[:n]})
		if err != nil {
			t.Fatal(err)
		}
		mustClose(t, s)
		if !slices.Equal(order, want) {
			t.Errorf("tried %v, want %v", order, want)
		}
	}
	wantClass(t, openError(t, Options{Path: path, Keys: []KeySource{phrase("third " + sentinel)}}), store.ErrDenied, "wrong key")
	asks := Passphrase(func(context.Context) ([]byte, error) { return nil, &store.Error{Class: store.ErrCancelled} })
	wantClass(t, openError(t, Options{Path: path, Keys: []KeySource{asks}}), store.ErrCancelled)
	wantClass(t, openError(t, Options{Path: path, Keys: []KeySource{phrase("")}}), store.ErrInvalid)
}

func TestEndedContext(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "vault.db")
	keys := []KeySource{phrase(sentinel)}
	expired, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	wantClass(t, Create(expired, Options{Path: path, Keys: keys}), store.ErrTimedOut)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("made %v, %v", entries, err)
	}
	if err := create(t.Context(), Options{Path: path, Keys: keys}, cheap); err != nil {
		t.Fatal(err)
	}
	_, err := Open(expired, Options{Path: path, Keys: keys})
	wantClass(t, err, store.ErrTimedOut)
	// The context ends while the key is stretched, or while another one is.
	stretching <- struct{}{}
	ending, end := context.WithCancel(t.Context())
	asked := Passphrase(func(context.Context) ([]byte, error) { end(); return []byte(sentinel), nil })
	_, err = Open(ending, Options{Path: path, Keys: []KeySource{asked}})
	<-stretching
	wantClass(t, err, store.ErrCancelled)
}

// TestFileRefused damages or misplaces the file of a vault as a whole.
func TestFileRefused(t *testing.T) {
	tests := map[string]struct {
		change func(t *testing.T, path string)
		class  *store.Class
	}{
		"empty":         {func(t *testing.T, p string) { resize(t, p, 0) }, store.ErrCorrupt},
		"half a page":   {func(t *testing.T, p string) { resize(t, p, 2048) }, store.ErrCorrupt},
		"one page":      {func(t *testing.T, p string) { resize(t, p, 4096) }, store.ErrCorrupt},
		"not sqlite":    {func(t *testing.T, p string) { rewrite(t, p, []byte(strings.Repeat(sentinel, 100))) }, store.ErrCorrupt},
		"another app":   {func(t *testing.T, p string) { sqlExec(t, p, "PRAGMA application_id = 7") }, store.ErrCorrupt},
		"newer format":  {func(t *testing.T, p string) { sqlExec(t, p, "PRAGMA user_version = 3") }, store.ErrUnsupported},
		"other format":  {func(t *testing.T, p string) { sqlExec(t, p, "PRAGMA user_version = 2") }, store.ErrCorrupt},
		"no format":     {func(t *testing.T, p string) { sqlExec(t, p, "PRAGMA user_version = 0") }, store.ErrCorrupt},
		"no header":     {func(t *testing.T, p string) { sqlExec(t, p, "DELETE FROM header") }, store.ErrCorrupt},
		"no table":      {func(t *testing.T, p string) { sqlExec(t, p, "DROP TABLE header") }, store.ErrCorrupt},
		"a directory":   {func(t *testing.T, p string) { remove(t, p); mkdir(t, p) }, store.ErrCorrupt},
		"log directory": {func(t *testing.T, p string) { remove(t, p+"-wal"); mkdir(t, p+"-wal") }, store.ErrCorrupt},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := newVault(t)
			tt.change(t, path)
			before := snapshot(t, path)
			wantClass(t, openError(t, options(path)), tt.class)
			before.same(t)
		})
	}
}

// TestFileOfSomebodyElses: nothing is made beside a file that is no vault.
func TestFileOfSomebodyElses(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, path string){
		"not sqlite":  func(t *testing.T, p string) { rewrite(t, p, []byte(strings.Repeat(sentinel, 100))) },
		"another app": func(t *testing.T, p string) { sqlExec(t, p, "PRAGMA application_id = 7") },
	} {
		path := newVault(t)
		change(t, path)
		for _, ending := range companions {
			remove(t, path+ending)
		}
		wantClass(t, openError(t, options(path)), store.ErrCorrupt)
		for _, ending := range companions {
			if _, err := os.Lstat(path + ending); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: %s: %v", name, ending, err)
			}
		}
	}
}

func TestFileRefusedOnUnix(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs modes and symbolic links")
	}
	tests := map[string]func(path string) error{
		"wide vault":     func(p string) error { return os.Chmod(p, 0o640) },
		"wide log":       func(p string) error { return os.Chmod(p+"-wal", 0o604) },
		"wide index":     func(p string) error { return os.Chmod(p+"-shm", 0o660) },
		"wide directory": func(p string) error { return os.Chmod(filepath.Dir(p), 0o770) },
		"wide key":       func(p string) error { return os.Chmod(DefaultKeyFile(p), 0o644) },
		"vault link":     func(p string) error { return errors.Join(os.Rename(p, p+"2"), os.Symlink(p+"2", p)) },
		"log link":       func(p string) error { return errors.Join(os.Rename(p+"-wal", p+"2"), os.Symlink(p+"2", p+"-wal")) },
		"key link": func(p string) error {
			return errors.Join(os.Rename(DefaultKeyFile(p), p+"2"), os.Symlink(p+"2", DefaultKeyFile(p)))
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			path := newVault(t)
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			wantClass(t, openError(t, options(path)), store.ErrDenied, filepath.Dir(path))
		})
	}
}

// TestHeaderRefused changes what the header says.
func TestHeaderRefused(t *testing.T) {
	second := func(h *header) *slot { return &h.Slots[1] }
	tests := map[string]struct {
		change func(h *header)
		class  *store.Class
	}{
		"newer format":      {func(h *header) { h.Format = 3 }, store.ErrUnsupported},
		"other format":      {func(h *header) { h.Format = 2 }, store.ErrCorrupt},
		"foreign field":     {func(h *header) { h.Fingerprints = make([]byte, 72) }, store.ErrCorrupt},
		"unknown suite":     {func(h *header) { h.Suite = "rot13" }, store.ErrUnsupported},
		"vault id":          {func(h *header) { h.Vault[0]++ }, store.ErrDenied},
		"short vault id":    {func(h *header) { h.Vault = h.Vault[1:] }, store.ErrCorrupt},
		"no slots":          {func(h *header) { h.Slots = nil }, store.ErrCorrupt},
		"many slots":        {func(h *header) { h.Slots = slices.Repeat(h.Slots, 8) }, store.ErrCorrupt},
		"own slot's id":     {func(h *header) { h.Slots[0].ID = 9 }, store.ErrDenied},
		"other slot's id":   {func(h *header) { second(h).ID = 9 }, store.ErrCorrupt},
		"other slot's cost": {func(h *header) { second(h).Time = 2 }, store.ErrCorrupt},
		"unknown kdf":       {func(h *header) { h.Slots[0].KDF = "md5" }, store.ErrLocked},
		"only unknown":      {func(h *header) { h.Slots[0].KDF, second(h).Kind = "md5", "tpm" }, store.ErrUnsupported},
		"a long PBKDF2":     {func(h *header) { second(h).KDF, second(h).Time = kdfPBKDF2, 1<<32-1 }, store.ErrUnsupported},
		"PBKDF2 and memory": {func(h *header) { second(h).KDF = kdfPBKDF2 }, store.ErrUnsupported},
		"2 GiB":             {func(h *header) { second(h).MemoryKiB = 2 << 20 }, store.ErrUnsupported},
		"long work":         {func(h *header) { second(h).Time, second(h).MemoryKiB = 16, 256<<10 }, store.ErrUnsupported},
		"no threads":        {func(h *header) { second(h).Threads = 0 }, store.ErrUnsupported},
		"long salt":         {func(h *header) { second(h).Salt = make([]byte, 65) }, store.ErrCorrupt},
		"long box":          {func(h *header) { second(h).Box = make([]byte, 257) }, store.ErrCorrupt},
		"short box":         {func(h *header) { h.Slots[0].Box = h.Slots[0].Box[:10] }, store.ErrDenied},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := twoSlots(t)
			h := readHeader(t, path)
			tt.change(&h)
			body, err := h.encode()
			if err != nil {
				t.Fatal(err)
			}
			sqlExec(t, path, "UPDATE header SET body = ?", body)
			wantClass(t, openError(t, options(path)), tt.class)
		})
	}
}

func TestHeaderTextRefused(t *testing.T) {
	path := newVault(t)
	for text, class := range map[string]*store.Class{
		"": store.ErrCorrupt, "{}": store.ErrCorrupt, "[]": store.ErrCorrupt, `{"format":99,"anything":[1]}`: store.ErrUnsupported,
		`{"format":1,"extra":1}`: store.ErrCorrupt, `{"format":1} {}`: store.ErrCorrupt, `{"format":-1}`: store.ErrCorrupt,
		`"` + strings.Repeat("x", maxHeader) + `"`: store.ErrCorrupt,
	} {
		sqlExec(t, path, "UPDATE header SET body = ?", []byte(text))
		wantClass(t, openError(t, options(path)), class)
	}
}

// TestCraftedFileIsCheapToRefuse: who writes to the file makes nobody compute for
// minutes or take gigabytes, neither by what its header asks for nor by what
// SQLite can be made to run.
func TestCraftedFileIsCheapToRefuse(t *testing.T) {
	crafted := func(change func(s *slot)) string {
		h := readHeader(t, twoSlots(t))
		change(&h.Slots[1])
		body, err := h.encode()
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("UPDATE header SET body = x'%x'", body)
	}
	for name, tt := range map[string]struct {
		change string
		class  *store.Class
	}{
		"Argon2id with 2 GiB":    {crafted(func(s *slot) { s.MemoryKiB = 2 << 20 }), store.ErrUnsupported},
		"Argon2id for minutes":   {crafted(func(s *slot) { s.Time = 1<<32 - 1 }), store.ErrUnsupported},
		"PBKDF2 for minutes":     {crafted(func(s *slot) { s.KDF, s.Time, s.MemoryKiB, s.Threads = kdfPBKDF2, 1<<32-1, 0, 0 }), store.ErrUnsupported},
		"a header of 64 MiB":     {"UPDATE header SET body = zeroblob(67108864)", store.ErrCorrupt},
		"a MAC of 64 MiB":        {"UPDATE header SET mac = zeroblob(67108864)", store.ErrCorrupt},
		"a view of a gigabyte":   {"DROP TABLE header; CREATE VIEW header AS SELECT 1 AS one, zeroblob(900000000) AS body, x'' AS mac", store.ErrCorrupt},
		"a view without an end":  {"DROP TABLE header; CREATE VIEW header AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 1 AS one, x'' AS body, x'' AS mac FROM n WHERE i < 0", store.ErrCorrupt},
		"items without an end":   {"DROP TABLE items; CREATE VIEW items AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n WHERE i < 0", store.ErrCorrupt},
		"a trigger":              {"CREATE TRIGGER t AFTER UPDATE ON state BEGIN DELETE FROM items; END", store.ErrCorrupt},
		"a column that computes": {"DROP TABLE items; CREATE TABLE items (id BLOB PRIMARY KEY, value BLOB AS (zeroblob(900000000)))", store.ErrCorrupt},
		"one table more":         {"CREATE TABLE more (x)", store.ErrCorrupt},
		"an index more":          {"CREATE INDEX more ON items (kind)", store.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			path := twoSlots(t)
			sqlExec(t, path, tt.change)
			o := options(path)
			o.Keys = append(o.Keys, phrase(sentinel))
			allocbound.Check(t, maxHeader, 1, func() { wantClass(t, openError(t, o), tt.class) })
		})
	}
}

// twoSlots makes a vault with a key file and a passphrase.
func twoSlots(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vault.db")
	if err := GenerateKeyFile(t.Context(), DefaultKeyFile(path)); err != nil {
		t.Fatal(err)
	}
	o := options(path)
	o.Keys = append(o.Keys, phrase(sentinel))
	if err := create(t.Context(), o, cheap); err != nil {
		t.Fatal(err)
	}
	return path
}

func readHeader(t *testing.T, path string) header {
	t.Helper()
	n, err := openConn(t.Context(), path, accessRead)
	if err != nil {
		t.Fatal(err)
	}
	s, err := n.header()
	if err = errors.Join(err, n.Close()); err != nil {
		t.Fatal(err)
	}
	var h header
	if err := json.Unmarshal(s.body, &h); err != nil {
		t.Fatal(err)
	}
	return h
}

func resize(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func rewrite(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}
