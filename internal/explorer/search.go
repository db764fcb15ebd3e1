package explorer

import (
	"fmt"
	"slices"
)

// Tally is what a search, or many, came to.
type Tally struct {
	Scenarios  int
	Executions uint64 // complete schedules; at the greatest number if there are more
	Steps      uint64
	States     uint64
	Runs       uint64 // courses of real code
	// Broken counts by promise the executions that broke it first.
	Broken [promises + 1]uint64
	// Notices counts the steps in which the engine told of something, Conflicts
	// the writes whose condition did not hold, and Mishaps, Landed and Lost the
	// faults, the late writes that took effect and those that came too late.
	Notices                       [notices]uint64
	Mishaps                       [mishaps]uint64
	Conflicts, Landed, Lost       uint64
	LandedAfterDeath, Unreachable uint64
	// Largest is the most states that one scenario has.
	Largest int
	// TooLarge names the scenarios that have more states than there is room for;
	// of them nothing else is counted as explored.
	TooLarge []string
}

func (t *Tally) add(o *Tally) {
	t.Scenarios += o.Scenarios
	t.Executions = sum(t.Executions, o.Executions)
	t.Steps += o.Steps
	t.States += o.States
	t.Runs += o.Runs
	t.Conflicts += o.Conflicts
	t.Landed += o.Landed
	t.Lost += o.Lost
	t.LandedAfterDeath += o.LandedAfterDeath
	t.Unreachable += o.Unreachable
	t.Largest = max(t.Largest, o.Largest)
	t.TooLarge = append(t.TooLarge, o.TooLarge...)
	for i := range t.Broken {
		t.Broken[i] = sum(t.Broken[i], o.Broken[i])
	}
	for i := range t.Notices {
		t.Notices[i] += o.Notices[i]
	}
	for i := range t.Mishaps {
		t.Mishaps[i] += o.Mishaps[i]
	}
}

// String shows the figures in a few lines.
func (t *Tally) String() string {
	return fmt.Sprintf(`explored to an empty frontier:
  %d scenarios, %d distinct states, %d steps, %d executions, %d courses of real code
  violations of I1 to I%d: %v
  backfills %d, adoptions %d, fast-forwards %d, divergences %d, conflicts %d, answers "out of reach" %d
  failed before %d, late %d, died in flight %d, cancelled %d, cancelled in flight %d, died with a lease %d
  late writes that landed %d (%d after their program's death), that came too late %d; largest scenario %d states`,
		t.Scenarios, t.States, t.Steps, t.Executions, t.Runs, promises, t.Broken[1:],
		t.Notices[noticeBackfilled], t.Notices[noticeAdopted], t.Notices[noticeFastForwarded], t.Notices[noticeDiverged],
		t.Conflicts, t.Unreachable, t.Mishaps[failsBefore], t.Mishaps[landsLate], t.Mishaps[diesInFlight],
		t.Mishaps[isCancelled], t.Mishaps[cancelledLate], t.Mishaps[dies], t.Landed, t.LandedAfterDeath, t.Lost, t.Largest)
}

// Violations returns how many executions broke a promise.
func (t *Tally) Violations() (n uint64) {
	for _, b := range t.Broken {
		n = sum(n, b)
	}
	return n
}

// mostStories bounds how many counter-examples of one subject are kept.
const mostStories = 200

// final is where schedules end: in a state where nobody can go on, or by a step from
// it that breaks a promise.
type final struct {
	at     uint32
	breaks promise
}

// search explores the scenarios of one subject, one after the other.
type search struct {
	model
	memo    *memo
	table   *table
	tally   Tally
	stories map[string]string // the first counter-example of each sort
	limit   int               // states of one scenario
	whole   bool              // in every order, also of steps that do not meet
	finals  []final           // of the scenario
	last    func(s *state)    // for tests: is told each state in which nobody can go on
}

func newSearch(t *table, limit int) *search {
	x := &search{table: t, limit: limit, stories: map[string]string{}}
	x.renew()
	return x
}

// renew forgets all courses.
func (x *search) renew() {
	o := &oracle{}
	if x.memo != nil {
		x.memo.close()
		o.apart = x.apart
	}
	x.memo = newMemo()
	o.items = x.memo.items
	x.model = model{oracle: o, flights: newFlights()}
}

