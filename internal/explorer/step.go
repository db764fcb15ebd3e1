package explorer

// step is one choice: a program makes its next call, which may go wrong, or a
// write that is on its way lands.
type step struct {
	flight flightID // lands, if it is not 0
	actor  uint8
	mishap mishap
}

// mishap is how a call goes wrong.
type mishap uint8

const (
	goesWell      mishap = iota
	failsBefore          // the store never sees it
	landsLate            // a write is reported as unknown and is on its way
	diesInFlight         // the program dies and its write is on its way
	isCancelled          // the caller gives up before the store sees it
	cancelledLate        // the caller gives up and its write is on its way
	dies                 // the program dies before its call, while it holds a lease
	mishaps              // how many there are
)

// possible reports whether a call can go wrong in this way.
func (m mishap) possible(c call, holds bool) bool {
	switch m {
	case landsLate, diesInFlight, cancelledLate:
		return c.verb.writes()
	case dies:
		return holds
	}
	return c.verb != verbRelease && c.verb != verbLeave
}

// outcome is what a mishap tells the program.
func (m mishap) outcome() answer {
	return reply([...]answerKind{failsBefore: ansFailed, landsLate: ansUnknown, diesInFlight: ansUnknown,
		isCancelled: ansCancelled, cancelledLate: ansUnknownCancelled, dies: ansUnknown}[m], 0)
}

// inFlight reports whether a mishap leaves a write on its way.
func (m mishap) inFlight() bool { return m == landsLate || m == diesInFlight || m == cancelledLate }

// model carries out calls on the stores of a state.
type model struct {
	*oracle
	flights *flights
}

// perform makes a call that goes well and returns what the store says, and
// whether a write broke a promise.
func (m *model) perform(s *state, op int, c call) (answer, finding) {
	if c.verb.leasing() {
		return m.lease(s, op, c)
	}
	at := s.slot(c.store, c.slot)
	switch c.verb {
	case verbGet:
		if *at == 0 {
			return reply(ansAbsent, 0), finding{}
		}
		return reply(ansItem, uint16(*at)), finding{}
	case verbList:
		return reply(ansList, m.list(s, c.store)), finding{}
	case verbActive:
		return reply(ansDone, 0), finding{}
	case verbStamp:
		return reply(ansStamp, uint16(m.items.all[*at].rev)), finding{}
	}
	if !m.holds(*at, c) {
		return reply(ansConflict, 0), finding{}
	}
	if c.verb == verbDelete && *at == 0 {
		return reply(ansAbsent, 0), finding{}
	}
	return reply(ansDone, 0), m.write(s, op, c, m.rank(s, op, c))
}

// The leases: the one on the key, and the turn to write to legacy sources.
const (
	theLease = 0
	theTurn  = 1
)

// lease carries out what concerns the lease on the key.
func (m *model) lease(s *state, op int, c call) (answer, finding) {
	switch c.verb {
	case verbHold:
		s.leases[c.slot] = programOf(op) + 1
		if c.slot == theTurn || s.notes&noted == 0 {
			return reply(ansHeld, 0), finding{}
		}
		s.ops[op].seen |= inherits
		return reply(ansHeld, 1), finding{}
	case verbBegin:
		s.notes |= noted
		s.ops[op].update |= began
	case verbRelease:
		s.leases[c.slot] = 0
		if c.slot == theLease && s.ops[op].update&began != 0 {
			s.notes &^= noted
		}
	case verbLeave:
		s.leases[c.slot] = 0
	case verbChange:
		return reply(ansDone, 0), m.uses(s, op, c)
	}
	return reply(ansDone, 0), finding{}
}

// programOf returns the program that runs an operation.
func programOf(op int) uint8 {
	if op >= firstWatch {
		return observer
	}
	return uint8(max(op-maxSetup, 0) / perActor)
}

func (m *model) list(s *state, store uint8) uint16 {
	if store == shared {
		return m.items.listID(s.shared)
	}
	return m.items.listID(listing{s.legacy[store-firstLegacy]})
}

// holds reports whether a write's condition holds over an item.
func (m *model) holds(at itemID, c call) bool {
	switch c.cond {
	case condAbsent:
		return at == 0
	case condMatch:
		return at != 0 && m.items.all[at].rev == c.rev
	}
	return true
}

// write lets a write take effect.
func (m *model) write(s *state, op int, c call, r rank) finding {
	at := s.slot(c.store, c.slot)
	was := *at
	*at = c.item
	if c.verb == verbPut && c.keeps && was != 0 {
		*at = m.keep(c.item, was)
	}
	if c.store == shared {
		s.ranks[c.slot] = r
	}
	return m.lands(s, op, c, was)
}

// keep returns a foreign value beside the record that stands there.
func (m *model) keep(value, was itemID) itemID {
	i := m.items.all[value]
	old := m.items.all[was]
	i.record, i.gen0, i.marked = old.record, old.gen0, old.marked
	return m.items.id(i)
}
