package explorer

// promise is one of the promises, by its number; 0 is none.
type promise uint8

// promises is how many there are.
const promises = 11

// finding is a broken promise and how it was broken; the zero finding is none.
type finding struct {
	promise promise
	why     string
}

// oracle judges a scenario. It knows what operations were called and what they
// answered, in which order, and what the stores hold; of the engine it knows
// nothing.
type oracle struct {
	*scenario
	items *items
}

// What an operation met while it ran.
const (
	sawShared  = 0x0007 // its last look at the shared store: absent, value, marker, failed
	sawLegacy  = 0x0078 // its last looks at the legacy sources: absent, value, failed
	legacyBits = 2      // so many for each source
	landed     = 0x0080 // a write of it took effect
	launched   = 0x0100 // a write of it may yet land
	troubled   = 0x0200 // something went wrong for it
	wasThere   = 0x0400 // the key was there when it began
	unsettled  = 0x0800 // somebody wrote the key while it ran
)

const (
	lookNone = iota
	lookAbsent
	lookValue
	lookMarker
	lookFailed
)

func legacyShift(store uint8) int { return 3 + legacyBits*int(store-firstLegacy) }

// begins notes that an operation begins, after those that have ended.
func (o *oracle) begins(s *state, op int) {
	st := &s.ops[op]
	st.phase = running
	for i := range s.ops {
		if s.ops[i].phase == ended {
			st.before |= 1 << i
		}
	}
	if o.ops[op].kind == opList && o.somewhere(s) {
		st.seen |= wasThere
	}
}

// somewhere reports whether a value stands where a list must name it. A list
// goes by records and reads no values, so it cannot tell a marker that a foreign
// program wrote a value over from one that still says "deleted".
func (o *oracle) somewhere(s *state) bool {
	if id := s.shared[mainSlot]; id != 0 {
		return !o.items.all[id].marked
	}
	for i := range s.legacy {
		if s.legacy[i][mainSlot] != 0 {
			return true
		}
	}
	return false
}

// sees notes what an operation was answered.
func (o *oracle) sees(s *state, op int, c call, a answer) {
	st := &s.ops[op]
	if a.abnormal() {
		st.seen |= troubled
	}
	if k := a.kind(); k == ansUnknown || k == ansUnknownCancelled {
		st.seen |= launched
	}
	if c.verb != verbGet || c.slot != mainSlot {
		return
	}
	look := o.look(a)
	if c.store == shared {
		st.seen = st.seen&^(sawShared|sawLegacy) | look // a new attempt: looks from before prove nothing
		return
	}
	if look == lookFailed {
		look = lookMarker // the legacy stores have no markers; their looks fit into two bits
	}
	shift := legacyShift(c.store)
	st.seen = st.seen&^(3<<shift) | look<<shift
}

func (o *oracle) look(a answer) uint16 {
	switch a.kind() {
	case ansAbsent:
		return lookAbsent
	case ansItem:
		if o.items.all[a.number()].marker {
			return lookMarker
		}
		return lookValue
	}
	return lookFailed
}

// asks judges a call before it is made.
func (o *oracle) asks(op int, c call) finding {
	if c.verb.writes() && c.store != shared && c.slot == mainSlot && !o.mayWriteLegacy(o.ops[op].kind) {
		return finding{5, "it writes to a legacy source"}
	}
	return finding{}
}

func (o *oracle) mayWriteLegacy(k opKind) bool {
	switch k {
	case opSet:
		return o.dual
	case opGet, opList, opForeign:
		return false
	}
	return true
}

// lands judges a write that takes effect: was holds what stood there before.
func (o *oracle) lands(s *state, op int, c call, was itemID) finding {
	if c.slot != mainSlot {
		return o.landsReserved(s, op, c)
	}
	if s.ops[op].phase == running {
		s.ops[op].seen |= landed
	}
	for i := range s.ops {
		if s.ops[i].phase == running && o.ops[i].kind == opList {
			s.ops[i].seen |= unsettled
		}
	}
	if c.store == shared && o.ops[op].kind.reading() && was != 0 {
		return o.replaces(s, c, was)
	}
	return finding{}
}

// landsReserved judges a write to one of the subject's own items: a note that
// says that everything was migrated must be true.
func (o *oracle) landsReserved(s *state, op int, c call) finding {
	if c.verb != verbPut || o.doneNote == 0 || c.slot != o.doneNote || o.deletes(s) {
		return finding{}
	}
	if s.shared[mainSlot] == 0 && s.legacy[0][mainSlot] != 0 {
		return finding{6, "it notes that all is migrated, and the shared store does not hold the key"}
	}
	return finding{}
}

// deletes reports whether a Delete has begun.
func (o *oracle) deletes(s *state) bool {
	for i := range s.ops {
		if o.ops[i].kind == opDelete && s.ops[i].phase != idle {
			return true
		}
	}
	return false
}

// replaces judges a read that wrote over something in the shared store.
func (o *oracle) replaces(s *state, c call, was itemID) finding {
	old, origin := o.items.all[was], o.origin(was)
	if c.verb == verbDelete || o.items.all[c.item].marker {
		if o.propagates && o.signedOutSince(s, origin) {
			return finding{}
		}
		return finding{3, "a read removes a shared value"}
	}
	value := o.items.all[c.item].value
	if value == old.value && !old.marker || o.emulated && o.ops[origin].kind == opForeign {
		return finding{} // an emulated store cannot protect a program that knows no fence
	}
	for w := range s.ops {
		newer := s.ops[origin].before&(1<<w) == 0 && w != origin
		if o.ops[w].kind == opOlderSet && o.ops[w].value == value && s.ops[w].phase != idle && newer {
			return finding{}
		}
	}
	if old.marker {
		return finding{3, "a read puts an older value over a marker"}
	}
	return finding{3, "a read puts an older value over a newer one"}
}

// origin returns the operation that an item goes back to: the one that wrote it
// or, if that was a read, the one whose value it copied.
func (o *oracle) origin(id itemID) int {
	i := o.items.all[id]
	op := i.rev.op()
	if !o.ops[op].kind.reading() || i.marker {
		return op
	}
	for w := range o.ops {
		if o.ops[w].kind == opOlderSet && o.ops[w].value == i.value {
			return w
		}
	}
	return op
}

func (o *oracle) signedOutSince(s *state, origin int) bool {
	for k := range s.ops {
		if s.ops[k].phase == idle {
			continue
		}
		since := s.ops[origin].before&(1<<k) == 0
		switch o.ops[k].kind {
		case opOlderDelete:
			if since {
				return true
			}
		case opDelete:
			// A Delete that got no further than legacy looks the same from outside,
			// whenever its part there lands.
			if s.ops[k].class != resultFailed && (since || s.ops[k].class != resultOK) {
				return true
			}
		}
	}
	return false
}

// dies notes that an operation ends without an answer.
func (o *oracle) dies(s *state, op int) {
	st := &s.ops[op]
	st.phase, st.class, st.seen = ended, resultNone, 0
}

// ends notes an operation's answer and judges it.
func (o *oracle) ends(s *state, op int, r result) finding {
	if s.ops[op].phase == idle { // it made no call
		o.begins(s, op)
	}
	f := o.judge(s, op, r)
	st := &s.ops[op]
	st.phase, st.class, st.seen = ended, r.class, uint16(r.done)
	return f
}
