package explorer

// The rules of the two systems that kinring grew from, written anew from their
// description, as test subjects: openai/codex#14855 and microsoft/vscode#308990.
// Both write the shared store unconditionally, keep no record, and delete without
// leaving a trace.

func seedSubjects() []*subject {
	return []*subject{
		{name: "seed rules of codex#14855", sources: 1, adopts: true, plain: true,
			open: func(p *process, _ program) family { return codexSeed{p} }},
		{name: "seed rules of vscode#308990", sources: 1, adopts: true, plain: true, dual: true, doneNote: noteSlot,
			open: func(p *process, _ program) family { return &vscodeSeed{p: p} }},
	}
}

// noteSlot holds VS Code's note that all was migrated.
const noteSlot = 1

// peek reads a slot.
func (p *process) peek(store, slot uint8) (item, answer) {
	a := p.do(call{verb: verbGet, store: store, slot: slot})
	if a.kind() == ansItem {
		return p.all[a.number()], a
	}
	return item{}, a
}

// upsert writes a slot whatever is there.
func (p *process) upsert(store, slot uint8, v valueID) answer {
	return p.do(call{verb: verbPut, store: store, slot: slot, item: p.id(item{value: v, rev: p.revise()})})
}

func (p *process) remove(store uint8) answer {
	p.revise()
	return p.do(call{verb: verbDelete, store: store})
}

// said turns a store's answer into an operation's.
func said(a answer) result {
	switch a.kind() {
	case ansDone, ansAbsent, ansItem, ansList:
		return result{}
	case ansUnknown, ansUnknownCancelled:
		return result{class: resultUnknown}
	}
	return result{class: resultFailed}
}

func found(v valueID) result { return result{value: v, truth: true} }

// codexSeed: shared first; what is only in legacy is copied by an upsert; a
// write goes to the shared store; a deletion goes to one after the other and
// stops at the first error.
type codexSeed struct{ p *process }

func (c codexSeed) get() result {
	i, a := c.p.peek(shared, mainSlot)
	if a.kind() == ansItem {
		return found(i.value)
	}
	if a.kind() != ansAbsent {
		return said(a)
	}
	i, a = c.p.peek(firstLegacy, mainSlot)
	switch a.kind() {
	case ansAbsent:
		return result{class: resultNotFound}
	case ansItem:
		c.p.upsert(shared, mainSlot, i.value)
		return found(i.value)
	}
	return said(a)
}

func (c codexSeed) set(v valueID) result { return said(c.p.upsert(shared, mainSlot, v)) }

func (c codexSeed) delete() result {
	first := said(c.p.remove(shared))
	if first.class != resultOK {
		return first
	}
	second := said(c.p.remove(firstLegacy))
	if second.class != resultOK {
		return result{class: resultPartial, done: 1 << shared}
	}
	return second
}

// list is not among these rules; what they have reads the shared store.
func (c codexSeed) list() result { return listShared(c.p) }

func listShared(p *process) result {
	a := p.do(call{verb: verbList, store: shared})
	r := said(a)
	if a.kind() == ansList {
		r.listed = p.lists[a.number()][mainSlot] != 0
	}
	return r
}

// vscodeSeed: before its first operation everything is copied by upserts, and
// noted as done whatever became of it; a failure of the shared store counts as
// nothing there; writes and deletions go to both.
type vscodeSeed struct {
	p        *process
	migrated bool
}

func (v *vscodeSeed) migrate() {
	if v.migrated {
		return
	}
	v.migrated = true
	if _, a := v.p.peek(shared, noteSlot); a.kind() == ansItem {
		return
	}
	if i, a := v.p.peek(firstLegacy, mainSlot); a.kind() == ansItem {
		v.p.upsert(shared, mainSlot, i.value)
	}
	v.p.upsert(shared, noteSlot, 0)
}

func (v *vscodeSeed) get() result {
	v.migrate()
	if i, a := v.p.peek(shared, mainSlot); a.kind() == ansItem {
		return found(i.value)
	}
	i, a := v.p.peek(firstLegacy, mainSlot)
	switch a.kind() {
	case ansItem:
		return found(i.value)
	case ansAbsent:
		return result{class: resultNotFound}
	}
	return said(a)
}

func (v *vscodeSeed) set(value valueID) result {
	v.migrate()
	v.p.upsert(shared, mainSlot, value)
	return said(v.p.upsert(firstLegacy, mainSlot, value))
}

func (v *vscodeSeed) delete() result {
	v.migrate()
	v.p.remove(shared)
	return said(v.p.remove(firstLegacy))
}

func (v *vscodeSeed) list() result {
	v.migrate()
	r := listShared(v.p)
	a := v.p.do(call{verb: verbList, store: firstLegacy})
	if a.kind() == ansList {
		r.listed = r.listed || v.p.lists[a.number()][mainSlot] != 0
	}
	return r
}
