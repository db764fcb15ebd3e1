package codextest

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// isolate starts the program in a network namespace of its own, in which there
// is nothing, not even loopback. Where that is not allowed, as to any user but
// root, the dead proxy and the made-up keys have to do.
func isolate(cmd *exec.Cmd) {
	if mayUnshare() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	}
}

// mayUnshare tries it on a thread that ends with its goroutine, because that
// goroutine never unlocks it.
var mayUnshare = sync.OnceValue(func() bool {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		result <- syscall.Unshare(syscall.CLONE_NEWNET)
	}()
	return <-result == nil
})
