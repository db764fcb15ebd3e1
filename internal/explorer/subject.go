package explorer

import (
	"fmt"

	"github.com/kinring/kinring/coexist"
)

// subject is what is tried: rules, a policy, and the stores that they work on.
type subject struct {
	name     string
	policy   string // its name; the seeds have none
	class    string // of shared store
	sources  int
	emulated bool // the shared store has no conditional writes of its own
	absent   bool // there is none, by design
	idle     bool // the older build, as it is configured, does not use the first source
	plain    bool // it keeps no records and knows no programs out of reach

	// What the policy promises beyond the promises: what the oracle must know to
	// tell a rule from a fault.
	adopts     bool // a sign-in after a deletion counts
	propagates bool // an older build's sign-out removes the shared value
	bulk       bool // the first operation of a program migrates everything
	dual       bool // Set writes to legacy sources too
	rotates    bool // Update writes to legacy sources too

	open func(p *process, prog program) family
}

// family is a program's way to its secrets.
type family interface {
	get() result
	set(v valueID) result
	delete() result
	list() result
}

// manager is a family that can do what a person asks for, too.
type manager interface {
	family
	update(v valueID) result
	rejected() result
	migrate() result
	prune() result
	rollback() result
	reconcile(side coexist.Side) result
}

// run is a program: its operations one after the other.
func (sub *subject) run(p *process, prog program, first int, ops []operation) {
	fam := sub.open(p, prog)
	for i, o := range ops {
		p.begin(first + i)
		p.end(sub.operate(p, prog, fam, o))
	}
}

func (sub *subject) operate(p *process, prog program, fam family, o operation) result {
	switch o.kind {
	case opGet:
		return fam.get()
	case opSet:
		return fam.set(o.value)
	case opDelete:
		return fam.delete()
	case opList:
		return fam.list()
	case opOlderGet:
		return olderGet(p, o.source)
	case opOlderSet, opOlderDelete:
		return olderWrite(p, o)
	case opForeign:
		return foreignWrite(p, o, !prog.drops)
	}
	return sub.manage(fam.(manager), o)
}

func (sub *subject) manage(fam manager, o operation) result {
	switch o.kind {
	case opUpdate:
		return fam.update(o.value)
	case opRejected:
		return fam.rejected()
	case opMigrate:
		return fam.migrate()
	case opPrune:
		return fam.prune()
	case opRollback:
		return fam.rollback()
	case opReconcile:
		return fam.reconcile(coexist.ByPolicy)
	case opTakeShared:
		return fam.reconcile(coexist.TakeShared)
	case opTakeLegacy:
		return fam.reconcile(coexist.TakeLegacy)
	}
	panic(fmt.Sprintf("explorer: no such operation: %d", o.kind))
}

// An older build knows one store and asks nothing of it.

func olderGet(p *process, source uint8) result {
	a := p.do(p.anyway(), call{verb: verbGet, store: source})
	if a.kind() != ansItem {
		return result{class: resultNotFound}
	}
	return result{value: p.all[a.number()].value, truth: true}
}

func olderWrite(p *process, o operation) result {
	c := call{verb: verbDelete, store: o.source}
	if rev := p.revise(); o.kind == opOlderSet {
		c.verb, c.item = verbPut, p.id(item{value: o.value, rev: rev})
	}
	p.do(p.anyway(), c)
	return result{}
}

// foreignWrite is a program that finds kinring's item and changes its value. A
// store that keeps the record as an attribute leaves it; one that writes the
// item anew drops it.
func foreignWrite(p *process, o operation, keeps bool) result {
	p.do(p.anyway(), call{verb: verbPut, store: shared, item: p.id(item{value: o.value, rev: p.revise()}), keeps: keeps})
	return result{}
}
