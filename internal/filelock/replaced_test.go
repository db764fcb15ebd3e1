package filelock

import (
	"os"
	"path/filepath"
	"testing"
)

func TestReplacedLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !stillThere(f, path) {
		t.Fatal("a file that is there counts as gone")
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Skipf("an open file cannot be renamed here: %v", err)
	}
	if stillThere(f, path) {
		t.Error("a renamed file counts as there")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if stillThere(f, path) {
		t.Error("another file of that name counts as the same")
	}
}
