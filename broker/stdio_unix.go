//go:build unix

package broker

import (
	"net"
	"os"
	"syscall"

	"github.com/kinring/kinring/broker/client"
)

// Stdio returns this process's standard input and output as a connection. Reads
// and writes of it can be given up where the two are pipes.
func Stdio() net.Conn {
	return client.Pipes(reopened(os.Stdin), reopened(os.Stdout))
}

// reopened is the file with deadlines, where its kind has any.
func reopened(f *os.File) *os.File {
	fd := int(f.Fd())
	if syscall.SetNonblock(fd, true) != nil {
		return f
	}
	return os.NewFile(uintptr(fd), f.Name())
}
