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
	case verbStamp:
		return reply(ansStamp, uint16(m.items.all[*at].rev)), finding{}
	}
	if !m.holds(*at, c) {
		return reply(ansConflict, 0), finding{}
	}
	if c.verb == verbDelete && *at == 0 {
		return reply(ansAbsent, 0), finding{}
	}
	return reply(ansDone, 0), m.write(s, op, c, m.reserve(s, c))
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

// An emulated store numbers the writes that it lets pass, before it makes them.
// What is read is the write with the highest number, but any other goes before a
// backfill.
const noBackfill = 0x80

// reserve numbers a write to an emulated store.
func (m *model) reserve(s *state, c call) uint8 {
	switch {
	case !m.emulated || c.store != shared || c.slot != mainSlot || c.verb != verbPut:
		return 0
	case c.cond == condAny:
		return max(s.fence, noBackfill) // a foreign write has no number, and is no backfill
	}
	s.highest++
	if m.items.all[c.item].gen0 {
		return s.highest
	}
	return noBackfill | s.highest
}

// write lets a write take effect.
func (m *model) write(s *state, op int, c call, fence uint8) finding {
	at := s.slot(c.store, c.slot)
	was := *at
	*at = c.item
	if c.verb == verbPut && c.keeps && was != 0 {
		*at = m.keep(c.item, was)
	}
	if c.store == shared && c.slot == mainSlot {
		s.fence = fence
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

// land lets a write that was on its way arrive. A native store judges its
// condition now; an emulated one has judged it and lets the higher generation
// win.
func (m *model) land(s *state, w flight) finding {
	at := *s.slot(w.call.store, w.call.slot)
	fenced := m.emulated && w.call.store == shared && w.call.slot == mainSlot
	switch {
	case fenced && at != 0 && w.fence <= s.fence:
		return finding{}
	case !fenced && !m.holds(at, w.call), w.call.verb == verbDelete && at == 0:
		return finding{}
	}
	return m.write(s, int(w.op), w.call, w.fence)
}

// depart puts a write on its way. A store that judges conditions itself, before
// it writes, may refuse it instead.
func (m *model) depart(s *state, op int, c call, died bool) bool {
	fenced := m.emulated && c.store == shared && c.slot == mainSlot
	if fenced && !m.holds(s.shared[mainSlot], c) {
		return false
	}
	return s.launch(m.flights.id(flight{call: c, op: uint8(op), fence: m.reserve(s, c), died: died}))
}
