package explorer

import (
	"maps"
	"slices"
	"sync"

	"github.com/kinring/kinring/coexist"
)

// Programs that run at once. Adding an operation is adding an entry.
var newBuilds = []program{
	{name: "get", ops: []opKind{opGet}},
	{name: "set", ops: []opKind{opSet}},
	{name: "delete", ops: []opKind{opDelete}},
	{name: "list", ops: []opKind{opList}},
	{name: "set the value that was there first", ops: []opKind{opSet}, same: true},
	{name: "get twice", ops: []opKind{opGet, opGet}},
	{name: "update", ops: []opKind{opUpdate}},
	{name: "get, then rejected", ops: []opKind{opGet, opRejected}},
	{name: "migrate", ops: []opKind{opMigrate}},
	{name: "prune", ops: []opKind{opPrune}},
	{name: "rollback", ops: []opKind{opRollback}},
	{name: "reconcile", ops: []opKind{opReconcile}},
	{name: "reconcile, taking shared", ops: []opKind{opTakeShared}},
	{name: "reconcile, taking legacy", ops: []opKind{opTakeLegacy}},
	{name: "get, out of reach", ops: []opKind{opGet}, beyond: true},
	{name: "set, out of reach", ops: []opKind{opSet}, beyond: true},
	{name: "delete, out of reach", ops: []opKind{opDelete}, beyond: true},
	{name: "get, of a later version", ops: []opKind{opGet}, later: true},
	{name: "set, of a later version", ops: []opKind{opSet}, later: true},
	{name: "delete, of a later version", ops: []opKind{opDelete}, later: true},
}

var others = []program{
	{name: "older set", ops: []opKind{opOlderSet}, source: firstLegacy},
	{name: "older delete", ops: []opKind{opOlderDelete}, source: firstLegacy},
	{name: "older get", ops: []opKind{opOlderGet}, source: firstLegacy},
	{name: "older set, second source", ops: []opKind{opOlderSet}, source: firstLegacy + 1},
	{name: "older delete, second source", ops: []opKind{opOlderDelete}, source: firstLegacy + 1},
	{name: "foreign write", ops: []opKind{opForeign}},
	{name: "foreign write without the record", ops: []opKind{opForeign}, drops: true},
}

// setup is a state of the world that programs bring about before the others
// start.
type setup struct {
	name string
	ran  []program
}

func named(name string) program {
	for _, p := range slices.Concat(newBuilds, others) {
		if p.name == name {
			return p
		}
	}
	panic("explorer: no program " + name)
}

func after(name string, programs ...string) setup {
	s := setup{name: name}
	for _, p := range programs {
		s.ran = append(s.ran, named(p))
	}
	return s
}

var setups = []setup{
	after("nothing anywhere"),
	after("an older build signed in", "older set"),
	after("a new build set", "set"),
	after("both agree", "older set", "get"),
	after("a new build is ahead", "older set", "set"),
	after("an older build is ahead", "older set", "get", "older set"),
	after("both wrote", "older set", "get", "set", "older set"),
	after("an older build signed out", "older set", "get", "older delete"),
	after("deleted", "older set", "get", "delete"),
	after("deleted, and signed in anew", "older set", "delete", "older set"),
	after("set after a deletion", "older set", "delete", "set"),
	after("set by a later version", "older set", "set, of a later version"),
}

// setupsOfTwo are for two legacy sources.
var setupsOfTwo = []setup{
	after("signed in at the second source", "older set, second source"),
	after("signed in at both sources", "older set", "older set, second source", "get"),
	after("the second source is ahead", "older set", "older set, second source", "set the value that was there first", "older set, second source"),
}

// Policies of the rules as they are, presets first.
func policies() []policy {
	with := func(name, preset string, guarded bool, change func(*coexist.Policy)) policy {
		p, err := coexist.Preset(preset, guarded)
		if err != nil {
			panic(err)
		}
		if change != nil {
			change(&p)
		}
		return policy{name: name, Policy: p}
	}
	rotating := with("rotating", coexist.PresetDefault, false, nil)
	rotating.rotates = true
	return []policy{
		rotating,
		with("dual-write", coexist.PresetDualWrite, true, nil),
		with("dual-write, strict", coexist.PresetDualWrite, true, func(p *coexist.Policy) {
			p.Reads, p.FastForward, p.BulkMigrate = coexist.Strict, coexist.OnRejection, coexist.BulkNever
		}),
		with("shared-only", coexist.PresetSharedOnly, false, nil),
		with("default", coexist.PresetDefault, true, nil),
		with("default, unguarded legacy", coexist.PresetDefault, false, nil),
		with("tolerant", coexist.PresetDefault, true, func(p *coexist.Policy) { p.Reads = coexist.Tolerant }),
		with("propagating", coexist.PresetDefault, true, func(p *coexist.Policy) { p.OlderSignout = coexist.SignoutPropagate }),
		with("taking nothing over", coexist.PresetSharedOnly, true, func(p *coexist.Policy) {
			p.Adopt, p.FastForward, p.Backfill = coexist.Never, coexist.Never, coexist.BackfillOff
		}),
	}
}

