package storetest

import (
	"testing"

	"github.com/kinring/kinring/store"
)

// testCase is one promise or limit, tested on a store of its own.
type testCase struct {
	// name begins with the promise (I1 no loss, I2 no resurrection, I3 no lost
	// update, I4 absence needs evidence, I8 no leaks, I9 unknown stays unknown,
	// I10 fresh reads), with limit, or with duty for what the contract asks
	// beside them.
	name  string
	needs []need
	run   func(*trial)
}

// cases is the suite.
var cases = []testCase{
	{"I1/value-bytes", []need{writing}, valueBytes},
	{"I1/keys-awkward", []need{writing}, keysAwkward},
	{"I1/keys-unicode", []need{writing}, keysUnicode},
	{"I1/keys-case", []need{writing}, keysCase},
	{"I1/keys-boundary", []need{writing}, keysBoundary},
	{"I1/record", []need{writing, records}, recordRoundTrip},
	{"I1/record-newer", []need{writing, records}, recordNewer},
	{"I1/aliasing-put", []need{writing}, aliasingPut},
	{"I1/aliasing-get", []need{writing}, aliasingGet},
	{"I1/aliasing-record", []need{writing, records}, aliasingRecord},
	{"I1/reopen", []need{writing, reopening}, reopenKeeps},
	{"I2/delete", []need{writing}, deleteRemoves},
	{"I2/marker", []need{writing, records}, markers},
	{"I2/record-refused", []need{writing, noRecords}, recordRefused},
	{"I3/revisions", []need{writing}, revisions},
	{"I3/put-conditions", []need{writing}, putConditions},
	{"I3/delete-conditions", []need{writing}, deleteConditions},
	{"I3/absent-goroutines", []need{writing, atomicAbsent}, absentGoroutines},
	{"I3/match-goroutines", []need{writing, atomicMatch}, matchGoroutines},
	{"I3/delete-goroutines", []need{writing, atomicMatch}, deleteGoroutines},
	{"I3/counter-goroutines", []need{writing, atomicMatch}, counterGoroutines},
	{"I3/absent-processes", []need{writing, atomicAbsent, spawning}, absentProcesses},
	{"I3/match-processes", []need{writing, atomicMatch, spawning}, matchProcesses},
	{"I3/counter-processes", []need{writing, atomicMatch, spawning}, counterProcesses},
	{"I4/missing", nil, missing},
	{"I4/empty-value", []need{writing}, emptyValue},
	{"I4/trouble", []need{writing, trouble}, troubles},
	{"I4/list", []need{writing}, listExact},
	{"I4/list-while-writing", []need{writing}, listWhileWriting},
	{"I4/list-markers", []need{writing, records}, listMarkers},
	{"I5/read-only", []need{readOnly}, readOnlyHolds},
	{"I5/read-only-delete", []need{readOnly}, readOnlyDelete},
	{"I8/errors", nil, errorsShowNothing},
	{"I8/list", []need{writing}, listShowsNothing},
	{"I9/cancelled", nil, contextCancelled},
	{"I9/expired", nil, contextExpired},
	{"I9/cancelled-in-contention", []need{writing}, cancelledInContention},
	{"I9/expired-while-held", []need{writing, holding}, expiredWhileHeld},
	{"I10/overwrite", []need{writing}, overwrite},
	{"limit/value", []need{writing}, valueLimit},
	{"limit/key", []need{writing}, keyLimit},
	{"limit/key-invalid", nil, keyInvalid},
	{"limit/record", []need{writing, records}, recordLimit},
	{"duty/info", nil, infoStable},
	{"duty/errors", nil, errorsNameThePlace},
	{"duty/closed", nil, closedRefuses},
	{"duty/concurrent", []need{writing}, concurrentUse},
}

// Run tests the store. Each case is a sub-test on a store of its own, named
// after the promise or limit that it guards; a case that does not apply to the
// store's capabilities is skipped and says why.
func Run(t *testing.T, target Target) {
	t.Helper()
	caps := capabilities(t, target)
	if why := target.problem(caps); why != "" {
		t.Fatal(why)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if reason, known := target.Deviations[c.name]; known {
				deviate(t, target, caps, c, reason)
				return
			}
			c.try(t, target, caps)
		})
	}
}

// capabilities opens a store to see what it declares.
func capabilities(t testing.TB, target Target) store.Capabilities {
	s := target.Open(t)
	caps := s.Info().Capabilities
	if err := s.Close(); err != nil {
		t.Fatalf("closing a store that was never used: %v", err)
	}
	return caps
}

// try runs the case on a new store.
func (c testCase) try(t testing.TB, target Target, caps store.Capabilities) {
	if why := target.lacks(caps, c.needs); why != "" {
		t.Skip(why)
	}
	c.run(newTrial(t, target))
}

// deviate runs a case that is known to fail, and fails if it does not.
func deviate(t testing.TB, target Target, caps store.Capabilities, c testCase, reason string) {
	r := record(t, func(t testing.TB) { c.try(t, target, caps) })
	switch {
	case r.Skipped():
		t.Fatalf("the deviation %q is named for a case that does not apply: %s", reason, r.log())
	case !r.Failed():
		t.Fatalf("no longer deviates: take the deviation %q out", reason)
	}
	t.Skipf("known deviation: %s\n%s", reason, r.log())
}
