//go:build unix

package main

import (
	"errors"
	"os"

	"golang.org/x/term"
)

// device is the terminal that a person sits at.
type device struct{ in, out *os.File }

func (d device) close() error { return d.in.Close() }

// openTerminal opens the process's controlling terminal.
func openTerminal() (device, error) {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return device{}, err
	}
	if !term.IsTerminal(int(f.Fd())) {
		return device{}, errors.Join(errors.New("/dev/tty is not a terminal"), f.Close())
	}
	return device{f, f}, nil
}
