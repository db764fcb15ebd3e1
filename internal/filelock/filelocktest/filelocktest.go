// Package filelocktest lets another process hold a lock, for tests of what waits
// for it.
package filelocktest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/kinring/kinring/internal/filelock"
)

// variable makes the test program take the lock that it names.
const variable = "KINRING_TEST_HOLD_LOCK"

// held is what the holder says once it has the lock.
const held = "held\n"

// Main returns at once in the test program itself. In a process that Hold has
// started, it takes the lock and keeps it until the process is killed or its
// standard input ends. TestMain calls it before anything else.
func Main() {
	path := os.Getenv(variable)
	if path == "" {
		return
	}
	if _, err := filelock.Acquire(context.Background(), path, filelock.Options{Mode: 0o600}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Print(held)
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(0)
}

// Hold starts a process that holds the lock at path, and returns when it does.
// The process ends with the test, or when kill is called, by SIGKILL.
func Hold(t testing.TB, path string) (kill func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), variable+"="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != held {
		t.Fatalf("the holder of %s says %q, %v", path, line, err)
	}
	return func() { _ = cmd.Process.Kill() }
}
