package explorer

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// form says how much is explored: KINRING_EXPLORER=ci for a stage of its own,
// long for all triples, exhaustive for all there is, mutant for what a wrong rule is
// tried on; without it a part that fits into a run of all tests.
func form(t *testing.T) string {
	switch f := os.Getenv("KINRING_EXPLORER"); {
	case f == "ci", f == "mutant", shardwise(f):
		return f
	case f != "":
		t.Fatalf("KINRING_EXPLORER is %q: use ci, long, exhaustive or mutant", f)
	case testing.Short():
		return "short"
	}
	return "plain"
}

// plans says what each form explores.
var plans = map[string][]Scope{
	"short": {
		{Pairs: true, PairFaults: 0, Policies: []string{"default", "dual-write, strict"}, Classes: []string{"vault-like"}, Sources: 1},
		{Pairs: true, PairFaults: 1, Policies: []string{"default", "rotating"}, Classes: []string{"vault-like"}, Sources: 1, Programs: central},
	},
	"plain": {
		{Pairs: true, PairFaults: 0, Policies: distinct, Classes: unfaulted},
		{Pairs: true, PairFaults: 1, Policies: []string{"default", "rotating"}, Classes: []string{"vault-like"}, Sources: 1, Programs: central},
	},
	"mutant": { // each stops at the first that finds something
		{Pairs: true, PairFaults: 0, Policies: []string{"default", "rotating", "dual-write, strict"}, Classes: []string{"vault-like"}, Sources: 1},
		{Pairs: true, PairFaults: 0, Policies: []string{"propagating", "default"}, Classes: unfaulted, Sources: 2, Programs: slices.Concat(central, managing, second)},
		{Pairs: true, PairFaults: 0, Policies: []string{"propagating"}, Classes: []string{"vault-like"}, Sources: 1},
		{Pairs: true, PairFaults: 2, Policies: []string{"default"}, Classes: []string{"vault-like"}, Sources: 1, Programs: []string{"update"}},
		{Pairs: true, PairFaults: 1, Policies: []string{"rotating"}, Classes: []string{"vault-like"}, Sources: 1, Programs: central},
		{Pairs: true, PairFaults: 1, Policies: []string{"default"}, Classes: []string{"vault-like"}, Sources: 1, Programs: slices.Concat(central, managing)},
	},
	"ci": {
		{Pairs: true, PairFaults: 0, Policies: distinct, Classes: unfaulted},
		{Pairs: true, PairFaults: 1, Policies: distinct, Classes: []string{"vault-like", "absent by design"}, Sources: 1},
		{Pairs: true, PairFaults: 1, Policies: []string{"default", "dual-write, strict", "propagating"}, Programs: central},
		{Pairs: true, PairFaults: 2, Policies: []string{"default", "rotating"}, Classes: []string{"vault-like", "emulated"}, Programs: central, Sources: 1},
		{Triples: true, TripleFaults: 0, Policies: []string{"default", "rotating"}, TriplePrograms: central, Classes: []string{"vault-like"}, Sources: 1},
	},
	"long": long,
	"exhaustive": slices.Concat(long, []Scope{ // in the order in which a run that is stopped should have them
		{Pairs: true, PairFaults: 2, Policies: []string{"default", "rotating", "dual-write, strict"}, Classes: []string{"vault-like", "emulated"}, Sources: 1},
		{Triples: true, Policies: unmigratingUnfaulted, Classes: slices.Concat(unfaulted, []string{"emulated"}), Sources: 2},
		{Triples: true, TripleFaults: 1, TriplePrograms: inTriples, Policies: []string{"default", "rotating"}, Classes: []string{"emulated"}, Sources: 1},
		{Triples: true, TripleFaults: 1, TriplePrograms: inTriples, Policies: []string{migrated}, Classes: []string{"vault-like"}, Sources: 1},
		{Triples: true, TripleFaults: 1, TriplePrograms: inTriples, Policies: unmigrating, Sources: 1},
		{Pairs: true, PairFaults: 2, Policies: distinct, Sources: 1},
		{Triples: true, TripleFaults: 1, TriplePrograms: inTriples, Policies: unmigrating},
		{Pairs: true, PairFaults: 2, Policies: distinct},
		{Triples: true, TripleFaults: 1},
	}),
}

// long is each triple of programs, under each policy and on each class of shared store
// with one legacy source, where nothing goes wrong; and with one fault where kinring is
// meant to be used.
var long = []Scope{
	{Triples: true, TripleFaults: 1, TriplePrograms: inTriples, Policies: []string{"default", "rotating"}, Classes: []string{"vault-like"}, Sources: 1},
	{Triples: true, Policies: unfaultedPolicies, Classes: []string{"vault-like", "absent by design"}, Sources: 1},
	{Triples: true, Policies: unmigratingUnfaulted, Classes: []string{"keychain-like"}, Sources: 1},
}

