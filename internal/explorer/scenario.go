package explorer

// opKind is what an operation is, as the oracle knows it.
type opKind uint8

const (
	opNone opKind = iota
	opGet
	opSet
	opDelete
	opList
	opOlderSet
	opOlderDelete
	opOlderGet
	opUpdate
	opRejected // a server refused what the program read before
	opMigrate
	opPrune
	opRollback
	opReconcile
	opTakeShared // reconcile, the shared value stands
	opTakeLegacy // reconcile, the older build's value stands
	opForeign    // a program that knows nothing of kinring writes into the shared store
)

func (k opKind) String() string {
	return [...]string{"nothing", "Get", "Set", "Delete", "List", "older build's Set", "older build's Delete",
		"older build's Get", "Update", "Rejected", "Migrate", "Prune", "Rollback", "Reconcile", "Reconcile, taking shared",
		"Reconcile, taking legacy", "foreign write"}[k]
}

// reading reports whether the operation is not asked to change anything.
func (k opKind) reading() bool {
	return k == opGet || k == opList || k == opMigrate || k == opRejected || k == opReconcile
}

// writes reports whether the operation brings a value into the world.
func (k opKind) writes() bool {
	return k == opSet || k == opUpdate || k == opOlderSet || k == opForeign
}

// passing reports whether the operation leaves nothing behind that a judgement on
// another one asks for, unless it wrote the shared store. It cannot write legacy
// without breaking a promise.
func (k opKind) passing() bool {
	return k == opGet || k == opList || k == opOlderGet || k == opMigrate || k == opRejected
}

// counts reports whether a judgement on a later operation asks whether this one had
// ended before that began.
func (k opKind) counts() bool { return !k.passing() || k == opRejected }

// ours reports whether a new build runs the operation.
func (k opKind) ours() bool { return k >= opGet && k <= opList || k >= opUpdate && k <= opTakeLegacy }

// operation is one operation of a scenario.
type operation struct {
	kind   opKind
	value  valueID // that it writes, if it does
	source uint8   // of an older build: which store it uses
	reach  bool    // its program can get at the shared store
	later  bool    // its program is of a later version
	drops  bool    // it drops the record of what it writes over
}

// program is one program of a scenario.
type program struct {
	name   string
	ops    []opKind
	same   bool // Set writes the value that the first operation of all wrote
	source uint8
	beyond bool // the shared store is out of its reach
	later  bool // it is of a later version, whose records the others cannot read
	drops  bool // a foreign write drops the record instead of leaving it
}

// scenario is a starting point and the programs that then run at once.
type scenario struct {
	*subject
	name   string
	start  string // the setup's name
	setup  []program
	actors []program
	faults uint8 // at most so many happen

	ops [maxOps]operation
}

// lay gives each operation its number: the setup's come first, then two for each
// program, then the observer's.
func (sc *scenario) lay() {
	at := 0
	for _, p := range sc.setup {
		at += sc.place(p, at)
	}
	if at > maxSetup {
		panic("explorer: the setup has too many operations")
	}
	for i, p := range sc.actors {
		sc.place(p, maxSetup+i*perActor)
	}
	sc.place(sc.observer(), firstWatch)
}

func (sc *scenario) place(p program, at int) int {
	for i, k := range p.ops {
		sc.ops[at+i] = operation{kind: k, source: p.source, reach: !p.beyond, later: p.later, drops: p.drops, value: p.value(at + i)}
		if p.name == watch && i > 0 {
			sc.ops[at+i].source = uint8(firstLegacy + i - 1)
		}
	}
	return len(p.ops)
}

// value returns what an operation of the program writes.
func (p program) value(op int) valueID {
	switch {
	case !p.ops[0].writes():
		return 0
	case p.same:
		return 1
	}
	return valueID(op + 1)
}

const watch = "observer"

// observer is the program that looks when all others are done: once as a new
// build, and once as the older build of each legacy source.
func (sc *scenario) observer() program {
	p := program{name: watch, ops: []opKind{opGet}}
	for range sc.sources {
		p.ops = append(p.ops, opOlderGet)
	}
	return p
}
