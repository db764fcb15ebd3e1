// Package unreadable holds the one error with which the readers of signed macOS
// code refuse their input: it says which structure is broken, where it lies and
// how.
package unreadable

import (
	"errors"
	"fmt"
	"strings"
)

// Error says that a structure could not be read. It is a statement about the
// input, never about the machine: an error of the underlying reader is wrapped
// and stays reachable.
type Error struct {
	Path      string // of the file inside the input; empty until a walk fills it in
	Structure string // which structure, in words: "code directory"
	Offset    int64  // where that structure lies, from the start of the file
	Problem   string // what is wrong with it
	Err       error  // the cause, where there is one
}

// Error returns "unreadable: PATH: STRUCTURE at OFFSET: PROBLEM".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("unreadable: ")
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	fmt.Fprintf(&b, "%s at offset %d: %s", e.Structure, e.Offset, e.Problem)
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// At returns an Error for a structure that lies at offset.
func At(structure string, offset int64, format string, args ...any) error {
	return &Error{Structure: structure, Offset: offset, Problem: fmt.Sprintf(format, args...)}
}

// Because is At with the error that caused it.
func Because(cause error, structure string, offset int64, problem string) error {
	return &Error{Structure: structure, Offset: offset, Problem: problem, Err: cause}
}

// Within returns err with path as the name of the file and base added to the
// offset, for a reader that was given only a part of it. An err of another type
// becomes an Error about the file as a whole.
func Within(err error, path string, base int64) error {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		return &Error{Path: path, Structure: "file", Offset: base, Problem: "reading failed", Err: err}
	}
	moved := *e
	moved.Offset += base
	if moved.Path == "" {
		moved.Path = path
	}
	return &moved
}
