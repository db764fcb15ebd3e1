package explorer

// The judgements on answers. Each goes by one promise.

func (o *oracle) judge(s *state, op int, r result) finding {
	if f := o.honest(s, op, r); f.promise != 0 {
		return f
	}
	switch kind := o.ops[op].kind; {
	case (kind == opGet || kind == opRejected) && r.class == resultOK:
		return o.judgeValue(s, op, r)
	case (kind == opGet || kind == opRejected) && r.class == resultNotFound:
		return o.judgeAbsence(s, op)
	case kind == opMigrate && r.class == resultOK && r.listed && o.unmigrated(s, op):
		return finding{6, "it says that all is migrated, and the shared store does not hold the key"}
	case kind == opDelete:
		return o.judgeDelete(s, op, r)
	case kind == opList && r.class == resultOK:
		return o.judgeList(s, op, r)
	case kind == opOlderGet && r.class == resultOK:
		return o.judgeOlderValue(s, op, r)
	case kind == opOlderGet && r.class == resultNotFound:
		return o.judgeOlderAbsence(s, op)
	}
	return finding{}
}

// honest judges whether an answer says what happened (I9).
func (o *oracle) honest(s *state, op int, r result) finding {
	seen := s.ops[op].seen
	kind := o.ops[op].kind
	acts := kind == opSet || kind == opUpdate || kind == opDelete
	switch {
	case r.class == resultDefect:
		return finding{9, "it answers with an error of no class"}
	case !kind.ours():
	case r.class == resultFailed && acts && seen&(landed|launched) != 0:
		return finding{9, "it says that nothing happened, and something did or may yet"}
	case r.class == resultUnknown && seen&(troubled|landed) == 0:
		return finding{9, "it says that the outcome is unknown, and it is known"}
	case r.class == resultOK && (kind == opSet || kind == opUpdate) && seen&landed == 0:
		return finding{9, "it says that it is done, and nothing was written"}
	case (r.class == resultFailed || r.class == resultPartial) && seen&troubled == 0 && !r.alien && !o.mayLose(kind) && kind != opMigrate:
		return finding{9, "it fails although nothing went wrong"}
	}
	return finding{}
}

// judgeValue judges a value that a Get returned.
func (o *oracle) judgeValue(s *state, op int, r result) finding {
	f := finding{1, "it returns a value that nobody wrote"}
	for w := range s.ops {
		if !o.ops[w].kind.writes() || o.ops[w].value != r.value || s.ops[w].phase == idle {
			continue
		}
		if f = o.supersededBy(s, w, op, r.truth); f.promise == 0 {
			return f
		}
	}
	return f
}

// supersededBy judges whether an operation g may return what w wrote: not if
// another operation that was acknowledged came wholly between the two.
func (o *oracle) supersededBy(s *state, w, g int, truth bool) finding {
	if s.ops[w].phase == ended && s.ops[w].class == resultFailed {
		return finding{9, "it returns the value of a write that was said not to have happened"}
	}
	if !o.ops[w].reach && s.ops[w].phase == ended && o.unknown(s, w) || o.unannounced(s, w) {
		return finding{} // it could not announce its write to legacy, which may land at any time
	}
	if (o.absent || !o.ops[g].reach) && o.mirrorLate(s, o.ops[w].value) || o.untold(s, o.ops[w].value) {
		return finding{} // without marker and record nobody can tell a late write from a new one
	}
	for k := range s.ops {
		between := s.ops[k].before&(1<<w) != 0 && s.ops[g].before&(1<<k) != 0
		switch {
		case k == w || !between || o.tookLegacySince(s, k):
		case o.ops[k].kind == opDelete && (s.ops[k].class == resultOK || truth && o.ops[g].reach && o.marked(s, k)):
			return finding{2, "it returns a value that was deleted before"}
		case !truth || !o.ops[g].reach || o.rejectedSince(s, k, g):
		case (o.ops[k].kind == opSet || o.ops[k].kind == opUpdate) && o.marked(s, k):
			return finding{10, "it returns a value as the truth that was replaced before"}
		}
	}
	return finding{}
}

// tookLegacySince reports whether a person said since that the older build's
// value is to stand.
func (o *oracle) tookLegacySince(s *state, k int) bool { return o.ranSince(s, opTakeLegacy, k) }

// rejectedSince reports whether a server refused what k wrote, or what may have
// come after it, so that a value from before may stand in its place: to who was
// told by the server, or since it was put there.
func (o *oracle) rejectedSince(s *state, k, g int) bool {
	for r := range s.ops {
		if o.ops[r].kind != opRejected || s.ops[k].before&(1<<r) != 0 || r != g && s.ops[r].update&stored == 0 {
			continue
		}
		if refused := s.ops[r-1].used; refused == o.ops[k].value || o.mayPrecede(s, k, refused) {
			return true
		}
	}
	return false
}

// mayPrecede reports whether what w wrote may count as older than a value: some
// writer of that had not ended when w began, so it came after, or at once and took
// the place of what it found.
func (o *oracle) mayPrecede(s *state, w int, v valueID) bool {
	for k := range s.ops {
		if k != w && o.ops[k].kind.writes() && o.ops[k].value == v && s.ops[k].phase != idle && s.ops[w].before&(1<<k) == 0 {
			return true
		}
	}
	return false
}