// unmigratingUnfaulted has the family that is migrated in place of one that migrates:
// three programs that each begin with that, and make a fingerprint key, have too many
// states for one machine.
var unmigratingUnfaulted = append(policyNames("default, unguarded legacy", "tolerant", "dual-write"), migrated)

// shardwise reports whether a form is cut up, so that it goes on where it was.
func shardwise(form string) bool { return form == "long" || form == "exhaustive" }

// unfaultedPolicies are those that differ where nothing goes wrong: then a tolerant
// reader has nothing to tolerate (TestToleranceDecidesNothingWithoutFaults).
var unfaultedPolicies = policyNames("default, unguarded legacy", "tolerant")

// distinct are the policies that differ in what they do. Beside "shared-only", which
// ignores that an older build signed out, "default, unguarded legacy" reports it, and
// that is all (TestReportingChangesNothing).
var distinct = policyNames("default, unguarded legacy")

// unmigrating are those under which no operation begins with a migration.
var unmigrating = append(policyNames("default, unguarded legacy", "dual-write"), migrated)

func policyNames(without ...string) (names []string) {
	for _, p := range policies() {
		if p.name != migrated && !slices.Contains(without, p.name) {
			names = append(names, p.name)
		}
	}
	return names
}

// unfaulted are the classes of shared store that differ where nothing goes wrong:
// without a write on its way the fence of the emulated class decides nothing, and it
// is as the keychain-like one (TestFenceDecidesNothingWithoutFaults), and where each
// source can be read none is passed over (TestPassingOverDecidesNothingWithoutFaults).
var unfaulted = []string{"vault-like", "keychain-like", "absent by design", "first source not in use"}

// central are the programs that every rule meets in.
var central = []string{"get", "set", "delete", "update", "get twice", "older set", "older delete"}

// managing are the programs by which a person puts things right.
var managing = []string{"prune", "rollback", "reconcile, taking shared", "reconcile, taking legacy"}

// second are older builds that use the second source.
var second = []string{"older set, second source", "older delete, second source"}

// inTriples are all but those that migrate.
var inTriples = func() (names []string) {
	for _, p := range slices.Concat(newBuilds, others) {
		if p.name != "migrate" {
			names = append(names, p.name)
		}
	}
	return names
}()

func explorePlan(t *testing.T) Tally {
	return exploreTold(t, Plan{Scopes: plans[form(t)], Workers: 2, Whole: form(t) == "ci"})
}

// exploreMutant tries the scopes one by one, the cheapest first, up to the first
// broken promise.
func exploreMutant(t *testing.T) {
	for _, sc := range plans["mutant"] {
		exploreTold(t, Plan{Scopes: []Scope{sc}, Workers: 1, First: true})
		if t.Failed() {
			return
		}
	}
}

func exploreTold(t *testing.T, p Plan) Tally {
	r := Explore(p)
	for _, s := range r.Subjects {
		t.Logf("%-62s %6d scenarios %9d states %9d steps %.2e executions, violations %v",
			s.Subject, s.Scenarios, s.States, s.Steps, float64(s.Executions), s.Broken[1:])
	}
	var stories []string
	for _, s := range r.Subjects {
		stories = append(stories, s.Stories...)
	}
	tellStories(t, stories)
	mustBeEmpty(t, r.Tally)
	t.Log(r.String())
	return r.Tally
}

// mustBeEmpty fails for each scenario that was not explored to its end.
func mustBeEmpty(t *testing.T, total Tally) {
	t.Helper()
	for _, name := range total.TooLarge {
		t.Errorf("more than %d states, the frontier is not empty: %s", mostStates, name)
	}
}

// tellStories fails with the counter-examples, each sort once.
func tellStories(t *testing.T, stories []string) {
	const enough = 30
	told := map[string]bool{}
	for _, story := range stories {
		lines := strings.SplitAfterN(story, "\n", 3)
		if !told[lines[1]] && len(told) < enough {
			told[lines[1]] = true
			t.Errorf("%s", story)
		}
	}
}

func TestKinringKeepsItsPromises(t *testing.T) {
	if form(t) == "mutant" {
		exploreMutant(t)
		return
	}
	var total Tally
	if f := form(t); shardwise(f) {
		total = exploreLong(t, plans[f])
	} else {
		total = explorePlan(t)
	}
	if n := total.Violations(); n != 0 {
		t.Errorf("%d executions break a promise", n)
	}
	for what, n := range map[string]uint64{
		"adoption": total.Notices[noticeAdopted], "fast-forward": total.Notices[noticeFastForwarded],
		"conflict": total.Conflicts, "late landing": total.Landed, "landing after death": total.LandedAfterDeath,
		"late write refused": total.Lost, "store out of reach": total.Unreachable, "death in flight": total.Mishaps[diesInFlight],
	} {
		if n == 0 {
			t.Errorf("no execution has seen: %s", what)
		}
	}
	if f := form(t); (f == "ci" || shardwise(f)) && total.Executions < 10_000_000 {
		t.Errorf("%d executions, want ten million", total.Executions)
	}
}

