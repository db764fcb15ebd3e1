package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The closed set of classes. Every error of a store, an engine, a ring or a
// broker matches exactly one of them with errors.Is; test for these, never for
// texts.
var (
	// ErrNotFound: looked, and nothing is there.
	ErrNotFound = class("not-found")
	// ErrConflict: the condition does not hold; nothing was changed.
	ErrConflict = class("conflict")
	// ErrLocked: the store needs a key or an unlocked session.
	ErrLocked = class("locked")
	// ErrDenied: the store, or a person asked by it, said no.
	ErrDenied = class("denied")
	// ErrCancelled: given up by the caller or by a person; nothing was changed.
	ErrCancelled = class("cancelled")
	// ErrUnavailable: there is no store to ask. ErrOutOfReach,
	// ErrAbsentByDesign and ErrNoService tell why, and match this class too.
	ErrUnavailable = class("unavailable")
	// ErrTimedOut: the time ran out and nothing was changed.
	ErrTimedOut = class("timed-out")
	// ErrAmbiguous: more than one item matches, and guessing is wrong.
	ErrAmbiguous = class("ambiguous")
	// ErrTooLarge: a limit would be exceeded; no store was touched.
	ErrTooLarge = class("too-large")
	// ErrInvalid: a key, profile, policy or value that no store would take.
	ErrInvalid = class("invalid")
	// ErrCorrupt: something is there that cannot be what was written.
	ErrCorrupt = class("corrupt")
	// ErrUnsupported: the store cannot do this, or something newer wrote it.
	ErrUnsupported = class("unsupported")
	// ErrPartial: part of it is done; see the error's Done and Missing. A Put or
	// Delete that a store did, and that a program which reads the store will not
	// know of before it restarts, is partial too: Done names the store's part.
	ErrPartial = class("partial")
	// ErrOutcomeUnknown: it may or may not have happened, or happen yet.
	ErrOutcomeUnknown = class("outcome-unknown")
)

// Reasons for ErrUnavailable. Each matches ErrUnavailable with errors.Is.
var (
	// ErrOutOfReach: the store exists, but this program cannot get at it.
	ErrOutOfReach error = &reason{"out of reach"}
	// ErrAbsentByDesign: there is none on this platform or in this profile.
	ErrAbsentByDesign error = &reason{"absent by design"}
	// ErrNoService: what serves the store is not there or not running.
	ErrNoService error = &reason{"no service"}
)

// Class is one member of the closed set.
type Class struct{ name string }

var classes []*Class

func class(name string) *Class {
	c := &Class{name}
	classes = append(classes, c)
	return c
}

// Error returns the name of the class.
func (c *Class) Error() string { return strings.ReplaceAll(c.name, "-", " ") }

// Name returns the class as JSON documents and the broker spell it, for example
// "not-found".
func (c *Class) Name() string { return c.name }

// Classes returns the closed set in a fixed order.
func Classes() []*Class { return slices.Clone(classes) }

type reason struct{ text string }

func (r *reason) Error() string        { return r.text }
func (r *reason) Is(target error) bool { return target == error(ErrUnavailable) }

// ClassOf returns the class of an error, and nil if it has none: then it is a
// defect in kinring, not a state of the world.
func ClassOf(err error) *Class {
	var e *Error
	if errors.As(err, &e) && e.Class != nil {
		return e.Class
	}
	for _, c := range classes {
		if errors.Is(err, c) {
			return c
		}
	}
	return nil
}

// Error is the one error type of kinring. It never holds a value.
type Error struct {
	// Class is one of the closed set.
	Class *Class
	// Reason refines ErrUnavailable: ErrOutOfReach, ErrAbsentByDesign or
	// ErrNoService.
	Reason error
	// Op is the operation: "get", "put", "delete", "list", "open" …
	Op string
	// Store names the store or legacy source.
	Store string
	// Key is the redacted key.
	Key string
	// Detail says what was seen, in lower case and without a full stop.
	Detail string
	// Native is the platform's own code or name: an OSStatus, a D-Bus error
	// name, a Win32 code, an errno.
	Native string
	// Remedy says what the reader can do about it.
	Remedy string
	// Done and Missing say, for ErrPartial, which parts took place.
	Done, Missing []string
	// Err is the cause.
	Err error
}

// Error returns one line: what was done where, what went wrong, and the remedy.
func (e *Error) Error() string {
	if advice := e.Advice(); advice != "" {
		return e.Message() + "; " + advice
	}
	return e.Message()
}

// Message returns what was done where and what went wrong, without the remedy.
func (e *Error) Message() string {
	var b strings.Builder
	for _, part := range []string{e.Op, e.Store, e.Key} {
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	b.WriteString(e.what())
	if e.Native != "" {
		b.WriteString(" [" + e.Native + "]")
	}
	if cause, own := e.Err.(*Error); own {
		b.WriteString(": " + cause.Message())
	} else if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Advice returns the remedy, or its cause's if it has none of its own.
func (e *Error) Advice() string {
	cause, own := e.Err.(*Error)
	if e.Remedy == "" && own {
		return cause.Advice()
	}
	return e.Remedy
}

func (e *Error) what() string {
	parts := []string{}
	if e.Class != nil {
		parts = append(parts, e.Class.Error())
	}
	if e.Reason != nil {
		parts = append(parts, e.Reason.Error())
	}
	if e.Detail != "" {
		parts = append(parts, e.Detail)
	}
	if len(e.Done) > 0 {
		parts = append(parts, "done: "+some(e.Done))
	}
	if len(e.Missing) > 0 {
		parts = append(parts, "missing: "+some(e.Missing))
	}
	return strings.Join(parts, ": ")
}

// shownParts is how many parts of a partial result a message names.
const shownParts = 8

// some names the first parts, and how many more there are.
func some(parts []string) string {
	if more := len(parts) - shownParts; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(parts[:shownParts], ", "), more)
	}
	return strings.Join(parts, ", ")
}

// Is matches the class, the reason, and whatever the cause matches that is not
// of the closed set: a partial error caused by a locked store is partial, not
// locked.
func (e *Error) Is(target error) bool {
	switch target.(type) {
	case *Class:
		return target == error(e.Class)
	case *reason:
		return target == e.Reason
	}
	return e.Err != nil && errors.Is(e.Err, target)
}

// As finds platform errors in the cause. There is no Unwrap, because it would
// let the class of a cause show through.
func (e *Error) As(target any) bool {
	if _, own := target.(**Error); own {
		return false
	}
	return e.Err != nil && errors.As(e.Err, target)
}

// Cause returns what the error was made from, or nil.
func (e *Error) Cause() error { return e.Err }

// FromContext returns the error of a call that ended because its context did,
// before it changed anything: ErrTimedOut or ErrCancelled. It returns nil while
// the context is alive.
func FromContext(ctx context.Context) error {
	err := ctx.Err()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Class: ErrTimedOut, Err: err}
	}
	return &Error{Class: ErrCancelled, Err: err}
}

// At returns err with operation, store and key filled in where it does not name
// them yet. An error that is not kinring's own is returned as it is.
func At(err error, op, store string, key Key) error {
	e, ok := err.(*Error)
	if !ok {
		return err
	}
	c := *e
	if c.Op == "" {
		c.Op = op
	}
	if c.Store == "" {
		c.Store = store
	}
	if c.Key == "" && key != (Key{}) {
		c.Key = key.Redacted()
	}
	return &c
}
