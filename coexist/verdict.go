package coexist

import "github.com/kinring/kinring/store"

// Verdict says how the shared store and a legacy source stand to each other.
type Verdict string

// The verdicts.
const (
	InStep           Verdict = "in-step"           // both hold the same, or both hold nothing
	SharedOnlyHere   Verdict = "shared-only"       // legacy holds nothing and never agreed to more
	LegacyOnlyHere   Verdict = "legacy-only"       // the shared store holds nothing yet
	NewWrote         Verdict = "new-wrote"         // a new build wrote since they agreed
	OlderWrote       Verdict = "older-wrote"       // an older build did
	Converged        Verdict = "converged"         // both wrote the same
	Diverged         Verdict = "diverged"          // both wrote
	OlderSignedOut   Verdict = "older-signed-out"  // an older build removed what both held
	Deleted          Verdict = "deleted"           // marked, and legacy holds nothing
	DeleteUnfinished Verdict = "delete-unfinished" // marked, and legacy still holds the deleted value
	PrunedThere      Verdict = "pruned"            // kinring removed legacy's copy
	UnknownVerdict   Verdict = "unknown"           // something needed could not be read
)

// State says what one store holds under a key.
type State string

// The states.
const (
	StateValue       State = "value"
	StateMarker      State = "marker"
	StateAbsent      State = "absent"
	StateLocked      State = "locked"
	StateDenied      State = "denied"
	StateUnavailable State = "unavailable"
	StateCorrupt     State = "corrupt"
	StateUnread      State = "unread"
)

// stateOf maps a failure to a state.
func stateOf(err error) State {
	switch store.ClassOf(err) {
	case store.ErrLocked:
		return StateLocked
	case store.ErrDenied:
		return StateDenied
	case store.ErrUnavailable:
		return StateUnavailable
	case store.ErrCorrupt:
		return StateCorrupt
	}
	return StateUnread
}

// Answer is yes, no or nobody knows.
type Answer *bool

var yes, no = true, false

func answer(known, v bool) Answer {
	switch {
	case !known:
		return nil
	case v:
		return &yes
	}
	return &no
}

// is reports whether the answer is known and equals v.
func is(a Answer, v bool) bool { return a != nil && *a == v }

// facts are what a verdict on one source is made from.
type facts struct {
	shared, legacy State
	then           store.AgreementKind // B, or F under a marker
	equal          Answer              // shared value = legacy value
	sharedAgreed   Answer              // shared value = B
	legacyAgreed   Answer              // legacy value = B, or F under a marker
}

// verdict is the three-way comparison.
func (f facts) verdict() Verdict {
	switch {
	case f.shared == StateValue && f.legacy == StateValue:
		return f.bothHold()
	case f.shared == StateValue && f.legacy == StateAbsent:
		return f.legacyGone()
	case f.shared == StateMarker && f.legacy == StateAbsent:
		return Deleted
	case f.shared == StateMarker && f.legacy == StateValue:
		return f.leftAfterDelete()
	case f.shared == StateAbsent && f.legacy == StateValue:
		return LegacyOnlyHere
	case f.shared == StateAbsent && f.legacy == StateAbsent:
		return InStep
	}
	return UnknownVerdict
}

func (f facts) bothHold() Verdict {
	switch {
	case f.equal == nil:
		return UnknownVerdict
	case *f.equal && (is(f.sharedAgreed, true) || f.then == store.Unknown):
		return InStep
	case *f.equal:
		return Converged
	case is(f.legacyAgreed, true):
		return NewWrote
	case is(f.sharedAgreed, true):
		return OlderWrote
	case f.then == store.Unknown:
		return UnknownVerdict
	}
	return Diverged
}

func (f facts) legacyGone() Verdict {
	switch f.then {
	case store.Held:
		return OlderSignedOut
	case store.Pruned:
		return PrunedThere
	}
	return SharedOnlyHere
}

func (f facts) leftAfterDelete() Verdict {
	switch {
	case f.then == store.AbsentThere || f.then == store.Pruned || is(f.legacyAgreed, false):
		return OlderWrote
	case is(f.legacyAgreed, true):
		return DeleteUnfinished
	}
	return UnknownVerdict
}

// weight orders verdicts by how much they ask of a person. Of several sources
// the heaviest speaks for the key; of verdicts that ask nothing, the one that
// says most about a value that is there.
var weight = map[Verdict]int{
	Deleted: 1, SharedOnlyHere: 2, PrunedThere: 3, LegacyOnlyHere: 4, InStep: 5, Converged: 6,
	UnknownVerdict: 7, OlderSignedOut: 8, NewWrote: 9, OlderWrote: 10, DeleteUnfinished: 11, Diverged: 12,
}

func heavier(a, b Verdict) Verdict {
	if weight[b] > weight[a] {
		return b
	}
	return a
}

// remedies says what a person can do about a verdict; nothing where there is
// nothing to do.
var remedies = map[Verdict]string{
	NewWrote:         "older builds still use the value before; this is what shared-only writes mean",
	OlderWrote:       "an older build wrote since: reconcile the key, taking the value that is to stand",
	Converged:        "nothing is lost: both hold the same value",
	Diverged:         "both builds wrote: reconcile the key, taking the value that is to stand",
	OlderSignedOut:   "delete the key if the sign-out was meant for all programs",
	DeleteUnfinished: "delete the key again to finish",
	UnknownVerdict:   "make the stores readable that are not, then ask again",
}