// TestSeedRulesBreakPromises shows that the oracle finds what the rules of the
// two systems before kinring are known to break.
func TestSeedRulesBreakPromises(t *testing.T) {
	r := ExploreSeeds(Plan{Scopes: []Scope{{Pairs: true, PairFaults: 1}}, Workers: 2, Whole: true})
	var broken [promises + 1]uint64
	for _, s := range r.Subjects {
		t.Logf("%s: %d scenarios, %d executions, violations by promise %v", s.Subject, s.Scenarios, s.Executions, s.Broken[1:])
		for i, n := range s.Broken {
			broken[i] += n
		}
		for _, p := range []int{2, 3, 10} {
			if s.Broken[p] == 0 {
				t.Errorf("%s: no execution breaks I%d", s.Subject, p)
			}
		}
	}
	if broken[6] == 0 {
		t.Error("nobody noted a migration that had failed (I6)")
	}
}

// alike fails unless the subjects of two scopes lead to the same states and steps.
func alike(t *testing.T, a, b Scope) {
	t.Helper()
	one, two := Explore(Plan{Scopes: []Scope{a}}), Explore(Plan{Scopes: []Scope{b}})
	if one.States == 0 || one.States != two.States || one.Steps != two.Steps || one.Executions != two.Executions {
		t.Errorf("%d states, %d steps, %d executions beside %d, %d, %d", one.States, one.Steps, one.Executions,
			two.States, two.Steps, two.Executions)
	}
}

func TestReportingChangesNothing(t *testing.T) {
	a := Scope{Pairs: true, PairFaults: 1, Sources: 1, Policies: []string{"shared-only"}, Classes: []string{"vault-like"}, Programs: central}
	b := a
	b.Policies = []string{"default, unguarded legacy"}
	alike(t, a, b)
}

func TestFenceDecidesNothingWithoutFaults(t *testing.T) {
	a := Scope{Pairs: true, Sources: 1, Policies: []string{"rotating"}, Classes: []string{"keychain-like"}}
	b := a
	b.Classes = []string{"emulated"}
	alike(t, a, b)
}

func TestToleranceDecidesNothingWithoutFaults(t *testing.T) {
	a := Scope{Pairs: true, Policies: []string{"default"}, Classes: unfaulted}
	b := a
	b.Policies = []string{"tolerant"}
	alike(t, a, b)
}

func TestPassingOverDecidesNothingWithoutFaults(t *testing.T) {
	a := Scope{Pairs: true, Sources: 2, Policies: []string{"rotating", "dual-write, strict"}, Classes: []string{"vault-like"}}
	b := a
	b.Classes = []string{"sources passed over"}
	alike(t, a, b)
}

// TestStateHasNoPadding: states are hashed as bytes, and bytes between fields
// would be anything.
func TestStateHasNoPadding(t *testing.T) {
	var s state
	used := unsafe.Sizeof(s.nodes) + unsafe.Sizeof(s.shared) + unsafe.Sizeof(s.legacy) + unsafe.Sizeof(s.flights) +
		maxOps*(2+2+1+1+1+1) + slots + 4 + pad
	if got := unsafe.Sizeof(s); got != used {
		t.Errorf("a state has %d bytes, its fields %d", got, used)
	}
}

// TestFlightsAreInOrder: two states with the same writes on their way are equal.
func TestFlightsAreInOrder(t *testing.T) {
	for _, order := range [][]flightID{{1, 2, 3}, {3, 2, 1}, {2, 3, 1}, {2, 1, 3}} {
		var s state
		for _, id := range order {
			if !s.launch(id) {
				t.Fatalf("no room for %d", id)
			}
		}
		if s.flights != [maxFlights]flightID{1, 2, 3} {
			t.Errorf("launched as %v, stand as %v", order, s.flights)
		}
		if s.launch(9) {
			t.Error("a fourth write found room")
		}
		if got := s.remove(1); got != 2 || s.flights != [maxFlights]flightID{0, 1, 3} {
			t.Errorf("removed %d, left %v", got, s.flights)
		}
	}
}

// TestCoursesMustRepeat: a program that is not a function of its answers stops
// the explorer.
func TestCoursesMustRepeat(t *testing.T) {
	m := newMemo()
	defer m.close()
	n := 0
	root := m.root("fickle", func(p *process) {
		n++
		p.do(p.anyway(), call{verb: verbGet})
		p.do(p.anyway(), call{verb: verbGet, slot: uint8(n)})
	})
	first := m.next(root, reply(ansAbsent, 0))
	m.next(first, reply(ansAbsent, 0))
	defer func() {
		if caught := fmt.Sprint(recover()); !strings.Contains(caught, "another call") {
			t.Errorf("got %q, want that the course was not repeated", caught)
		}
	}()
	m.next(first, reply(ansFailed, 0))
	t.Error("a course that cannot be repeated was accepted")
}