// explore searches one scenario to its end.
func (x *search) explore(sc *scenario) {
	if x.memo.crowded() || len(x.flights.all) > 1<<14 {
		x.renew()
	}
	sc.lay()
	x.scenario = sc
	x.table.reset()
	x.finals = x.finals[:0]
	s := x.begin()
	x.table.add(&s, origin{})
	for i := 0; i < len(x.table.states); i++ {
		if i > x.limit {
			x.tally.TooLarge = append(x.tally.TooLarge, x.subject.name+"; "+sc.name)
			return
		}
		x.table.first = append(x.table.first, uint32(len(x.table.edges)))
		x.expand(uint32(i))
	}
	x.count()
	x.tally.Scenarios++
	x.tally.States += uint64(len(x.table.states))
	x.tally.Largest = max(x.tally.Largest, len(x.table.states))
	x.tally.Runs += x.memo.runs
	x.memo.runs = 0
}

// count adds up the schedules of the scenario by how they end.
func (x *search) count() {
	ways := x.table.ways()
	for _, e := range x.finals {
		x.tally.Executions = sum(x.tally.Executions, ways[e.at])
		if e.breaks != 0 {
			x.tally.Broken[e.breaks] = sum(x.tally.Broken[e.breaks], ways[e.at])
		}
	}
}

// begin runs the setup, in which nothing goes wrong, and returns the state in
// which the programs start.
func (x *search) begin() state {
	var s state
	at, kept := 0, x.tally
	defer func() { x.tally = kept }()
	for _, p := range x.setup {
		s.nodes[0] = x.root(p, at)
		for s.nodes[0] >= 0 {
			n := &x.memo.nodes[s.nodes[0]]
			if f := x.proceed(&s, step{}, n); f.promise != 0 {
				panic(fmt.Sprintf("explorer: %s: the setup breaks I%d: %s", x.name, f.promise, f.why))
			}
		}
		at += len(p.ops)
	}
	x.tidy(&s)
	for i := range s.nodes {
		s.nodes[i] = -1
	}
	for i, p := range x.actors {
		s.nodes[i] = x.root(p, maxSetup+i*perActor)
	}
	s.nodes[observer] = x.root(x.observer(), firstWatch)
	return s
}

func (x *search) root(p program, op int) nodeID {
	name := fmt.Sprintf("%+v %d", p, op)
	sub, laid := x.subject, x.scenario.ops
	return x.memo.root(name, func(pr *process) { sub.run(pr, p, op, laid[op:op+len(p.ops)]) })
}

// expand takes every choice that there is in a state.
func (x *search) expand(i uint32) {
	took := false
	for a := range x.table.states[i].nodes {
		if x.enabled(&x.table.states[i], a) {
			x.move(i, a)
			took = true
		}
	}
	if !took {
		x.finish(i)
		return
	}
	for _, f := range x.table.states[i].flights {
		if f != 0 {
			x.arrive(i, f)
		}
	}
}

// finish ends a schedule in which nobody can go on.
func (x *search) finish(i uint32) {
	x.finals = append(x.finals, final{at: i})
	if x.last != nil {
		x.last(&x.table.states[i])
	}
	for _, n := range x.table.states[i].nodes {
		if n >= 0 {
			panic(fmt.Sprintf("explorer: %s: a program waits for a lease that nobody gives back", x.name))
		}
	}
}

// enabled reports whether a program can go on. The observer waits for the others.
func (x *search) enabled(s *state, a int) bool {
	if s.nodes[a] < 0 {
		return false
	}
	if c := &x.memo.nodes[s.nodes[a]].call; c.verb == verbHold && s.leases[c.slot] != 0 {
		return false
	}
	if a == observer {
		for other := range observer {
			if x.enabled(s, other) {
				return false
			}
		}
	}
	return true
}

// move lets a program make its next call, in every way in which that can go.
func (x *search) move(i uint32, a int) {
	from := &x.table.states[i]
	n := &x.memo.nodes[from.nodes[a]]
	x.take(i, step{actor: uint8(a)})
	if x.table.states[i].faults == x.faults || a == observer || !x.ops[n.op].kind.ours() {
		return
	}
	c, far := n.call, n.call.store == shared && !n.call.verb.leasing() && (x.absent || !x.ops[n.op].reach)
	for m := failsBefore; m < mishaps; m++ {
		if m.possible(c, from.holds(uint8(a))) && !far {
			x.take(i, step{actor: uint8(a), mishap: m})
		}
	}
}

