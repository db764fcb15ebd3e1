package vault

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/crashdisk"
	"github.com/kinring/kinring/store"
)

// killable are the system calls that change files, or make them. Each is counted
// by itself, as strace does.
var killable = []string{"open", "openat", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "linkat",
	"rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat"}

func makeVault(path string) error { return create(background, options(path), cheap) }

// TestKilledAtEveryCall kills a process at each call that changes files, first
// while it makes a vault, then at each operation on one. CI takes every third call:
// TestCrashPoints walks all that SQLite makes.
func TestKilledAtEveryCall(t *testing.T) {
	needStrace(t)
	if runtime.GOARCH != "amd64" {
		t.Skip("the system calls are listed for amd64")
	}
	t.Run("create", func(t *testing.T) { killEach(t, "create", noVaultYet, checkMade) })
	for _, op := range crashOps {
		t.Run(op.name, func(t *testing.T) {
			t.Setenv(workerOperation, op.name)
			start, err := crashdisk.Take(filepath.Dir(crashStart(t, op)))
			if err != nil {
				t.Fatal(err)
			}
			killEach(t, "operate", func(t *testing.T) string {
				dir := inMemory(t)
				start.Lay(t, dir)
				return filepath.Join(dir, "vault.db")
			}, func(t *testing.T, path string, acknowledged bool) {
				if wrong := settled(t, op, path, !acknowledged, true); wrong != "" {
					t.Error(wrong)
				}
			})
		})
	}
}

// operate runs one of crashOps, says how that ended, and closes the vault.
func operate(path string) error {
	n := slices.IndexFunc(crashOps, func(op crashOp) bool { return op.name == os.Getenv(workerOperation) })
	s, err := Open(background, Options{Path: path, Keys: keysOf(path)})
	if err != nil {
		fmt.Println(outcomeOf(err))
		return nil
	}
	fmt.Println(outcomeOf(crashOps[n].do(s.(*vaultStore))))
	_ = s.Close() // the disk may fail here too
	return nil
}

const workerOperation = "KINRING_VAULT_TEST_OPERATION"

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
	for call, most := range callsOf(t, role, prepare(t)) {
		for n := 1; n <= most; n += stride {
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

// callsOf counts the calls of a role that lives: at most so many there are to be
// killed at, in all its threads together.
func callsOf(t *testing.T, role, path string) map[string]int {
	t.Helper()
	_, trace := under(t, role, path, "-e", "trace="+strings.Join(killable, ","))
	counts := map[string]int{}
	for _, line := range withoutEnds(trace) {
		if call, _, begun := strings.Cut(line, "("); begun && !strings.Contains(call, "<") {
			name := strings.Fields(call)
			counts[name[len(name)-1]]++
		}
	}
	return counts
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
	workerRoles["operate"] = operate
	workerRoles["delete"] = acknowledging(func(s store.Store) error { return s.Delete(background, key("there"), store.Any()) })
	workerRoles["put"] = acknowledging(func(s store.Store) error {
		_, err := s.Put(background, key("there"), item(sentinel), store.Any())
		return err
	})
}
