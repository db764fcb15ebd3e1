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
	late  bool // the write that is judged was on its way
	apart bool // for tests: what nobody asks for is remembered all the same
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
	inherits   = 0x1000 // the holder of the lease before it died in its function
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
		// What came before an older build's Delete matters to nothing.
		if s.ops[i].phase == ended && (o.ops[i].kind.counts() && o.ops[op].kind != opOlderDelete || o.apart) {
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
		if s.legacy[i] != 0 && o.inUse(uint8(firstLegacy+i)) {
			return true
		}
	}
	return false
}

// inUse reports whether the older build, as it is configured, uses a source.
func (o *oracle) inUse(source uint8) bool { return !o.idle || source != firstLegacy }

// sees notes what an operation was answered.
func (o *oracle) sees(s *state, op int, c call, a answer) {
	st := &s.ops[op]
	if a.abnormal() {
		st.seen |= troubled
	}
	if k := a.kind(); (k == ansUnknown || k == ansUnknownCancelled) && c.slot == mainSlot && o.effect(op, c) {
		st.seen |= launched
	}
	if c.verb != verbGet || c.slot != mainSlot {
		return
	}
	look := o.look(a)
	if c.store == shared {
		if look != lookAbsent || st.seen&sawShared != lookAbsent {
			st.seen &^= sawLegacy // a new attempt: looks from before prove nothing
		}
		st.seen = st.seen&^sawShared | look
		return
	}
	if look == lookFailed {
		st.update |= blind
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

// mayLose reports whether an operation may say that what it found is not what it
// was called for, or give up when another program was faster. The others try
// again.
func (o *oracle) mayLose(k opKind) bool {
	return k >= opUpdate && k != opRejected && k != opMigrate || k == opSet && o.dual
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
	case opUpdate: // it may finish what another announced
		return o.dual || o.rotates || o.hands(opRollback) || o.hands(opTakeShared)
	case opGet, opList, opMigrate, opRejected, opForeign:
		return false
	}
	return true
}

// hands reports whether the scenario has an operation of a kind.
func (o *oracle) hands(k opKind) bool {
	for i := range o.ops {
		if o.ops[i].kind == k {
			return true
		}
	}
	return false
}

// lands judges a write that takes effect: was holds what stood there before.
func (o *oracle) lands(s *state, op int, c call, was itemID) finding {
	if c.slot != mainSlot {
		return o.landsReserved(s, op, c)
	}
	st := &s.ops[op]
	if st.phase == running && o.effect(op, c) {
		st.seen |= landed
	}
	if c.store == shared {
		o.stands(s, op, c)
	}
	for i := range s.ops {
		if s.ops[i].phase == running && o.ops[i].kind == opList {
			s.ops[i].seen |= unsettled
		}
	}
	if c.store == shared && o.ops[op].kind.reading() && was != 0 {
		return o.replaces(s, op, c, was)
	}
	if c.store != shared && was != 0 {
		return o.overwrites(s, op, c, o.items.all[was])
	}
	return finding{}
}

// stands notes that a write to the shared store takes effect: that of its
// operation, and that of the older build whose value it is.
func (o *oracle) stands(s *state, op int, c call) {
	if o.effect(op, c) || !o.ops[op].kind.writes() && c.verb == verbPut {
		s.ops[op].update |= stored
	}
	for w := range s.ops {
		if o.ops[w].kind == opOlderSet && o.ops[w].value == o.items.all[c.item].value {
			s.ops[w].update |= stored
		}
	}
}

// effect reports whether a write is what its operation was called for.
func (o *oracle) effect(op int, c call) bool {
	if c.verb == verbDelete || o.items.all[c.item].marker {
		return true
	}
	i := o.items.all[c.item]
	backfill := i.gen0 && c.store == shared // as a migration makes before the operation itself
	return i.value == o.ops[op].value && i.value != 0 && !backfill
}

// overwrites judges a write of a new build over what stands in a legacy source:
// what an older build wrote there must not be lost unseen.
func (o *oracle) overwrites(s *state, op int, c call, was item) finding {
	w := was.rev.op()
	if o.ops[w].kind != opOlderSet {
		return finding{}
	}
	switch o.ops[op].kind {
	case opUpdate:
		if !o.known(s, op, w, was.value, o.items.all[c.item].value) {
			return finding{3, "an Update gives the older build its result over a value that it did not see"}
		}
	case opPrune, opRollback:
		id := s.shared[mainSlot]
		if id == 0 || o.items.all[id].marker || was.value == o.items.all[id].value {
			break
		}
		if !o.mayPrecede(s, w, o.items.all[id].value) && !o.replacedAsRefused(s, was.value) && !o.tookLegacySince(s, w) {
			return finding{1, "it takes from the older build a value that the shared store does not hold"}
		}
	}
	return finding{}
}

// known reports whether an Update that gives a value to the older build may
// write it over what w wrote there: what it made its result from, what had been
// replaced before that, or what was deleted.
func (o *oracle) known(s *state, op, w int, was, gives valueID) bool {
	if o.overruled(s, w) || was == gives || s.ops[w].update&stored != 0 {
		return true
	}
	if gives == o.ops[op].value {
		return was == s.ops[op].used || o.beforeValue(s, w, s.ops[op].used)
	}
	return o.beforeValue(s, w, gives) || o.madeFrom(s, gives, w, was) // it finishes what another one announced
}

// madeFrom reports whether an Update made a value from the one that w wrote, or
// from one that came after it.
func (o *oracle) madeFrom(s *state, gives valueID, w int, was valueID) bool {
	for k := range s.ops {
		if o.ops[k].kind == opUpdate && o.ops[k].value == gives && s.ops[k].update&ran != 0 {
			return was == s.ops[k].used || o.beforeValue(s, w, s.ops[k].used)
		}
	}
	return false
}

// overruled reports whether somebody set or deleted the key in the shared store
// who had not ended when w began, so that w may count as the one before.
func (o *oracle) overruled(s *state, w int) bool {
	for k := range s.ops {
		if kind := o.ops[k].kind; (kind == opDelete || kind == opSet) && s.ops[k].update&stored != 0 && s.ops[w].before&(1<<k) == 0 {
			return true
		}
	}
	return false
}

// beforeValue reports whether w had ended before somebody began to write a
// value.
func (o *oracle) beforeValue(s *state, w int, v valueID) bool {
	for k := range s.ops {
		if o.ops[k].kind.writes() && o.ops[k].value == v && s.ops[k].phase != idle && s.ops[k].before&(1<<w) != 0 {
			return true
		}
	}
	return false
}

// uses judges that an Update's function is given a value (I11).
func (o *oracle) uses(s *state, op int, c call) finding {
	switch {
	case s.notes&owed != 0 && !c.told:
		return finding{11, "it is not told that an Update before it made something from its value that may not be stored"}
	case c.told && s.ops[op].seen&inherits == 0:
		return finding{11, "it is told of an Update that died, and there was none"}
	}
	if c.told {
		s.notes &^= owed
	}
	s.ops[op].used = c.value
	s.ops[op].update |= ran
	for k := range s.ops {
		if k == op || o.ops[k].kind != opUpdate || c.value == 0 || s.ops[k].used != c.value || s.ops[k].update&stored == 0 {
			continue
		}
		// Who is told knows that its value may be used up.
		if !c.told && !o.writtenAgain(s, c.value, k) {
			return finding{11, "it makes a value from one that another Update has already replaced"}
		}
	}
	return finding{}
}

// writtenAgain reports whether somebody brought a value back since k began.
func (o *oracle) writtenAgain(s *state, v valueID, k int) bool {
	for w := range s.ops {
		since := s.ops[w].phase != idle && s.ops[k].before&(1<<w) == 0
		brings := o.ops[w].kind == opTakeLegacy && s.ops[w].update&stored != 0 || o.ops[w].kind.writes() && o.ops[w].value == v
		if w != k && since && brings {
			return true
		}
	}
	return false
}

// landsReserved judges a write to one of the subject's own items: a note that
// says that everything was migrated must be true.
func (o *oracle) landsReserved(s *state, op int, c call) finding {
	if c.verb == verbPut && o.items.all[c.item].allDone && o.unmigrated(s, op) {
		return finding{6, "it notes that all is migrated, and the shared store does not hold the key"}
	}
	return finding{}
}

// unmigrated reports whether the shared store lacks what stood in legacy before
// an operation began.
func (o *oracle) unmigrated(s *state, op int) bool {
	if s.shared[mainSlot] != 0 || o.deletes(s) {
		return false
	}
	for i, id := range s.legacy[:o.sources] {
		if id == 0 || !o.inUse(uint8(firstLegacy+i)) {
			continue
		}
		if w := o.items.all[id].rev.op(); s.ops[op].before&(1<<w) != 0 && s.ops[w].class == resultOK {
			return true
		}
	}
	return false
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
func (o *oracle) replaces(s *state, op int, c call, was itemID) finding {
	old, origin := o.items.all[was], o.origin(was)
	if old.marker && o.items.all[c.item].marker {
		return finding{}
	}
	if c.verb == verbDelete || o.items.all[c.item].marker {
		if o.propagates && o.signedOutSince(s, origin) || o.unprotected(s, origin) {
			return finding{}
		}
		return finding{3, "a read removes a shared value"}
	}
	value := o.items.all[c.item].value
	if value == old.value && !old.marker || o.unprotected(s, origin) || o.refused(s, op, old) {
		return finding{}
	}
	for w := range s.ops {
		newer := s.ops[origin].before&(1<<w) == 0 && w != origin ||
			!o.ops[w].reach && s.ops[w].class != resultOK || o.unannounced(s, w)
		if o.toLegacy(w) && o.ops[w].value == value && s.ops[w].phase != idle && newer {
			return finding{}
		}
	}
	if o.untold(s, value) {
		return finding{}
	}
	if old.marker {
		return finding{3, "a read puts an older value over a marker"}
	}
	return finding{3, "a read puts an older value over a newer one"}
}

// unannounced reports whether a write to legacy may be on its way that no record
// tells of: that of a dual Set which could not write the shared store before.
func (o *oracle) unannounced(s *state, w int) bool {
	return o.dual && o.ops[w].kind == opSet && s.ops[w].phase == ended && s.ops[w].update&stored == 0 && o.unknown(s, w)
}

// unprotected reports whether an emulated store could not know of a write: a
// foreign one, which has no number, or one whose own program does not know of.
func (o *oracle) unprotected(s *state, w int) bool {
	return o.emulated && o.late && (o.ops[w].kind == opForeign || !o.acknowledged(s, w))
}

// refused reports whether a server refused the value that is replaced, which the
// operation before read: then any other is better.
func (o *oracle) refused(s *state, op int, old item) bool {
	return o.ops[op].kind == opRejected && !old.marker && s.ops[op-1].used == old.value
}

// toLegacy reports whether an operation writes a value to a legacy source.
func (o *oracle) toLegacy(w int) bool {
	switch o.ops[w].kind {
	case opOlderSet:
		return true
	case opSet:
		return o.dual
	case opUpdate:
		return o.dual || o.rotates
	}
	return false
}

// origin returns the operation that an item goes back to: the one that wrote it
// or, if that only copied a value or renewed a record, the one whose value it is.
func (o *oracle) origin(id itemID) int {
	i := o.items.all[id]
	op := i.rev.op()
	if i.marker || o.ops[op].value == i.value {
		return op
	}
	for w := range o.ops {
		if o.ops[w].kind.writes() && o.ops[w].value == i.value {
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
		case opOlderDelete, opTakeShared: // taking a shared marker deletes what is left
			if since {
				return true
			}
		case opDelete:
			// A Delete that got no further than legacy looks the same from outside.
			if s.ops[k].class != resultFailed && (since || o.stray(s, k)) {
				return true
			}
		}
	}
	return false
}

// settles notes how an Update came to its end. If its function ran and the result
// has not been seen in the shared store, whoever comes next may be given a value
// that is used up.
func (o *oracle) settles(s *state, op int) {
	if made := s.ops[op].update; made&ran != 0 && made&stored == 0 {
		s.notes |= owed
	}
}

// dies notes that an operation ends without an answer.
func (o *oracle) dies(s *state, op int) {
	o.settles(s, op)
	st := &s.ops[op]
	st.phase, st.class, st.seen = ended, resultNone, 0
}

// precedes reports whether the operation after another one of its program is of a
// kind.
func (o *oracle) precedes(op int, kind opKind) bool {
	return op+1 < firstWatch && programOf(op+1) == programOf(op) && o.ops[op+1].kind == kind
}

// ends notes an operation's answer and judges it.
func (o *oracle) ends(s *state, op int, r result) finding {
	if s.ops[op].phase == idle { // it made no call
		o.begins(s, op)
	}
	f := o.judge(s, op, r)
	o.settles(s, op)
	if o.ops[op].kind == opGet && o.precedes(op, opRejected) {
		s.ops[op].used = r.value
	}
	st := &s.ops[op]
	st.phase, st.class, st.seen = ended, r.class, uint16(r.done)
	return f
}