// take carries out one choice and keeps the state that it leads to.
func (x *search) take(i uint32, st step) {
	s := x.table.states[i]
	n := &x.memo.nodes[s.nodes[st.actor]]
	if st.mishap != goesWell {
		s.faults++
		x.tally.Mishaps[st.mishap]++
	}
	x.settle(i, &s, st, x.proceed(&s, st, n))
}

// settle keeps a state, or the finding that ends the schedule there.
func (x *search) settle(i uint32, s *state, st step, f finding) {
	x.tally.Steps++
	if f.promise == 0 {
		x.hurry(s, nil)
		x.tidy(s)
		x.table.lead(x.table.add(s, origin{i, st}))
		return
	}
	x.finals = append(x.finals, final{i, f.promise})
	sort := fmt.Sprintf("I%02d %s", f.promise, f.why)
	for _, p := range x.actors {
		sort += ", " + p.name
	}
	if _, told := x.stories[sort]; !told && len(x.stories) < mostStories {
		x.stories[sort] = x.story(i, st, f)
	}
}

// proceed carries out a program's next call.
func (x *search) proceed(s *state, st step, n *node) finding {
	op, c := int(n.op), n.call
	if s.ops[op].phase == idle {
		x.begins(s, op)
	}
	if f := x.asks(op, c); f.promise != 0 {
		return f
	}
	a, f := x.answer(s, st, op, c)
	if f.promise != 0 {
		return f
	}
	if st.mishap == diesInFlight || st.mishap == dies {
		s.nodes[st.actor] = x.over(s.nodes[st.actor])
		for i, holder := range s.leases {
			if holder == st.actor+1 {
				s.leases[i] = 0
			}
		}
		x.dies(s, op)
		x.forget(s, op)
		return finding{}
	}
	x.sees(s, op, c, a)
	to := x.memo.next(s.nodes[st.actor], a)
	s.nodes[st.actor] = to
	if x.memo.nodes[to].ended {
		s.nodes[st.actor] = x.over(to)
	}
	return x.hear(s, to)
}

// over returns where a program is that makes no more calls: how it came there
// decides nothing any more. What it did is in the stores and with the oracle.
func (x *search) over(at nodeID) nodeID {
	if x.apart {
		return -2 - at
	}
	return -1
}

// forget drops what no judgement will ask of an operation that has ended. Which
// those are is said where the kinds are.
func (x *search) forget(s *state, op int) {
	st := &s.ops[op]
	if x.apart || !x.ops[op].kind.passing() || st.update&stored != 0 {
		return
	}
	for _, id := range s.flights {
		if id != 0 && int(x.flights.all[id].op) == op {
			return // it may yet write
		}
	}
	*st = opState{phase: ended, used: st.used}
}

// answer returns what a program is told.
func (x *search) answer(s *state, st step, op int, c call) (answer, finding) {
	switch {
	case c.store != shared || c.verb.leasing():
	case x.absent:
		return reply(ansNoStore, 0), finding{}
	case !x.ops[op].reach:
		x.tally.Unreachable++
		return reply(ansOutOfReach, 0), finding{}
	}
	if st.mishap.inFlight() {
		x.depart(s, op, c, st.mishap == diesInFlight)
	}
	if st.mishap != goesWell {
		return st.mishap.outcome(), finding{}
	}
	a, f := x.perform(s, op, c)
	if a.kind() == ansConflict {
		x.tally.Conflicts++
	}
	return a, f
}

// hear judges what a program tells before its next call.
func (x *search) hear(s *state, id nodeID) finding {
	for _, e := range x.memo.nodes[id].events {
		switch e.kind {
		case tells:
			x.tally.Notices[e.notice]++
		case opEnds:
			if f := x.ends(s, int(e.op), e.result); f.promise != 0 {
				return f
			}
			x.forget(s, int(e.op))
		}
	}
	return finding{}
}

// remove takes a write off its way.
func (x *search) remove(s *state, id flightID) {
	if at := slices.Index(s.flights[:], id); at >= 0 {
		s.remove(at)
	}
}

// arrive lets a write that is on its way land.
func (x *search) arrive(i uint32, id flightID) {
	s := x.table.states[i]
	x.remove(&s, id)
	w := x.flights.all[id]
	before := s
	f := x.land(&s, w)
	switch {
	case s == before && f.promise == 0:
		x.tally.Lost++
	default:
		x.tally.Landed++
		if w.died {
			x.tally.LandedAfterDeath++
		}
	}
	x.settle(i, &s, step{flight: id}, f)
}
