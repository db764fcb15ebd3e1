package kinringtest

import (
	"errors"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/store/storetest"
)

// Op is a call of the shared store.
type Op = storetest.Verb

// The calls. One operation of a ring may make several of them.
const (
	OpAny    = storetest.AnyVerb
	OpGet    = storetest.VerbGet
	OpPut    = storetest.VerbPut
	OpDelete = storetest.VerbDelete
	OpList   = storetest.VerbList
)

// Fail makes the next call of this kind to the ring's shared store fail with an
// error of this class, for example kinring.ErrLocked, or for a reason such as
// kinring.ErrOutOfReach. The store does not see the call.
func Fail(t TB, ring *kinring.Ring, op Op, class error) {
	t.Helper()
	inject(t, ring, op, class, storetest.FailBefore(class))
}

// FailAll is Fail for every call from now on, until the function that it returns
// is called.
func FailAll(t TB, ring *kinring.Ring, op Op, class error) (mend func()) {
	t.Helper()
	inject(t, ring, op, class, storetest.FailBefore(class).Forever())
	return driverOf(t, ring).faults.Reset
}

// FailUnknown lets the next call of this kind through to the shared store and
// tells the ring that its outcome is unknown, as when a connection breaks.
func FailUnknown(t TB, ring *kinring.Ring, op Op) {
	t.Helper()
	inject(t, ring, op, kinring.ErrOutcomeUnknown, storetest.FailAfter(kinring.ErrOutcomeUnknown))
}

func inject(t TB, ring *kinring.Ring, op Op, class error, fault storetest.Fault) {
	t.Helper()
	if !known(class) {
		t.Fatalf("kinringtest: %v is none of kinring's errors, which are what a store fails with", class)
	}
	driverOf(t, ring).faults.InjectNext(op, fault)
}

func known(class error) bool {
	for _, failure := range storetest.Failures() {
		if class != nil && errors.Is(failure, class) {
			return true
		}
	}
	return false
}
