package vault

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kinring/kinring/internal/crashdisk"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// faultCalls are the calls that read and change the vault's files, with what can be
// wrong with a disk at each.
var faultCalls = map[string][]string{
	"pwrite64":        {"EIO", "ENOSPC", "EROFS", "EDQUOT", "EINTR"},
	"fsync,fdatasync": {"EIO", "ENOSPC", "EROFS", "EDQUOT", "EINTR"},
	"ftruncate":       {"EIO", "EROFS", "EINTR"},
	"pread64":         {"EIO"},
}

// TestEveryCallFails lets each call by which an operation reads or changes the vault's
// files fail once. Whatever the operation said is true: done, or not done, or unknown. The
// vault is whole, and goes on. A Put meets every error at every call; the other
// operations every other call, with one error in turn, in the long form all as well.
func TestEveryCallFails(t *testing.T) {
	needStrace(t)
	counts := map[string]int{}
	for _, op := range crashOps {
		t.Run(op.name, func(t *testing.T) {
			t.Setenv(workerOperation, op.name)
			failEach(t, op, counts)
		})
	}
	t.Logf("outcomes of operations on a failing disk: %v", counts)
	if counts["done"] == 0 || counts["outcome-unknown"] == 0 || counts["unavailable"] == 0 {
		t.Error("that says little")
	}
}

func failEach(t *testing.T, op crashOp, counts map[string]int) {
	start, err := crashdisk.Take(filepath.Dir(crashStart(t, op)))
	if err != nil {
		t.Fatal(err)
	}
	// In the long form a large Put makes hundreds of calls that are alike.
	every := op.name == "put" || long() && op.name != "put large"
	for call, errnos := range faultCalls {
		for i, errno := range errnos {
			for n := 1; n < 3 || !testing.Short(); n++ {
				if (every || n%2 == 1 && n/2%len(errnos) == i) && !failCall(t, op, start, call, errno, n, counts) {
					break
				}
			}
		}
	}
}

// failCall lets call number n fail, and reports whether there was such a call.
func failCall(t *testing.T, op crashOp, start crashdisk.Image, call, errno string, n int, counts map[string]int) bool {
	t.Helper()
	dir := inMemory(t)
	start.Lay(t, dir)
	path := filepath.Join(dir, "vault.db")
	flags := ofVault(path, "-e", fmt.Sprintf("inject=%s:error=%s:when=%d", call, errno, n), "-e", "trace="+call)
	said, trace := under(t, "operate", path, flags...)
	if !strings.Contains(trace, "INJECTED") {
		return false
	}
	where := fmt.Sprintf("%s %s %d", call, errno, n)
	if len(said) != 1 {
		t.Fatalf("%s: said %v", where, said)
	}
	counts[said[0]]++
	if said[0] == "corrupt" {
		t.Errorf("%s: a disk that fails is told as damage", where)
	}
	done, unknown := said[0] == "done", said[0] == "outcome-unknown"
	if wrong := settled(t, op, path, !done, done || unknown); wrong != "" {
		t.Errorf("%s: said %s, and %s", where, said[0], wrong)
	}
	return true
}

// checkOutcome compares what a Put said with what is there.
func checkOutcome(t *testing.T, path, said, where string) {
	t.Helper()
	checkIntegrity(t, path)
	s := openVault(t, path)
	i, err := s.Get(t.Context(), key("there"))
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	got := i.Value.Len()
	switch isOld := string(i.Value.Bytes()) == "old"; {
	case said == "done" && isOld, said != "done" && said != "outcome-unknown" && !isOld:
		t.Errorf("%s: said %s, and the value has %d bytes", where, said, got)
	}
	mustPut(t, s, "there", "goes on")
	mustClose(t, s)
}

// shortSize is the size of the value in the test of short writes.
const shortSize = 40_000

// putShort puts a value where files may not grow over a size, so that the kernel
// writes a part of what it is given, and then nothing.
func putShort(path string) error {
	var limit uint64
	if _, err := fmt.Sscan(os.Getenv(workerLimit), &limit); err != nil {
		return err
	}
	s, err := Open(background, options(path))
	if err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: unix.RLIM_INFINITY}); err != nil {
		return err
	}
	_, err = s.Put(background, key("there"), item(strings.Repeat("n", shortSize)), store.Any())
	if err != nil && store.ClassOf(err) == nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}); err != nil {
		return err
	}
	fmt.Println(outcomeOf(err))
	_ = s.Close() // whatever it can do now
	return nil
}

const workerLimit = "KINRING_VAULT_TEST_LIMIT"

