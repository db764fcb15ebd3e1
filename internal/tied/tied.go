// Package tied starts programs that end with the process that started them, also
// where that is killed: the daemons and browsers of tests. The kernel sees to it on
// Linux; elsewhere the test has to.
package tied

import (
	"os/exec"
	"runtime"
)

// Start starts the command. The channel is closed when the program has ended;
// cmd.ProcessState says then how, which is no failure of Start's.
//
// The kernel counts the thread that started a program as its parent, and Go ends
// threads (that of a goroutine that ends without unlocking it). So the thread is
// kept for as long as the program runs.
func Start(cmd *exec.Cmd) (<-chan struct{}, error) {
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		endWithParent(cmd)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	return ended, <-started
}
