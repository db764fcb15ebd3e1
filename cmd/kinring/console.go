package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/profile"
)

// console is where a run reads and writes.
type console struct {
	in       io.Reader
	out, err io.Writer
	// inTerminal, outTerminal and errTerminal say which ends are terminals.
	inTerminal, outTerminal, errTerminal bool
}

func systemConsole() *console {
	return &console{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		inTerminal:  term.IsTerminal(int(os.Stdin.Fd())),
		outTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		errTerminal: term.IsTerminal(int(os.Stderr.Fd())),
	}
}

// terminal reports whether there is a terminal device to ask at, whatever
// standard input and output are.
func (c *console) terminal() bool {
	tty, err := openTerminal()
	if err != nil {
		return false
	}
	return tty.close() == nil
}

// askSecret asks at the terminal device, without echo. It never reads standard
// input, which may carry something else.
func askSecret(ctx context.Context, prompt string) ([]byte, error) {
	tty, err := openTerminal()
	if err != nil {
		return nil, &kinring.Error{Class: kinring.ErrLocked, Detail: "there is no terminal to ask at",
			Remedy: "give a key file or a passphrase file"}
	}
	defer tty.close()
	fmt.Fprint(tty.out, prompt)
	type answer struct {
		secret []byte
		err    error
	}
	// The read cannot be interrupted; on giving up it is left to the terminal.
	answered := make(chan answer, 1)
	state, stateErr := term.GetState(int(tty.in.Fd()))
	go func() {
		secret, err := term.ReadPassword(int(tty.in.Fd()))
		answered <- answer{secret, err}
	}()
	select {
	case got := <-answered:
		fmt.Fprintln(tty.out)
		if got.err != nil {
			return nil, &kinring.Error{Class: kinring.ErrCancelled, Detail: "nothing was entered", Err: got.err}
		}
		return got.secret, nil
	case <-ctx.Done():
		if stateErr == nil {
			_ = term.Restore(int(tty.in.Fd()), state) // the program ends next
		}
		fmt.Fprintln(tty.out)
		return nil, &kinring.Error{Class: kinring.ErrCancelled, Detail: "nobody answered", Err: ctx.Err()}
	}
}

// askTwice asks for a new secret until both answers agree, three times at most.
func askTwice(ctx context.Context, what string) ([]byte, error) {
	for try := range 3 {
		prompt := what
		if try > 0 {
			prompt = "These two differ. " + what
		}
		first, err := askSecret(ctx, prompt+": ")
		if err != nil {
			return nil, err
		}
		second, err := askSecret(ctx, what+" again: ")
		if err != nil {
			return nil, err
		}
		if bytes.Equal(first, second) {
			return first, nil
		}
	}
	return nil, &kinring.Error{Class: kinring.ErrCancelled, Detail: "the two entries differed three times"}
}

// readBounded reads a profile file, but no more than a profile may have. A pipe that
// nobody writes to, which cannot be called off, is left behind after a while.
func readBounded(path string) ([]byte, error) {
	var data []byte
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		data, err = readFile(path)
	}()
	select {
	case <-done:
		return data, err
	case <-time.After(kinring.DefaultBudget):
		return nil, errors.New("it keeps its reader waiting")
	}
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, profile.MaxFile+1))
}
