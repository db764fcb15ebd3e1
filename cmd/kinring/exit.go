package main

import (
	"github.com/kinring/kinring"
	"github.com/kinring/kinring/store"
)

// Exit codes. Scripts rely on them: codes are added, never changed.
const (
	exitOK       = 0
	exitNegative = 1
	exitUsage    = 2
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
	if isUsage(err) {
		return exitUsage
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
