package explorer

import (
	"maps"
	"slices"
	"testing"
)

// small are scopes in which a search that leaves nothing out takes a moment.
var small = []Scope{
	{Pairs: true, PairFaults: 1, Policies: []string{"default", "rotating"}, Classes: []string{"vault-like"}, Sources: 1,
		Setups: []string{"both agree", "deleted"}, Programs: slices.Concat(central, managing)},
	{Pairs: true, PairFaults: 1, Policies: []string{"dual-write, strict", "propagating"}, Classes: []string{"emulated"}, Sources: 2,
		Setups: []string{"an older build is ahead"}, Programs: slices.Concat(central, second)},
	{Pairs: true, PairFaults: 2, Policies: []string{"rotating"}, Classes: []string{"vault-like"}, Sources: 1,
		Setups: []string{"both agree"}, Programs: []string{"update", "set", "older set"}},
	{Triples: true, Policies: []string{"default", "dual-write"}, Classes: []string{"vault-like"}, Sources: 1,
		Setups: []string{"both wrote"}, TriplePrograms: []string{"get", "set", "update", "list", "prune", "get, then rejected", "older set"}},
	{Triples: true, TripleFaults: 1, Policies: []string{"rotating"}, Classes: []string{"vault-like"}, Sources: 1,
		Setups: []string{"both agree"}, TriplePrograms: []string{"get", "delete", "update", "older set"}},
}

// outcome is what a search of one scenario came to.
type outcome struct {
	Tally
	ends   map[state]bool // in which nobody can go on
	broken []string       // promises, and how
}

func (x *search) outcome(sc *scenario) outcome {
	out := outcome{ends: map[state]bool{}}
	x.tally, x.stories = Tally{}, map[string]string{}
	x.last = func(s *state) {
		end := *s
		x.giveUp(&end)
		x.tidy(&end)
		out.ends[end] = true
	}
	x.explore(sc)
	out.Tally, out.broken = x.tally, slices.Sorted(maps.Keys(x.stories))
	return out
}

// eachSmall calls f with each scenario of the small scopes, under kinring's rules and
// under those that break promises.
func eachSmall(t *testing.T, f func(x *search, sc *scenario)) {
	t.Helper()
	if testing.Short() {
		t.Skip("searches that leave nothing out")
	}
	kinrings := Plan{Scopes: small}
	seeds := Plan{Scopes: []Scope{{Pairs: true, PairFaults: 1, Setups: []string{"both agree", "deleted"}}}}
	for _, sub := range kinringSubjects() {
		kinrings.eachOf(sub, f)
	}
	for _, sub := range seedSubjects() {
		seeds.eachOf(sub, f)
	}
}

func (p Plan) eachOf(sub *subject, f func(x *search, sc *scenario)) {
	x := newSearch(newTable(), mostStates)
	defer x.memo.close()
	for _, sc := range p.scenarios(sub) {
		f(x, sc)
	}
}

// TestOrdersThatDoNotMatter: to try one order of steps that do not meet leads to the
// same ends, and breaks the same promises, as to try all.
func TestOrdersThatDoNotMatter(t *testing.T) {
	var all, one Tally
	eachSmall(t, func(x *search, sc *scenario) {
		x.whole = true
		want := x.outcome(sc)
		x.whole = false
		got := x.outcome(sc)
		if !maps.Equal(got.ends, want.ends) {
			t.Errorf("%s; %s: %d ends, want %d", sc.subject.name, sc.name, len(got.ends), len(want.ends))
		}
		if !slices.Equal(got.broken, want.broken) {
			t.Errorf("%s; %s: breaks %v, want %v", sc.subject.name, sc.name, got.broken, want.broken)
		}
		all.add(&want.Tally)
		one.add(&got.Tally)
	})
	t.Logf("%d scenarios, %d states, %d executions, %d of them break a promise; one order for all: %d, %d, %d",
		all.Scenarios, all.States, all.Executions, all.Violations(), one.States, one.Executions, one.Violations())
	if all.Violations() == 0 || one.States >= all.States {
		t.Error("nothing was compared")
	}
}

// TestForgettingChangesNothing: what the oracle and a program that is over forget
// makes states equal, and leaves all executions, and what they break, as they were.
func TestForgettingChangesNothing(t *testing.T) {
	var all, merged Tally
	eachSmall(t, func(x *search, sc *scenario) {
		x.whole, x.apart = true, true
		want := x.outcome(sc)
		x.apart = false
		got := x.outcome(sc)
		if got.Executions != want.Executions || got.Broken != want.Broken || !slices.Equal(got.broken, want.broken) {
			t.Errorf("%s; %s: %d executions, violations %v, want %d, %v", sc.subject.name, sc.name,
				got.Executions, got.Broken, want.Executions, want.Broken)
		}
		all.add(&want.Tally)
		merged.add(&got.Tally)
	})
	t.Logf("%d scenarios, %d executions, %d states, %d where what nobody asks for is forgotten", all.Scenarios, all.Executions, all.States, merged.States)
	if all.Violations() == 0 || merged.States >= all.States {
		t.Error("nothing was compared")
	}
}
