package framework

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kinring/kinring/internal/require"
)

// Most Macs are arm64. Functions with up to eight arguments of words, as all in
// prototypes.go are, are called there as on any arm64 system: in registers.

const (
	arm64Emulator = "qemu-aarch64"
	arm64Compiler = "aarch64-linux-gnu-gcc"
	arm64Root     = "/usr/aarch64-linux-gnu"
)

// onArm64 are the tests that start no other program.
const onArm64 = "^(TestSuite|TestStatuses|TestLocked|TestWrongAnswers|TestWrongQueries|TestTimes|TestEntitlement|TestIdentity|TestGuest|TestGuestFaults|TestActivatedSockets|TestSession|TestNewerSystem|TestRoundTrips|TestFaultAtEachCall|TestLeaksAreCounted|TestSame|FuzzAnswers|FuzzQueries|FuzzSame)$"

// TestArm64 builds these tests and the double for arm64 and runs them in an
// emulator of that processor.
func TestArm64(t *testing.T) {
	if testing.Short() || given {
		t.Skip("builds this package's tests for another processor")
	}
	_, noEmulator := exec.LookPath(arm64Emulator)
	_, noCompiler := exec.LookPath(arm64Compiler)
	_, noLibrary := os.Stat(filepath.Join(arm64Root, "lib/libc.so.6"))
	require.Need(t, "qemu-aarch64", noEmulator == nil && noCompiler == nil && noLibrary == nil,
		"with "+arm64Compiler+" and its C library the binding runs as on arm64")
	dir := t.TempDir()
	libraries, err := doubles(arm64Compiler, dir)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "framework.test")
	goTool(t, "linux", "arm64", "test", "-c", "-o", program, "./internal/secitem/framework")
	child := exec.Command(arm64Emulator, "-L", arm64Root, program, "-test.short", "-test.v", "-test.run="+onArm64)
	child.Env = os.Environ()
	for k, v := range libraries {
		child.Env = append(child.Env, k+"="+v)
	}
	out, err := child.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, interesting(out))
	}
	passed(t, onArm64, string(out))
}
