package explorer

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Scope says what is explored.
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
}

// Plan is several scopes. A scenario that more than one of them holds is explored
// once, with the most faults that one of them allows: schedules with fewer are
// among those.
type Plan struct {
	Scopes []Scope
	// Workers explore at once.
	Workers int
	// First ends the exploration with the first broken promise.
	First bool
	// Whole tries every order, also of steps that do not meet, of which one order
	// stands for all otherwise.
	Whole bool
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

// Explore tries kinring's rules as planned.
func Explore(p Plan) Report { return p.explore(kinringSubjects()) }

// ExploreSeeds tries the rules of the two systems that kinring grew from.
func ExploreSeeds(p Plan) Report { return p.explore(seedSubjects()) }

// explore shares the subjects among the workers. A subject is explored by one of
// them, because its memory of courses belongs to it.
func (p Plan) explore(subjects []*subject) Report {
	var r Report
	results := make([]Result, len(subjects))
	queue := make(chan int, len(subjects))
	for i := range subjects {
		queue <- i
	}
	close(queue)
	var enough atomic.Bool
	var workers sync.WaitGroup
	for range max(p.Workers, 1) {
		workers.Go(func() {
			t := newTable()
			for i := range queue {
				x := p.search(t)
				results[i] = p.exploreScenarios(x, subjects[i], p.scenarios(subjects[i]), &enough)
				x.memo.close()
			}
		})
	}
	workers.Wait()
	for i := range results {
		r.add(&results[i].Tally)
		if results[i].Scenarios > 0 {
			r.Subjects = append(r.Subjects, results[i])
		}
	}
	return r
}

// mostStates bounds one scenario. It is far above what almost all need. One that
// reaches it is named, because then its frontier was not emptied.
const mostStates = 1 << 24

// search begins a search of one subject.
func (p Plan) search(t *table) *search {
	x := newSearch(t, mostStates)
	x.whole = p.Whole
	return x
}

func (p Plan) exploreScenarios(x *search, sub *subject, scenarios []*scenario, enough *atomic.Bool) Result {
	x.tally, x.stories = Tally{}, map[string]string{}
	for _, s := range scenarios {
		if enough != nil && enough.Load() {
			break
		}
		x.explore(s)
		if enough != nil && p.First && len(x.stories) > 0 {
			enough.Store(true)
		}
	}
	r := Result{Subject: sub.name, Tally: x.tally}
	for _, sort := range slices.Sorted(maps.Keys(x.stories)) {
		r.Stories = append(r.Stories, x.stories[sort])
	}
	return r
}

// scenarios returns what the plan holds of a subject.
func (p Plan) scenarios(sub *subject) (all []*scenario) {
	known := map[string]*scenario{}
	for _, sc := range p.Scopes {
		for _, s := range sc.scenarios(sub) {
			if k := known[s.name]; k != nil {
				k.faults = max(k.faults, s.faults)
				continue
			}
			known[s.name] = s
			all = append(all, s)
		}
	}
	return all
}

func (sc Scope) scenarios(sub *subject) (all []*scenario) {
	if !sc.holds(sub) {
		return nil
	}
	groups := sub.groups(sc)
	for _, su := range sub.setups() {
		if !chosen(sc.Setups, su.name) {
			continue
		}
		for _, group := range groups {
			s := &scenario{subject: sub, start: su.name, setup: su.ran, actors: group, faults: sc.PairFaults}
			if len(group) > 2 {
				s.faults = sc.TripleFaults
			}
			s.name = s.title(su.name)
			all = append(all, s)
		}
	}
	return all
}

func (sc Scope) holds(sub *subject) bool {
	return chosen(sc.Policies, sub.policy) && chosen(sc.Classes, sub.class) && (sc.Sources == 0 || sc.Sources == sub.sources)
}

func kinringSubjects() (all []*subject) {
	for sources := 1; sources <= maxLegacy; sources++ {
		for _, pol := range policies() {
			for _, c := range capabilities {
				if c.with(sources) {
					all = append(all, kinring(c, pol, sources))
				}
			}
		}
	}
	return all
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
	switch {
	case int(p.source) > sub.sources:
		return false
	case sub.absent:
		return !p.later && !p.beyond && p.ops[0] != opForeign // there is nothing to be beyond, or to write to
	}
	return !(sub.plain && (p.later || p.beyond || p.ops[len(p.ops)-1] > opOlderGet))
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
