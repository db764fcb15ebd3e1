package explorer

// rank is where an item of an emulated store stands among those of its key, as
// docs/FORMATS.md says under "Fence": the class in the highest bit, and the
// number. An item without a number has 0. Numbers are unique here, so what follows
// them there decides nothing.
type rank uint8

const noBackfill rank = 0x80

// number is the fence's own.
func (r rank) number() rank { return r &^ noBackfill }

// fenced reports whether a call goes to a store that keeps a fence.
func (m *model) fenced(c call) bool { return m.emulated && c.store == shared && c.verb == verbPut }

// rank numbers a write to an emulated store, before it is made. Only the order of
// what readers see and what is on its way can matter later, so a number that has
// been given out and is neither is given out again.
func (m *model) rank(s *state, op int, c call) rank {
	switch {
	case !m.fenced(c):
		return 0
	case m.ops[op].kind == opForeign && c.keeps && s.shared[c.slot] != 0:
		return s.ranks[c.slot] // the value is changed in place
	case m.ops[op].kind == opForeign:
		return noBackfill
	}
	highest := s.ranks[c.slot].number()
	for _, id := range s.flights {
		if f := &m.flights.all[id]; id != 0 && m.fenced(f.call) && f.call.slot == c.slot {
			highest = max(highest, f.rank.number())
		}
	}
	if m.items.all[c.item].gen0 {
		return highest + 1
	}
	return noBackfill | (highest + 1)
}

// tidy forgets the numbers of slots to which nothing is on its way: they order
// nothing any more.
func (m *model) tidy(s *state) {
	if !m.emulated {
		return
	}
	var awaited [slots]bool
	for _, id := range s.flights {
		if f := &m.flights.all[id]; id != 0 && m.fenced(f.call) {
			awaited[f.call.slot] = true
		}
	}
	for slot := range s.ranks {
		if !awaited[slot] {
			s.ranks[slot] &= noBackfill
		}
	}
}

// land lets a write that was on its way arrive. A native store judges its
// condition now; an emulated one has judged it, and what is higher counts.
func (m *model) land(s *state, w flight) finding {
	at := *s.slot(w.call.store, w.call.slot)
	fenced := m.fenced(w.call)
	switch {
	case fenced && at != 0 && w.rank <= s.ranks[w.call.slot]:
		return finding{}
	case !fenced && !m.holds(at, w.call), w.call.verb == verbDelete && at == 0:
		return finding{}
	}
	m.late = true
	defer func() { m.late = false }()
	return m.write(s, int(w.op), w.call, w.rank)
}

// depart puts a write on its way. A store that judges conditions itself, before
// it writes, may refuse it instead.
func (m *model) depart(s *state, op int, c call, died bool) bool {
	if m.fenced(c) && !m.holds(s.shared[c.slot], c) {
		return false
	}
	return s.launch(m.flights.id(flight{call: c, op: uint8(op), rank: m.rank(s, op, c), died: died}))
}
