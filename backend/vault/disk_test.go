package vault

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kinring/kinring/store"
)

// under runs a worker to its end under strace, and returns what it said and
// what was traced.
func under(t *testing.T, role, path string, flags ...string) (said []string, trace string) {
	t.Helper()
	needStrace(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command("strace", append(append([]string{"-f", "-qq", "-o", out}, flags...), self, "-test.run=^$")...)
	cmd.Env = append(os.Environ(), workerRole+"="+role, workerPath+"="+path)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	traced, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(stdout)), string(traced)
}

// ofVault limits a trace to what is done to the files of a vault.
func ofVault(path string, flags ...string) []string {
	for _, p := range []string{path, path + companions[0], path + companions[1], filepath.Dir(path)} {
		flags = append(flags, "-P", p)
	}
	return flags
}

func readAll(path string) error {
	s, err := Open(background, options(path))
	if err != nil {
		return err
	}
	if _, err := s.List(background, ""); err != nil {
		return err
	}
	for _, account := range []string{"there", "missing"} {
		if _, err := s.Get(background, key(account)); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return s.Close()
}

// TestReadingMakesNoWritingCalls: what reads asks the system to change nothing.
func TestReadingMakesNoWritingCalls(t *testing.T) {
	path := newVault(t)
	s := openVault(t, path)
	mustPut(t, s, "there", sentinel)
	mustClose(t, s)
	const writing = "trace=write,writev,pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,fsync,fdatasync," +
		"rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,chmod,fchmod,fchmodat,utimensat,mknodat"
	before := snapshot(t, path)
	_, trace := under(t, "read", path, ofVault(path, "-e", writing)...)
	if calls := withoutEnds(trace); len(calls) > 0 {
		t.Errorf("writing calls:\n%s", strings.Join(calls, "\n"))
	}
	before.same(t)
	_, trace = under(t, "put", path, ofVault(path, "-e", writing)...)
	if len(withoutEnds(trace)) == 0 {
		t.Error("a write is not seen in the trace either")
	}
}

// withoutEnds drops the lines about threads and signals.
func withoutEnds(trace string) []string {
	var calls []string
	for line := range strings.Lines(trace) {
		if !strings.Contains(line, "+++") && !strings.Contains(line, "---") {
			calls = append(calls, strings.TrimSpace(line))
		}
	}
	return calls
}

// puts is how often writePuts puts, as the end of the role's name says.
func writePuts(n int) func(path string) error {
	return func(path string) error {
		s, err := Open(background, options(path))
		if err != nil {
			return err
		}
		for range n {
			if _, err := s.Put(background, key("there"), item(sentinel), store.Any()); err != nil {
				return err
			}
		}
		return s.Close()
	}
}

// TestSyncs counts what a durable write costs: the figure that holds on every
// disk.
func TestSyncs(t *testing.T) {
	count := func(role string) int {
		_, trace := under(t, role, newVault(t), "-e", "trace=fsync,fdatasync")
		return strings.Count(trace, "sync(")
	}
	one, few, many := count("put"), count("put10"), count("put30")
	t.Logf("syncs: one put in a process of its own %d, 10 puts %d, 30 puts %d", one, few, many)
	if one > 5 || one == 0 {
		t.Errorf("a process with one put makes %d syncs, want at most 5", one)
	}
	if many-few != 20 {
		t.Errorf("20 puts more make %d syncs more, want one each", many-few)
	}
}

// writeFailing puts twice and says how each ended, reads, and does the same in
// a vault opened anew.
func writeFailing(path string) error {
	for range 2 {
		s, err := Open(background, options(path))
		if err != nil {
			return err
		}
		for range 2 {
			_, err := s.Put(background, key("there"), item("new"), store.Any())
			fmt.Println(outcomeOf(err))
		}
		i, err := s.Get(background, key("there"))
		if err != nil {
			return err
		}
		fmt.Println(string(i.Value.Bytes()))
		_ = s.Close() // the disk fails here too
	}
	return nil
}

// outcomeOf names what a write came to, in one word.
func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "done"
	case strings.Contains(err.Error(), "an earlier write failed"):
		return "refused"
	}
	return store.ClassOf(err).Name()
}

func TestDiskFailures(t *testing.T) {
	tests := map[string]struct {
		inject string
		want   string
	}{
		// The record is in the log, where it may survive or not.
		"sync fails":  {"inject=fsync,fdatasync:error=EIO", "outcome-unknown refused"},
		"write fails": {"inject=pwrite64:error=EIO", "outcome-unknown refused"},
		"disk full":   {"inject=pwrite64:error=ENOSPC", "unavailable unavailable"},
		"quota":       {"inject=pwrite64:error=EDQUOT", "outcome-unknown refused"},
		"interrupted": {"inject=pwrite64:error=EINTR:when=1", "done done"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := newVault(t)
			s := openVault(t, path)
			mustPut(t, s, "there", "old")
			mustClose(t, s)
			said, _ := under(t, "failing", path, "-P", path+companions[0], "-e", tt.inject)
			if len(said) != 6 || strings.Join(said[:2], " ") != tt.want || strings.Join(said[3:5], " ") != tt.want {
				t.Fatalf("puts ended %v, want %s", said, tt.want)
			}
			checkIntegrity(t, path)
			s = openVault(t, path)
			i, err := s.Get(t.Context(), key("there"))
			if err != nil {
				t.Fatal(err)
			}
			got := string(i.Value.Bytes())
			if known := map[string]string{"done done": "new", "unavailable unavailable": "old"}[tt.want]; got != known && known != "" || got != "old" && got != "new" {
				t.Errorf("the value is %q after %s", got, tt.want)
			}
			mustPut(t, s, "there", "after")
		})
	}
}

func init() {
	workerRoles["read"] = readAll
	workerRoles["put10"] = writePuts(10)
	workerRoles["put30"] = writePuts(30)
	workerRoles["failing"] = writeFailing
}
