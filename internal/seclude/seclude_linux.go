package seclude

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kinring/kinring/internal/require"
)

// variable tells a test binary that it runs inside already.
const variable = "KINRING_TEST_SECLUDED"

// Test runs body in a second run of the test binary, which runs this test alone
// and in a network namespace of its own. It is to be called first in a test, not
// in a subtest. Only root may make such a namespace, and not everywhere.
func Test(t *testing.T, body func(t *testing.T)) {
	t.Helper()
	if os.Getenv(variable) != "" {
		if err := raiseLoopback(); err != nil {
			t.Fatal(err)
		}
		body(t)
		return
	}
	out, err := again(t).CombinedOutput()
	require.Need(t, "root", !errors.Is(err, syscall.EPERM), "a network namespace is made, so that nothing reaches the network")
	t.Logf("inside:\n%s", out)
	if passed := "--- PASS: " + t.Name() + " "; err != nil || !bytes.Contains(out, []byte(passed)) {
		t.Fatalf("the run inside failed: %v", err)
	}
}

// again is a run of this test alone in a new network namespace.
func again(t *testing.T) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-test.run=^" + regexp.QuoteMeta(t.Name()) + "$", "-test.v", "-test.count=1"}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), variable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	return cmd
}

// raiseLoopback sets the flag that `ip link set lo up` sets, see netdevice(7).
func raiseLoopback() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(socket, unix.SIOCGIFFLAGS, lo); err != nil {
		return err
	}
	lo.SetUint16(lo.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, lo)
}
