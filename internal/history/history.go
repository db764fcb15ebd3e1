// Package history records what several clients do to a store at the same time
// and checks afterwards whether a store that does one thing after the other could
// have answered like that: whether the history is linearisable.
//
// A Recorder writes a history down as it happens, Drive makes one, Check judges
// it. Clients may live in several processes, each with a recorder of its own;
// Read puts their files together.
package history

import (
	"fmt"
	"math"
	"time"
)

// Kind is what a client does to a key.
type Kind string

// The kinds of operation.
const (
	Get    Kind = "get"
	Set    Kind = "set"
	Delete Kind = "delete"
)

// Outcome is what a client was told.
type Outcome string

// The outcomes of an operation.
const (
	// Done: a Get returned the value, a Set took place, a Delete removed what was
	// there.
	Done Outcome = "done"
	// Absent: a Get or a Delete found nothing there.
	Absent Outcome = "absent"
	// Gone: a Delete took place and does not say whether anything was there.
	Gone Outcome = "gone"
	// Failed: surely nothing happened.
	Failed Outcome = "failed"
	// Unknown: it may have happened, or may happen at any later time. It is the
	// outcome of whoever never heard an answer.
	Unknown Outcome = "unknown"
)

// Op is one operation from call to return.
type Op struct {
	Client string
	Kind   Kind
	Key    string
	// Value is what was set, or what a Get returned. Values are made up for the
	// test: a history is no place for a secret.
	Value   string
	Outcome Outcome
	// Call and Return are moments on one clock for all clients, in nanoseconds.
	Call, Return int64
}

// never is the return of an operation that was not heard of again.
const never = math.MaxInt64

// String returns the operation as a line for a person.
func (o Op) String() string {
	end := time.Duration(o.Return).String()
	if o.Return == never {
		end = "…"
	}
	return fmt.Sprintf("%s %s %q %q %s [%v, %s]", o.Client, o.Kind, o.Key, o.Value, o.Outcome, time.Duration(o.Call), end)
}

// outcomes lists what each kind of operation may come to.
var outcomes = map[Kind][]Outcome{
	Get:    {Done, Absent, Failed, Unknown},
	Set:    {Done, Failed, Unknown},
	Delete: {Done, Absent, Gone, Failed, Unknown},
}
