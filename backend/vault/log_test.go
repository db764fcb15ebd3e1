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
