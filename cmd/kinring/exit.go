package main

import (
	"errors"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/store"
)

// Exit codes. Scripts rely on them: codes are added, never changed.
const (
	exitOK       = 0
	exitNegative = 1
	exitUsage    = 2
	exitCommand  = 125 // a command that kinring was to run failed, or could not be run
	exitInternal = 70
)

var exitCodes = map[*store.Class]int{
	kinring.ErrNotFound:       1,
	kinring.ErrInvalid:        2,
	kinring.ErrTooLarge:       2,
	kinring.ErrLocked:         3,
	kinring.ErrDenied:         4,
	kinring.ErrCancelled:      4,
	kinring.ErrUnavailable:    5,
	kinring.ErrUnsupported:    5,
	kinring.ErrConflict:       6,
	kinring.ErrAmbiguous:      6,
	kinring.ErrTimedOut:       7,
	kinring.ErrPartial:        8,
	kinring.ErrOutcomeUnknown: 9,
	kinring.ErrCorrupt:        10,
}

func exitCode(err error) int {
	var child *exitError
	var failed *commandError
	var own *ownError
	switch {
	case isUsage(err):
		return exitUsage
	case errors.As(err, &child):
		return child.code
	case errors.As(err, &failed), errors.As(err, &own):
		return exitCommand
	}
	if code, ok := exitCodes[store.ClassOf(err)]; ok {
		return code
	}
	return exitInternal
}

// quietError carries an exit code whose reason has been printed already.
type quietError struct{ err error }

func (q *quietError) Error() string { return q.err.Error() }
func (q *quietError) Unwrap() error { return q.err }

func quiet(err error) error {
	if err == nil {
		return nil
	}
	return &quietError{err}
}