// TestShortWrites cuts writes off at sizes all over the log, also in the middle of
// a page and of a frame's header.
func TestShortWrites(t *testing.T) {
	withoutRaces(t)
	counts := map[string]int{}
	stride := 3701
	switch {
	case testing.Short():
		stride *= 4
	case long():
		stride = 97
	}
	for limit := 10; limit < shortSize+20_000; limit += stride {
		path := withOld(t)
		cmd := storetest.Reexec(t, workerRole+"=short", workerPath+"="+path, fmt.Sprintf("%s=%d", workerLimit, limit))
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("at %d: %v: %s", limit, err, out)
		}
		said := strings.TrimSpace(string(out))
		counts[said]++
		checkOutcome(t, path, said, fmt.Sprintf("at most %d bytes", limit))
	}
	t.Logf("outcomes of puts whose writes were cut off: %v", counts)
	if counts["done"] == 0 || len(counts) < 2 {
		t.Error("that says little")
	}
}

// TestCallsOfEachOperation prints what each operation asks of the disk, in a process of its own:
// figures that hold on every disk.
func TestCallsOfEachOperation(t *testing.T) {
	for _, role := range []string{"read", "put", "put10", "put30", "delete", "rekey", "add key"} {
		path := withOld(t)
		_, trace := under(t, role, path, ofVault(path, "-e", "trace=fsync,fdatasync,pwrite64,write,rename,renameat,renameat2,ftruncate")...)
		syncs, written, renames, truncations := 0, 0, 0, 0
		for _, call := range withoutEnds(trace) {
			switch {
			case strings.Contains(call, "sync("):
				syncs++
			case strings.Contains(call, "rename"):
				renames++
			case strings.Contains(call, "truncate("):
				truncations++
			default:
				written += bytesOf(call)
			}
		}
		t.Logf("%-8s %2d syncs, %6d bytes written, %d renames, %d truncations", role, syncs, written, renames, truncations)
		if role == "read" && syncs+written+renames+truncations > 0 {
			t.Error("reading asks the disk for something")
		}
		if renames > 0 {
			t.Error("the vault never renames")
		}
	}
}

// bytesOf returns how many bytes a traced write wrote.
func bytesOf(call string) int {
	_, result, _ := strings.Cut(call, ") = ")
	n := 0
	_, _ = fmt.Sscan(result, &n) // an error writes nothing
	return max(n, 0)
}

func init() {
	workerRoles["short"] = putShort
	workerRoles["rekey"] = func(path string) error {
		_, err := rekey(background, options(path), RekeyOptions{}, cheap.cost)
		return err
	}
	workerRoles["add key"] = func(path string) error {
		second := path + ".second"
		if err := GenerateKeyFile(background, second); err != nil && !errors.Is(err, store.ErrConflict) {
			return err
		}
		_, err := AddKey(background, options(path), KeyFile(second))
		return err
	}
}

// TestMakingFails lets each call by which a vault is made fail once: then there is
// none, unless it is said that nobody knows, and in the second case making one goes on
// to succeed.
func TestMakingFails(t *testing.T) {
	counts := map[string]int{}
	for call, errnos := range map[string][]string{
		"pwrite64": {"EIO", "ENOSPC"}, "fsync,fdatasync": {"EIO", "ENOSPC"}, "linkat,renameat2,renameat": {"EIO", "ENOSPC"},
		"mkdirat": {"ENOSPC", "EROFS"}, "openat": {"EMFILE", "ENOSPC"},
	} {
		for i, errno := range errnos {
			for n := 1; n < 3 || !testing.Short(); n++ {
				if (long() || n%len(errnos) == i) && !failMaking(t, call, errno, n, counts) {
					break
				}
			}
		}
	}
	t.Logf("outcomes of making a vault on a failing disk: %v", counts)
	if counts["done"] == 0 || counts["outcome-unknown"] == 0 && !testing.Short() || counts["unavailable"] == 0 {
		t.Error("that says little")
	}
}

func failMaking(t *testing.T, call, errno string, n int, counts map[string]int) bool {
	t.Helper()
	path := noVaultYet(t)
	inject := fmt.Sprintf("inject=%s:error=%s:when=%d", call, errno, n)
	said, trace := under(t, "try create", path, "-e", "trace="+call, "-e", inject)
	if !strings.Contains(trace, "INJECTED") {
		return false
	}
	counts[said[0]]++
	_, err := os.Lstat(path)
	if made := err == nil; made != (said[0] == "done") && said[0] != "outcome-unknown" {
		t.Errorf("%s %s %d: said %s; there: %v", call, errno, n, said[0], err)
	}
	if said[0] == "denied" && errno != "EROFS" {
		t.Errorf("%s %s %d: nobody denied it", call, errno, n)
	}
	checkMade(t, path, said[0] == "done")
	return true
}

func init() {
	workerRoles["try create"] = func(path string) error {
		fmt.Println(outcomeOf(makeVault(path)))
		return nil
	}
}
