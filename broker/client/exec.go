package client

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/kinring/kinring/store"
)

// start runs a command and returns its standard input and output as a connection.
// Its standard error is this program's, so that a person sees what it asks for.
func start(command string) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Op: "connect", Store: "broker",
			Detail: "the command of " + Variable + " cannot be started", Err: err, Remedy: "correct the command"}
	}
	cmd := exec.Command("/bin/sh", "-c", command)
	if runtime.GOOS == "windows" {
		cmd = exec.Command("cmd", "/c", command)
	}
	in, theirOut, err := os.Pipe()
	if err != nil {
		return fail(err)
	}
	theirIn, out, err := os.Pipe()
	if err != nil {
		return fail(errors.Join(err, in.Close(), theirOut.Close()))
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirIn, theirOut, os.Stderr
	err = cmd.Start()
	err = errors.Join(err, theirIn.Close(), theirOut.Close())
	if err != nil {
		return fail(errors.Join(err, in.Close(), out.Close()))
	}
	go func() { _ = cmd.Wait() }() // how it ended shows in the connection
	return &pipes{in, out}, nil
}

// pipes are two pipes as a connection.
type pipes struct{ in, out *os.File }

func (p *pipes) Read(b []byte) (int, error)  { return p.in.Read(b) }
func (p *pipes) Write(b []byte) (int, error) { return p.out.Write(b) }
func (p *pipes) Close() error                { return errors.Join(p.out.Close(), p.in.Close()) }

func (p *pipes) LocalAddr() net.Addr  { return pipeAddr{} }
func (p *pipes) RemoteAddr() net.Addr { return pipeAddr{} }

func (p *pipes) SetDeadline(t time.Time) error {
	return errors.Join(p.SetReadDeadline(t), p.SetWriteDeadline(t))
}
func (p *pipes) SetReadDeadline(t time.Time) error  { return orNone(p.in.SetReadDeadline(t)) }
func (p *pipes) SetWriteDeadline(t time.Time) error { return orNone(p.out.SetWriteDeadline(t)) }

// orNone forgives a file that knows no deadlines, such as a regular one: reading
// and writing it does not block for long, or ends with the program at the other
// end.
func orNone(err error) error {
	if errors.Is(err, os.ErrNoDeadline) {
		return nil
	}
	return err
}

// Pipes returns two pipes as a connection, such as a program's standard input and
// output.
func Pipes(in, out *os.File) net.Conn { return &pipes{in, out} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