// replacedAsRefused reports whether a value was replaced in the shared store because
// a server refused it.
func (o *oracle) replacedAsRefused(s *state, v valueID) bool {
	for r := range s.ops {
		if o.ops[r].kind == opRejected && s.ops[r].update&stored != 0 && s.ops[r-1].used == v {
			return true
		}
	}
	return false
}

// unsure reports whether a part of an operation may be on its way: it did not end
// well, and not so that nothing happened.
func (o *oracle) unsure(s *state, k int) bool {
	return s.ops[k].class != resultOK && s.ops[k].class != resultFailed
}

// stray reports whether a part of a deletion may be on its way that removes from
// legacy more than was deleted: it did not know what is there, or was out of reach
// and could leave no marker that would tell it apart from a sign-out.
func (o *oracle) stray(s *state, k int) bool {
	return o.unsure(s, k) && (s.ops[k].update&blind != 0 || !o.ops[k].reach)
}

// unknown reports whether an operation left something on its way, as far as it
// could tell itself.
func (o *oracle) unknown(s *state, k int) bool {
	return s.ops[k].class == resultUnknown || s.ops[k].class == resultNone
}

// ranSince reports whether an operation of a kind wrote the shared store and had
// not ended before k began.
func (o *oracle) ranSince(s *state, kind opKind, k int) bool {
	for r := range s.ops {
		if o.ops[r].kind == kind && s.ops[r].update&stored != 0 && s.ops[k].before&(1<<r) == 0 {
			return true
		}
	}
	return false
}

// marked reports whether an operation acknowledged its part in the shared store.
func (o *oracle) marked(s *state, k int) bool {
	st := &s.ops[k]
	return st.class == resultOK || st.class == resultPartial && st.seen&(1<<shared) != 0
}

// judgeAbsence judges a "not found".
func (o *oracle) judgeAbsence(s *state, op int) finding {
	if !o.evident(s, op) {
		return finding{4, "it says not found without having looked everywhere and found nothing"}
	}
	for w := range s.ops {
		if !o.acknowledged(s, w) || s.ops[op].before&(1<<w) == 0 || !o.ops[w].kind.writes() || !o.inUse(o.ops[w].source) {
			continue
		}
		if !o.excused(s, w) {
			return finding{1, "it does not find a value that was acknowledged and that nobody deleted"}
		}
	}
	return finding{}
}

func (o *oracle) acknowledged(s *state, w int) bool {
	return s.ops[w].phase == ended && o.marked(s, w)
}

// evident reports whether an operation looked at all stores that could hold the
// key and found nothing in its way.
func (o *oracle) evident(s *state, op int) bool {
	seen := s.ops[op].seen
	look := seen & sawShared
	if o.absent {
		look = lookAbsent
	}
	if look == lookFailed || look == lookNone || look == lookValue && seen&landed == 0 {
		return false
	}
	for i := range o.sources {
		if !o.inUse(uint8(firstLegacy + i)) {
			continue
		}
		legacy := seen >> legacyShift(uint8(firstLegacy+i)) & 3
		if legacy == lookMarker || look == lookAbsent && legacy != lookAbsent {
			return false
		}
	}
	return true
}

// excused reports whether the absence of what w wrote has a reason.
func (o *oracle) excused(s *state, w int) bool {
	older := o.ops[w].kind == opOlderSet
	for k := range s.ops {
		st := &s.ops[k]
		if st.phase == idle || k == w {
			continue
		}
		since := s.ops[w].before&(1<<k) == 0
		late := o.unsure(s, k)
		switch o.ops[k].kind {
		case opDelete:
			// A new sign-in after a deletion counts only if the deletion knew what
			// stood there, and has nothing under way that may yet remove it: one that
			// did not end well cannot say so, and what a later version noted cannot be
			// read.
			if st.class != resultFailed && (since || older && (late || !o.adopts || o.ops[k].later) || late && o.defenceless(s, k, w)) {
				return true
			}
		case opOlderDelete:
			if since && (older || o.propagates || o.absent) { // with no shared store, legacy is the store
				return true
			}
		case opGet, opMigrate, opRejected, opReconcile:
			// What a later version's sign-out noted cannot be read either.
			if older && o.propagates && o.ops[k].later && st.update&stored != 0 {
				return true
			}
		case opTakeLegacy, opTakeShared:
			if since || older && !o.adopts || late && o.emulated && o.ops[w].kind == opForeign {
				return true
			}
		}
	}
	return false
}

// defenceless reports whether what w wrote can be undone by a deletion that is
// still on its way: a foreign write in an emulated store, which knows no fence; and
// any, by a stray deletion, where legacy is the store or what vanishes from there
// counts as a sign-out.
func (o *oracle) defenceless(s *state, k, w int) bool {
	return (o.propagates || o.absent) && o.stray(s, k) || o.emulated && o.ops[w].kind == opForeign
}

