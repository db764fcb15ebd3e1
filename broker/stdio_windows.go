package broker

import (
	"net"
	"os"

	"github.com/kinring/kinring/broker/client"
)

// Stdio returns this process's standard input and output as a connection.
func Stdio() net.Conn { return client.Pipes(os.Stdin, os.Stdout) }
