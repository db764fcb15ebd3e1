package tied

import (
	"os/exec"
	"runtime"
	"sync"
	"testing"
)

// TestOutlivesItsThread: the end of a thread of this process, also of the one that
// a program was started from, is not the end of this process.
func TestOutlivesItsThread(t *testing.T) {
	for range 20 {
		cmd := exec.Command("sleep", "1h")
		ended, err := Start(cmd)
		if err != nil {
			t.Fatal(err)
		}
		endThreads(16)
		select {
		case <-ended:
			t.Fatalf("it ended with a thread: %v", cmd.ProcessState)
		default:
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-ended
	}
}

// endThreads runs goroutines that take the thread they happen to run on with them.
func endThreads(n int) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() { runtime.LockOSThread() })
	}
	all.Wait()
}

func TestCannotStart(t *testing.T) {
	ended, err := Start(exec.Command("/no/such/program"))
	if err == nil {
		t.Fatal("a program that is not there was started")
	}
	<-ended
}