// Scope says how much is explored.
type Scope struct {
	Pairs, Triples bool
	// Faults in a pair and in a triple.
	PairFaults, TripleFaults uint8
	// Policies, classes of shared store and setups by name; empty means all.
	Policies, Classes, Setups []string
	// Sources is how many legacy sources there are; 0 means each number.
	Sources int
	// Programs restricts who takes part, by name; empty means all.
	Programs []string
	// TriplePrograms restricts who takes part in triples.
	TriplePrograms []string
	// Workers explore at once.
	Workers int
}

// Report is what exploring came to: in all, and by subject.
type Report struct {
	Tally
	Subjects []Result
}

// Result is what one subject came to.
type Result struct {
	Subject string
	Tally
	// Stories tell for each promise how it was first broken.
	Stories []string
}

// Explore tries kinring's rules within the scope.
func Explore(sc Scope) Report { return exploreAll(sc, kinringSubjects(sc)) }

// ExploreSeeds tries the rules of the two systems that kinring grew from.
func ExploreSeeds(sc Scope) Report { return exploreAll(sc, seedSubjects()) }

func kinringSubjects(sc Scope) (all []*subject) {
	for sources := 1; sources <= maxLegacy; sources++ {
		for _, pol := range policies() {
			for _, c := range capabilities {
				fits := chosen(sc.Policies, pol.name) && chosen(sc.Classes, c.name) && (sc.Sources == 0 || sc.Sources == sources)
				if fits && (sources == 1 || c.keying && !c.emulated) {
					all = append(all, kinring(c, pol, sources))
				}
			}
		}
	}
	return all
}

// exploreAll shares the subjects among the workers. A subject is explored by one
// of them, because its memory of courses belongs to it.
func exploreAll(sc Scope, subjects []*subject) Report {
	var r Report
	results := make([]Result, len(subjects))
	queue := make(chan int, len(subjects))
	for i := range subjects {
		queue <- i
	}
	close(queue)
	var workers sync.WaitGroup
	for range max(sc.Workers, 1) {
		workers.Go(func() {
			t := newTable()
			for i := range queue {
				results[i] = exploreSubject(t, sc, subjects[i])
			}
		})
	}
	workers.Wait()
	for i := range results {
		r.add(&results[i].Tally)
	}
	r.Subjects = results
	return r
}

// mostStates bounds one scenario. It is far above what any needs; reaching it
// fails the run, because then the frontier was not emptied.
const mostStates = 1 << 24

func exploreSubject(t *table, sc Scope, sub *subject) Result {
	x := newSearch(t, mostStates)
	defer x.memo.close()
	for _, su := range sub.setups() {
		if !chosen(sc.Setups, su.name) {
			continue
		}
		for _, group := range sub.groups(sc) {
			s := &scenario{subject: sub, setup: su.ran, actors: group, faults: sc.PairFaults}
			if len(group) > 2 {
				s.faults = sc.TripleFaults
			}
			s.name = s.title(su.name)
			x.explore(s)
		}
	}
	r := Result{Subject: sub.name, Tally: x.tally}
	for _, sort := range slices.Sorted(maps.Keys(x.stories)) {
		r.Stories = append(r.Stories, x.stories[sort])
	}
	return r
}

func (sc *scenario) title(setup string) string {
	text := setup + "; then at once: "
	for i, p := range sc.actors {
		if i > 0 {
			text += " ∥ "
		}
		text += p.name
	}
	return text
}

func (sub *subject) setups() []setup {
	var all []setup
	for _, s := range slices.Concat(setups, setupsOfTwo) {
		if !slices.ContainsFunc(s.ran, func(p program) bool { return !sub.takes(p) }) {
			all = append(all, s)
		}
	}
	return all
}

// takes reports whether a program can run on the subject.
func (sub *subject) takes(p program) bool {
	return int(p.source) <= sub.sources && !(sub.plain && (p.later || p.beyond || p.ops[len(p.ops)-1] > opOlderGet))
}

// groups returns the programs that run at once: each pair, and each triple, with
// at least one new build among them.
func (sub *subject) groups(sc Scope) (all [][]program) {
	pick := func(names []string) (ps []program) {
		for _, p := range slices.Concat(newBuilds, others) {
			if chosen(names, p.name) && sub.takes(p) {
				ps = append(ps, p)
			}
		}
		return ps
	}
	pairs, triples := pick(sc.Programs), pick(sc.TriplePrograms)
	if sc.Pairs {
		all = append(all, combine(pairs, 2)...)
	}
	if sc.Triples {
		all = append(all, combine(triples, 3)...)
	}
	return slices.DeleteFunc(all, func(g []program) bool {
		return !slices.ContainsFunc(g, func(p program) bool { return p.ops[0].ours() })
	})
}

// combine returns each choice of n programs, in which one may come twice.
func combine(ps []program, n int) (all [][]program) {
	if n == 0 {
		return [][]program{nil}
	}
	for i, p := range ps {
		for _, rest := range combine(ps[i:], n-1) {
			all = append(all, append([]program{p}, rest...))
		}
	}
	return all
}

func chosen(names []string, name string) bool { return len(names) == 0 || slices.Contains(names, name) }
