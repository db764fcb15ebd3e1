package kinring

import "github.com/kinring/kinring/store"

// The closed set of errors, for errors.Is. See package store for their exact
// meanings.
var (
	ErrNotFound       = store.ErrNotFound
	ErrConflict       = store.ErrConflict
	ErrLocked         = store.ErrLocked
	ErrDenied         = store.ErrDenied
	ErrCancelled      = store.ErrCancelled
	ErrUnavailable    = store.ErrUnavailable
	ErrTimedOut       = store.ErrTimedOut
	ErrAmbiguous      = store.ErrAmbiguous
	ErrTooLarge       = store.ErrTooLarge
	ErrInvalid        = store.ErrInvalid
	ErrCorrupt        = store.ErrCorrupt
	ErrUnsupported    = store.ErrUnsupported
	ErrPartial        = store.ErrPartial
	ErrOutcomeUnknown = store.ErrOutcomeUnknown
)

// Reasons that refine ErrUnavailable.
var (
	ErrOutOfReach     = store.ErrOutOfReach
	ErrAbsentByDesign = store.ErrAbsentByDesign
	ErrNoService      = store.ErrNoService
)

// Error is the one error type: what was done where, what went wrong, and the
// remedy.
type Error = store.Error
