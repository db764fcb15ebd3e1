package vault

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/kinring/kinring/store"
)

// killable are the system calls that change files, or make them. Each is counted
// by itself, as strace does.
var killable = []string{"open", "openat", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "linkat",
	"rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat"}

func makeVault(path string) error { return create(background, options(path), cheap) }

// TestKilledAtEveryCall kills a process at each call that changes files, first
// while it makes a vault, then while it writes to one, and while it changes its
// keys. CI takes every third call: TestCrashPoints walks all that SQLite makes.
func TestKilledAtEveryCall(t *testing.T) {
	needStrace(t)
	if runtime.GOARCH != "amd64" {
		t.Skip("the system calls are listed for amd64")
	}
	t.Run("create", func(t *testing.T) { killEach(t, "create", noVaultYet, checkMade) })
	t.Run("put", func(t *testing.T) { killEach(t, "put", withOld, checkPut) })
	t.Run("delete", func(t *testing.T) { killEach(t, "delete", withOld, checkPut) })
	t.Run("rekey", func(t *testing.T) { killEach(t, "rekey", withOld, checkKept) })
	t.Run("add key", func(t *testing.T) { killEach(t, "add key", withOld, checkKept) })
}

// killEach runs a role again and again and kills it one call later each time,
// until it lives to its end, for one system call after the other.
func killEach(t *testing.T, role string, prepare func(*testing.T) string, check func(t *testing.T, path string, acknowledged bool)) {
	stride := 3
	switch {
	case testing.Short():
		stride = 8
	case long():
		stride = 1
	}
	killed := 0
	for _, call := range killable {
		for n := 1; ; n += stride {
			path := prepare(t)
			alive, said := runKilled(t, role, path, call, n)
			check(t, path, strings.Contains(said, "done"))
			if alive {
				break
			}
			killed++
		}
	}
	if killed == 0 {
		t.Error("no run was killed")
	}
	t.Logf("killed at %d calls", killed)
}

func runKilled(t *testing.T, role, path, call string, n int) (alive bool, said string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	cmd := exec.Command("strace", "-f", "-qq", "-o", os.DevNull, "-e", "trace="+call,
		"-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", call, n), self, "-test.run=^$")
	cmd.Env = append(os.Environ(), workerRole+"="+role, workerPath+"="+path, "TMPDIR="+dir)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return err == nil, string(out)
}

// noVaultYet makes a directory with a key file alone.
func noVaultYet(t *testing.T) string {
	t.Helper()
	path := filepath.Join(inMemory(t), "vault.db")
	if err := GenerateKeyFile(t.Context(), DefaultKeyFile(path)); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkMade: there is a good vault or none, and in the second case making one
// goes on to succeed.
func checkMade(t *testing.T, path string, acknowledged bool) {
	t.Helper()
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		if acknowledged {
			t.Fatal("the vault that was made is not there")
		}
		if err := makeVault(path); err != nil {
			t.Fatal(err)
		}
	}
	s := openVault(t, path)
	mustPut(t, s, "there", sentinel)
	mustClose(t, s)
}

func withOld(t *testing.T) string {
	t.Helper()
	path := newVaultIn(t, inMemory(t), cheap)
	s := openVault(t, path)
	mustPut(t, s, "there", "old")
	mustClose(t, s)
	return path
}

// checkPut: what was acknowledged is there, and what was not is there whole or
// not at all. A deletion leaves nothing, a put the sentinel.
func checkPut(t *testing.T, path string, acknowledged bool) {
	t.Helper()
	checkIntegrity(t, path)
	s := openVault(t, path)
	i, err := s.Get(t.Context(), key("there"))
	isOld := err == nil && string(i.Value.Bytes()) == "old"
	isNew := err == nil && string(i.Value.Bytes()) == sentinel || errors.Is(err, store.ErrNotFound)
	if !isNew && (acknowledged || !isOld) {
		t.Fatalf("acknowledged %v: %d bytes, %v", acknowledged, i.Value.Len(), err)
	}
	if _, err := s.List(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "there", "after")
	mustClose(t, s)
}

// checkKept: whatever became of the keys, the first one opens the vault, nothing in
// it has changed, and keys can be changed again.
func checkKept(t *testing.T, path string, _ bool) {
	t.Helper()
	checkIntegrity(t, path)
	s := openVault(t, path)
	wantValue(t, s, "there", "old")
	if _, err := s.List(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	if _, err := rekey(t.Context(), options(path), RekeyOptions{Drop: true}, cheap.cost); err != nil {
		t.Fatal(err)
	}
}

// acknowledging says when a role is done, before the vault is closed.
func acknowledging(do func(s store.Store) error) func(path string) error {
	return func(path string) error {
		s, err := Open(background, options(path))
		if err != nil {
			return err
		}
		if err := do(s); err != nil {
			return err
		}
		fmt.Println("done")
		return s.Close()
	}
}

func init() {
	workerRoles["create"] = func(path string) error {
		err := makeVault(path)
		if err == nil {
			fmt.Println("done")
		}
		return err
	}
	workerRoles["delete"] = acknowledging(func(s store.Store) error { return s.Delete(background, key("there"), store.Any()) })
	workerRoles["put"] = acknowledging(func(s store.Store) error {
		_, err := s.Put(background, key("there"), item(sentinel), store.Any())
		return err
	})
}
