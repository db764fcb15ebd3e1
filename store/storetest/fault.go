package storetest

import (
	"context"
	"errors"

	"github.com/kinring/kinring/store"
)

// Verb names a method of a store.
type Verb string

// The verbs that Faults counts and breaks.
const (
	// AnyVerb stands for all of them together, counted in the order of arrival.
	AnyVerb            Verb = ""
	VerbGet            Verb = "get"
	VerbPut            Verb = "put"
	VerbDelete         Verb = "delete"
	VerbList           Verb = "list"
	VerbFingerprintKey Verb = "fingerprint-key"
)

// writes reports whether the verb may change a store.
func (v Verb) writes() bool { return v == VerbPut || v == VerbDelete }

// Apply says what becomes of a faulty call in the store.
type Apply int

const (
	// ApplyNever: the store never sees the call.
	ApplyNever Apply = iota
	// ApplyNow: the store sees the call before the caller is answered.
	ApplyNow
	// ApplyLate: a write waits until the test lets it land, which may be never;
	// its condition is judged when it lands. A read is not applied.
	ApplyLate
)

// Fault is one way for a call to go wrong. The functions below make the usual
// ones; the fields can be combined freely.
type Fault struct {
	// Before runs as the call arrives. A test may cancel a context in it, tell
	// that the call is under way, or change the store behind the caller's back.
	Before func()
	// Apply says what becomes of the call in the store.
	Apply Apply
	// Hang keeps the caller waiting until its context ends.
	Hang bool
	// Err is what the caller is told: an error of any kind, also a bare class or
	// reason of package store. Nil stands for the truth: what the store said; for
	// a call that hung, how its context ended, or outcome unknown if it is a
	// write that was or may yet be applied.
	Err error
	// Sticky makes every later call of the verb go wrong in the same way.
	Sticky bool
}

// FailBefore tells the caller err and keeps the call from the store.
func FailBefore(err error) Fault { return Fault{Err: err} }

// FailAfter lets the call through and tells the caller err all the same. With
// store.ErrOutcomeUnknown it is an honest store that lost its connection; with
// any other error it is a store that lies.
func FailAfter(err error) Fault { return Fault{Apply: ApplyNow, Err: err} }

// LandLate tells the caller that the outcome is unknown; the write waits for
// Faults.Land.
func LandLate() Fault { return Fault{Apply: ApplyLate, Err: store.ErrOutcomeUnknown} }

// Hang keeps the caller waiting until its context ends. Nothing is applied.
func Hang() Fault { return Fault{Hang: true} }

// HangLate keeps the caller waiting until its context ends and then tells it
// that the outcome is unknown. The write waits for Faults.Land, which may be
// called while the caller still waits.
func HangLate() Fault { return Fault{Apply: ApplyLate, Hang: true} }

// CancelWith calls cancel as the call arrives, before the store sees it, and
// lets the store find out. With the cancel function of the call's own context it
// is a caller that gives up half way.
func CancelWith(cancel func()) Fault { return Fault{Before: cancel, Apply: ApplyNow} }

// Forever returns the fault for this and every later call.
func (f Fault) Forever() Fault {
	f.Sticky = true
	return f
}

// ok reports whether the fault leaves its caller with an answer.
func (f Fault) ok() bool { return f.Hang || f.Err != nil || f.Apply == ApplyNow }

// Failures returns one error of each class and one for each reason why a store
// may be unavailable, in a fixed order: what a test of failure paths walks
// through.
func Failures() []error {
	var all []error
	for _, c := range store.Classes() {
		all = append(all, Failure(c))
	}
	for _, r := range []error{store.ErrOutOfReach, store.ErrAbsentByDesign, store.ErrNoService} {
		all = append(all, Failure(r))
	}
	return all
}

// Failure makes a full error of a bare class or reason of package store and
// returns any other error as it is.
func Failure(err error) error {
	const detail = "injected by a test"
	for _, r := range []error{store.ErrOutOfReach, store.ErrAbsentByDesign, store.ErrNoService} {
		if err == r {
			return &store.Error{Class: store.ErrUnavailable, Reason: r, Detail: detail}
		}
	}
	var c *store.Class
	if errors.As(err, &c) && error(c) == err {
		return &store.Error{Class: c, Detail: detail}
	}
	return err
}

// awaitEnd waits until the context ends and returns how.
func awaitEnd(ctx context.Context, verb Verb) error {
	if ctx.Done() == nil {
		panic("storetest: " + string(verb) + " hangs in a context that cannot end")
	}
	<-ctx.Done()
	return store.FromContext(ctx)
}
