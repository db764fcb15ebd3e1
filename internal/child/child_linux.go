package child

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// Start starts a program, which the kernel kills when this one ends.
func Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error)
	parent() <- func() { started <- cmd.Start() }
	return <-started
}

// parent is the one thread that starts programs. It never ends before the process
// does, because for the kernel a program's parent is the thread that made it
// (prctl(2), PR_SET_PDEATHSIG), and Go ends the thread of a goroutine that keeps
// it to itself: what that thread had started would be killed at some moment.
var parent = sync.OnceValue(func() chan<- func() {
	starts := make(chan func())
	go func() {
		runtime.LockOSThread()
		for start := range starts {
			start()
		}
	}()
	return starts
})
