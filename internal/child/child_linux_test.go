package child

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kinring/kinring/store/storetest"
)

const (
	echoes  = "KINRING_CHILD_TEST_ECHOES"  // makes this program one that repeats its input
	parents = "KINRING_CHILD_TEST_PARENTS" // makes it one that starts the other and waits
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(echoes) != "":
		_, _ = io.Copy(os.Stdout, os.Stdin) // until it is killed
		os.Exit(0)
	case os.Getenv(parents) != "":
		beParent()
	}
	os.Exit(m.Run())
}

// TestOutlivesTheThread: a program goes on when the thread that a test started it
// on has ended, as the threads of goroutines do that keep theirs.
func TestOutlivesTheThread(t *testing.T) {
	cmd := storetest.Reexec(t, echoes+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	thread := onThread(func() { failed <- Start(cmd) })
	for !errors.Is(unix.Tgkill(os.Getpid(), thread, 0), syscall.ESRCH) {
		runtime.Gosched()
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(out)
	for range 100 {
		_, wrote := io.WriteString(in, "there?\n")
		if answer, err := answers.ReadString('\n'); wrote != nil || err != nil || answer != "there?\n" {
			t.Fatalf("%q, %v, %v", answer, wrote, err)
		}
	}
	if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
		t.Error(err)
	}
}

// onThread calls f on a thread that ends afterwards, and returns its id.
func onThread(f func()) int {
	id := make(chan int)
	go func() {
		runtime.LockOSThread() // and so the thread ends with this function
		if unix.Gettid() == os.Getpid() {
			defer runtime.UnlockOSThread() // the first thread never ends
			id <- onThread(f)
			return
		}
		f()
		id <- unix.Gettid()
	}()
	return <-id
}

// TestEndsWithTheParent: a program ends when its parent is killed.
func TestEndsWithTheParent(t *testing.T) {
	cmd := storetest.Reexec(t, parents+"=1")
	in, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close() // so that the input has no end
	defer in.Close()
	cmd.Stdin = in
	out, err := cmd.StdoutPipe() // which ends when both have
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(out)
	if line, err := said.ReadString('\n'); err != nil || line != "started\n" {
		t.Fatalf("%q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(said); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	_ = cmd.Wait() // it was killed
}

func beParent() {
	program, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), parents+"=", echoes+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := Start(cmd); err != nil {
		panic(err)
	}
	fmt.Println("started")
	_ = cmd.Wait() // until this process is killed
}
