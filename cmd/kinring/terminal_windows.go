package main

import (
	"errors"
	"os"
)

// device is the console that a person sits at.
type device struct{ in, out *os.File }

func (d device) close() error { return errors.Join(d.in.Close(), d.out.Close()) }

// openTerminal opens the process's console.
func openTerminal() (device, error) {
	in, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return device{}, err
	}
	out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		return device{}, errors.Join(err, in.Close())
	}
	return device{in, out}, nil
}
