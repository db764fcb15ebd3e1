package vault

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSoundLog judges the log that SQLite itself wrote, and damaged ones.
func TestSoundLog(t *testing.T) {
	path := newVault(t)
	if !soundLog(path) {
		t.Error("an empty log is not sound")
	}
	startWorker(t, "one", path).killed(t)
	if !soundLog(path) {
		t.Error("SQLite's own log is not sound")
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	for bit := range 8 * logHeaderSize {
		log[bit/8] ^= 1 << (bit % 8)
		rewrite(t, copied+"-wal", log[:40])
		if soundLog(copied) {
			t.Errorf("bit %d: a changed header is sound", bit)
		}
		log[bit/8] ^= 1 << (bit % 8)
	}
	for size, want := range map[int]bool{0: true, 1: true, logHeaderSize - 1: true, logHeaderSize: true} {
		rewrite(t, copied+"-wal", log[:size])
		if soundLog(copied) != want {
			t.Errorf("%d bytes: not %v", size, want)
		}
	}
	if soundLog(copied + "x") {
		t.Error("a log that is not there is sound")
	}
}

// TestKilledBetweenHeaderAndFrames: SQLite itself waits ten seconds here.
func TestKilledBetweenHeaderAndFrames(t *testing.T) {
	path := withOld(t)
	reader := openVault(t, path)
	wantValue(t, reader, "there", "old")
	other := newVault(t) // any log of SQLite's will do for the header
	startWorker(t, "one", other).killed(t)
	log, err := os.ReadFile(other + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, path+"-wal", log[:logHeaderSize])
	if !reader.file.bareLog() {
		t.Error("the log is not bare")
	}
	wantValue(t, reader, "there", "old")
	if reader.file.reading != accessRead {
		t.Error("the reader went on reading quietly")
	}
}
