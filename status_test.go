package kinring_test

import (
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store/storetest"
)

// TestLookingBeginsNoMigration: under dual writes the first operation migrates
// everything; a status and the dry run of a prune are none, and write nothing.
func TestLookingBeginsNoMigration(t *testing.T) {
	m := newMachine(t)
	m.older("login")
	ring := m.kinring().(ringProgram).ring
	st, err := ring.Status(t.Context())
	if err != nil || len(st.Keys) != 1 || st.Keys[0].Verdict != coexist.LegacyOnlyHere || st.Migration != nil {
		t.Errorf("status: %+v, %v", st, err)
	}
	if _, err := ring.Prune(t.Context(), true); err == nil {
		t.Error("what no new build has may be removed from the older build's store")
	}
	for _, s := range []*storetest.Faults{m.shared, m.legacy} {
		if n := s.Count(storetest.VerbPut) + s.Count(storetest.VerbDelete); n != 0 {
			t.Errorf("looking wrote %d times", n)
		}
	}
	if _, err := ring.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st, err := ring.Status(t.Context()); err != nil || st.Migration == nil || !st.Migration.Complete {
		t.Errorf("after the first operation: %+v, %v", st, err)
	}
}
