//go:build unix

package unprivileged

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// ID is the user and group that stands in for a person: nobody, on Linux and
// macOS alike.
const ID = 65534

// variable tells the second run of a test binary which folder the first one
// made for it.
const variable = "KINRING_TEST_UNPRIVILEGED_DIR"

// ranMark is what the second run prints when the body is done, so that a run
// that never reached it is not taken for a good one.
const ranMark = "unprivileged: the body ran\n"

// Run makes a folder that belongs to an ordinary user, lets setup fill it, and
// then runs body as that user. If the tests run as root, setup runs as root and
// body in a second run of the test binary, as the user ID; else both run right
// here. It must be called at most once in a test, and not in a subtest.
func Run(t *testing.T, setup, body func(t *testing.T, dir string)) {
	t.Helper()
	if dir := os.Getenv(variable); dir != "" {
		body(t, dir)
		os.Stdout.WriteString(ranMark)
		return
	}
	if os.Geteuid() != 0 {
		dir := t.TempDir()
		setup(t, dir)
		body(t, dir)
		return
	}
	dir, program := prepare(t)
	setup(t, dir)
	again(t, program, dir)
}

// NeedRoot skips the test if it does not run as root, which its setup needs.
func NeedRoot(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv(variable) == "" && os.Geteuid() != 0 {
		t.Skipf("needs root: %s", reason)
	}
}

// Own gives what setup made to the user that the body runs as.
func Own(t *testing.T, paths ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	for _, p := range paths {
		if err := os.Lchown(p, ID, ID); err != nil {
			t.Fatal(err)
		}
	}
}

// prepare makes the user's folder and a copy of the test binary that the user
// may run: where the tool chain puts it, only its owner can get at it.
func prepare(t *testing.T) (dir, program string) {
	t.Helper()
	base, err := os.MkdirTemp("", "kinring-unprivileged-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	if err := os.Chmod(base, 0o755); err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(base, "program")
	copyProgram(t, program)
	dir = filepath.Join(base, "dir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	Own(t, dir)
	return dir, program
}

func copyProgram(t *testing.T, to string) {
	t.Helper()
	in, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func again(t *testing.T, program, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), variable+"="+dir, "HOME="+dir, "TMPDIR="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ID, Gid: ID}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), ranMark) {
		t.Fatalf("as user %d: %v\n%s", ID, err, out)
	}
}
