package explorer

// Of steps that do not meet one order stands for all.
//
// Two steps of different programs meet if one of them changes what the other goes
// by. If a program's next call meets nothing that anybody else may still do, then
// every schedule from here has an equal one in which that call comes first: it can
// be moved to the front past one step after the other, and the steps in between are
// told and judged the same. So it is made at once, as part of the step that led
// there, and its other places are not tried (a persistent set of one program;
// Godefroid, Partial-Order Methods for the Verification of Concurrent Systems).
// Courses end, so that nobody is put off for ever.
//
// What makes that hold here:
//
//   - No fault can happen any more, or the call could go wrong, which ends an
//     operation. Before the last fault every order is tried.
//   - The call neither begins nor ends an operation. What ended before what began
//     is what the oracle judges by, and an end is judged by how far the others are.
//   - It reads, and nobody who is not over may write the store that it reads, nor
//     is a write on its way there. Who may write a legacy source is what the oracle
//     enforces (asks): a program that does so against its kind breaks a promise
//     there and then. Of a running operation's looks the oracle tells others
//     nothing (mirrorLate asks whether something went wrong, so an answer that says
//     so is none of these).
//   - Or it is about a lease, of the only program that takes leases, and nothing is
//     on its way at all: an Update's function is judged by what other Updates did.
//
// A write that can never take effect any more is taken off its way: its condition
// names a revision, and that is gone for good, as each write has its own.
//
// TestOrdersThatDoNotMatter compares with the search that leaves nothing out.

// hurry makes the calls that meet nothing.
func (x *search) hurry(s *state, tell func(op int, c call, a answer)) {
	if x.whole {
		return
	}
	x.giveUp(s)
	if s.faults < x.faults {
		return
	}
	for a := range observer {
		for s.nodes[a] >= 0 && x.alone(s, a, tell) {
			x.tally.Steps++
		}
	}
}

// alone makes a program's next call if it meets nothing, and reports whether it
// was made.
func (x *search) alone(s *state, a int, tell func(op int, c call, a answer)) bool {
	n := &x.memo.nodes[s.nodes[a]]
	op, c := int(n.op), n.call
	if s.ops[op].phase != running || x.meets(s, a, c) {
		return false
	}
	next := *s
	kept := x.tally
	told, f := x.answer(&next, step{}, op, c)
	if f.promise != 0 || told.abnormal() || x.memo.nodes[x.memo.next(s.nodes[a], told)].ends {
		x.tally = kept
		return false
	}
	*s = next
	x.sees(s, op, c, told)
	s.nodes[a] = x.memo.next(s.nodes[a], told)
	x.hear(s, s.nodes[a])
	if tell != nil {
		tell(op, c, told)
	}
	return true
}

// meets reports whether anybody else may still do what the call goes by, or go by
// what the call does.
func (x *search) meets(s *state, a int, c call) bool {
	if c.verb.writes() {
		return true
	}
	for _, id := range s.flights {
		if id != 0 && (c.verb.leasing() || x.flights.all[id].call.store == c.store) {
			return true
		}
	}
	for b := range x.actors {
		first := maxSetup + b*perActor
		if b == a || s.nodes[b] < 0 && !c.verb.leasing() {
			continue
		}
		for op := first; op < first+perActor; op++ {
			if c.verb.leasing() && x.mayLease(op) || !c.verb.leasing() && s.ops[op].phase != ended && x.mayWrite(op, c.store) {
				return true
			}
		}
	}
	return false
}

// mayWrite reports whether an operation may write a store.
func (o *oracle) mayWrite(op int, store uint8) bool {
	switch p := o.ops[op]; {
	case p.kind == opNone || p.kind == opOlderGet:
		return false
	case p.kind == opForeign:
		return store == shared
	case !p.kind.ours():
		return store == p.source
	case store == shared:
		return p.reach && !o.absent
	default:
		return o.mayWriteLegacy(p.kind)
	}
}

// mayLease reports whether an operation may take a lease, or the turn to write to
// legacy sources.
func (o *oracle) mayLease(op int) bool {
	k := o.ops[op].kind
	return k.ours() && (k == opUpdate || o.mayWriteLegacy(k))
}

// giveUp takes writes off their way that can take no effect any more.
func (x *search) giveUp(s *state) {
	for _, id := range s.flights {
		if id == 0 {
			continue
		}
		c := x.flights.all[id].call
		if c.cond == condMatch && !x.fenced(c) && !x.holds(*s.slot(c.store, c.slot), c) {
			x.remove(s, id)
			x.tally.Lost++
		}
	}
}
