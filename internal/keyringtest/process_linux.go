package keyringtest

import (
	"os/exec"
	"syscall"
)

// endWithParent lets the kernel end the program with this one, also if this one
// is killed.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
