package vault

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/kinring/kinring/store"
)

// picture is everything about the files of a directory that a write would
// change.
type picture struct {
	dir   string
	files map[string]seen
}

type seen struct {
	content  string
	mode     os.FileMode
	modified int64
}

func snapshot(t testing.TB, path string) picture {
	t.Helper()
	p := picture{dir: filepath.Dir(path), files: map[string]seen{}}
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		s := seen{mode: info.Mode(), modified: info.ModTime().UnixNano()}
		if info.Mode().IsRegular() {
			// In a process that has the vault open this would drop SQLite's locks.
			content, err := os.ReadFile(filepath.Join(p.dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			s.content = string(content)
		}
		p.files[e.Name()] = s
	}
	return p
}

func (p picture) same(t testing.TB) {
	t.Helper()
	now := snapshot(t, filepath.Join(p.dir, "x"))
	for name, was := range p.files {
		if is, there := now.files[name]; !there || is != was {
			t.Errorf("%s has changed: %v, %d bytes → %v, %d bytes", name, was.modified, len(was.content), is.modified, len(is.content))
		}
	}
	for name := range now.files {
		if _, there := p.files[name]; !there {
			t.Errorf("%s is new", name)
		}
	}
}

// readEverything does all that reads.
func readEverything(t testing.TB, path string) {
	t.Helper()
	s := openVault(t, path)
	wantValue(t, s, "there", sentinel)
	_, err := s.Get(t.Context(), key("missing"))
	wantClass(t, err, store.ErrNotFound)
	if entries, err := s.List(t.Context(), ""); err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	if _, err := s.FingerprintKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
}

func TestReadingWritesNothing(t *testing.T) {
	path := newVault(t)
	s := openVault(t, path)
	mustPut(t, s, "there", sentinel)
	mustClose(t, s)
	before := snapshot(t, path)
	readEverything(t, path)
	before.same(t)
	if log := before.files["vault.db-wal"]; log.content != "" {
		t.Errorf("a closed vault's log has %d bytes", len(log.content))
	}
}

// TestReadingAKilledWritersVaultWritesNothing: the log is read, not moved.
func TestReadingAKilledWritersVaultWritesNothing(t *testing.T) {
	path := newVault(t)
	startWorker(t, "one", path).killed(t)
	before := snapshot(t, path)
	if before.files["vault.db-wal"].content == "" {
		t.Fatal("the killed writer left no log")
	}
	readEverything(t, path)
	before.same(t)
}

// TestReadersBesideAWriter: a reader of the same process that began quietly, and
// one that came later, see what a writer writes.
func TestReadersBesideAWriter(t *testing.T) {
	path := newVault(t)
	early, writer := openVault(t, path), openVault(t, path)
	if _, err := early.Get(t.Context(), key("there")); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	for _, value := range []string{"first", "second"} {
		mustPut(t, writer, "there", value)
		wantValue(t, early, "there", value)
		wantValue(t, openVault(t, path), "there", value)
	}
	mustClose(t, writer)
	wantValue(t, early, "there", "second")
	mustPut(t, early, "there", "third")
	wantValue(t, openVault(t, path), "there", "third")
}

// TestReaderBesideAnotherProcess: a quiet reader sees every acknowledged write
// of another process at once, and never hinders it.
func TestReaderBesideAnotherProcess(t *testing.T) {
	path := newVault(t)
	reader := openVault(t, path)
	if _, err := reader.Get(t.Context(), key("there")); !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	w := startWorker(t, "steps", path)
	for _, value := range []string{"1", "2", "3"} {
		w.step(t, value)
		wantValue(t, reader, "there", value)
	}
	w.finish(t)
	wantValue(t, reader, "there", "3")
	w = startWorker(t, "steps", path)
	w.step(t, "4")
	wantValue(t, reader, "there", "4")
	w.killed(t)
	wantValue(t, reader, "there", "4")
	mustPut(t, reader, "there", "5")
	wantValue(t, openVault(t, path), "there", "5")
}

// openResident opens a vault as a program does that stays.
func openResident(t *testing.T, path string) *vaultStore {
	t.Helper()
	o := options(path)
	o.Resident = true
	s, err := open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // the tests close it themselves
	return s
}

// TestResidentReader: a program that stays changes neither the vault nor its log by
// reading, and sees what other processes write (I10).
func TestResidentReader(t *testing.T) {
	path := newVault(t)
	s := openVault(t, path)
	mustPut(t, s, "there", sentinel)
	mustClose(t, s)
	before := snapshot(t, path)
	resident := openResident(t, path)
	wantValue(t, resident, "there", sentinel)
	if resident.file.reading != accessRead {
		t.Error("it reads quietly")
	}
	mustClose(t, resident)
	after := snapshot(t, path)
	delete(before.files, "vault.db-shm") // SQLite's shared memory, which is what it is for
	for name, was := range before.files {
		if after.files[name] != was {
			t.Errorf("%s has changed", name)
		}
	}
	resident = openResident(t, path)
	w := startWorker(t, "steps", path)
	for _, value := range []string{"1", "2"} {
		w.step(t, value)
		wantValue(t, resident, "there", value)
	}
	w.killed(t)
	wantValue(t, resident, "there", "2")
	mustPut(t, resident, "there", "3")
	wantValue(t, openVault(t, path), "there", "3")
	mustClose(t, resident)
}

func TestCopyWithoutCompanions(t *testing.T) {
	path := newVault(t)
	s := openVault(t, path)
	mustPut(t, s, "there", sentinel)
	mustClose(t, s)
	for _, ending := range companions {
		remove(t, path+ending)
	}
	readEverything(t, path)
	info, err := os.Stat(path + "-shm")
	if err != nil || info.Size() != 0 {
		t.Errorf("the new companion: %v, %v", info, err)
	}
}