// judgeDelete judges that what a Delete says it has deleted is gone.
func (o *oracle) judgeDelete(s *state, op int, r result) finding {
	done := r.done
	if r.class == resultOK {
		done = 1<<(1+maxLegacy) - 1
	}
	for at := range uint8(1 + o.sources) {
		if done&(1<<at) == 0 {
			continue
		}
		id := *s.slot(at, mainSlot)
		if id == 0 || o.items.all[id].marker || at != shared && !o.inUse(at) {
			continue
		}
		v := o.items.all[id].value
		if at == shared && o.tookLegacySince(s, op) || at != shared && o.mirrorLate(s, v) {
			continue
		}
		if o.wholeBefore(s, v, op) {
			return finding{2, "it says that it deleted from " + storeName(at) + ", which still holds what was there"}
		}
	}
	return finding{}
}

// wholeBefore reports whether all who wrote a value had ended before op began.
func (o *oracle) wholeBefore(s *state, v valueID, op int) bool {
	for w := range s.ops {
		if o.ops[w].kind.writes() && o.ops[w].value == v && s.ops[w].phase != idle && s.ops[op].before&(1<<w) == 0 {
			return false
		}
	}
	return true
}

// judgeList judges a list that claims to be complete, if nobody wrote meanwhile.
func (o *oracle) judgeList(s *state, op int, r result) finding {
	seen := s.ops[op].seen
	switch {
	case seen&unsettled != 0:
	case seen&wasThere != 0 && !r.listed:
		return finding{4, "a complete list leaves out a key that is there"}
	case seen&wasThere == 0 && r.listed && s.shared[mainSlot] == 0:
		return finding{4, "a list names a key that is nowhere"}
	}
	return finding{}
}

// judgeOlderValue judges what an older build reads: a deletion holds for it too.
func (o *oracle) judgeOlderValue(s *state, op int, r result) finding {
	f := finding{}
	if !o.inUse(o.ops[op].source) {
		return f
	}
	for w := range s.ops {
		if !o.ops[w].kind.writes() || o.ops[w].value != r.value || s.ops[w].phase == idle {
			continue
		}
		if f = o.deletedHere(s, w, op); f.promise == 0 {
			return f
		}
	}
	return f
}

func (o *oracle) deletedHere(s *state, w, g int) finding {
	if o.mirrorLate(s, o.ops[w].value) {
		return finding{}
	}
	for k := range s.ops {
		if o.ops[k].kind == opDelete && s.ops[k].class == resultOK && s.ops[k].phase == ended &&
			s.ops[k].before&(1<<w) != 0 && s.ops[g].before&(1<<k) != 0 {
			return finding{2, "an older build still reads a value that was deleted before"}
		}
	}
	return finding{}
}

// mirrorLate reports whether a write of the value to legacy may be on its way, or
// was, from an operation that did not end well. Nobody can fence off that, but new
// builds know it when they see it.
func (o *oracle) mirrorLate(s *state, v valueID) bool {
	for k := range s.ops {
		switch kind := o.ops[k].kind; {
		case kind != opRollback && kind != opTakeShared && (kind == opOlderSet || !o.toLegacy(k) || o.ops[k].value != v):
		case s.ops[k].phase == ended && s.ops[k].class != resultOK, s.ops[k].phase == running && s.ops[k].seen&troubled != 0:
			return true
		}
	}
	return false
}

// untold reports whether a write of the value to legacy may be late of which the
// record no longer tells. It announces one value for each source, so that another
// announcement takes the place of the first, and a foreign program may drop it.
func (o *oracle) untold(s *state, v valueID) bool {
	announced := 0
	for k := range s.ops {
		switch kind := o.ops[k].kind; {
		case s.ops[k].phase == idle:
		case o.ops[k].drops:
			announced = 2 // whatever it was, it is gone
		case kind == opRollback || kind == opTakeShared || kind != opOlderSet && o.toLegacy(k):
			announced++
		}
	}
	return announced > 1 && o.mirrorLate(s, v)
}

// judgeOlderAbsence judges that an older build keeps what it could read.
func (o *oracle) judgeOlderAbsence(s *state, op int) finding {
	for w := range s.ops {
		if o.ops[w].kind != opOlderSet || o.ops[w].source != o.ops[op].source ||
			!o.acknowledged(s, w) || s.ops[op].before&(1<<w) == 0 {
			continue
		}
		if !o.removed(s, w) {
			return finding{1, "an older build no longer finds its value, which nobody deleted"}
		}
	}
	return finding{}
}

// removed reports whether somebody may have deleted what an older build wrote
// since.
func (o *oracle) removed(s *state, w int) bool {
	for k := range s.ops {
		kind := o.ops[k].kind
		since := s.ops[w].before&(1<<k) == 0
		switch {
		case s.ops[k].phase == idle || s.ops[k].class == resultFailed:
		case kind == opOlderDelete && o.ops[k].source == o.ops[w].source && since:
			return true
		case kind == opDelete && (since || o.stray(s, k)):
			return true
		case kind == opPrune && since, kind == opTakeShared:
			return true
		}
	}
	return false
}
