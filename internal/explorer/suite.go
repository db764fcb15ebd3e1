package explorer

import (
	"slices"

	"github.com/kinring/kinring/coexist"
)

// Programs that run at once. Adding an operation is adding an entry.
var newBuilds = []program{
	{name: "get", ops: []opKind{opGet}},
	{name: "set", ops: []opKind{opSet}},
	{name: "delete", ops: []opKind{opDelete}},
	{name: "list", ops: []opKind{opList}},
	{name: "set the value that was there first", ops: []opKind{opSet}, same: true},
	{name: "get twice", ops: []opKind{opGet, opGet}},
	{name: "update", ops: []opKind{opUpdate}},
	{name: "get, then rejected", ops: []opKind{opGet, opRejected}},
	{name: "migrate", ops: []opKind{opMigrate}},
	{name: "prune", ops: []opKind{opPrune}},
	{name: "rollback", ops: []opKind{opRollback}},
	{name: "reconcile", ops: []opKind{opReconcile}},
	{name: "reconcile, taking shared", ops: []opKind{opTakeShared}},
	{name: "reconcile, taking legacy", ops: []opKind{opTakeLegacy}},
	{name: "get, out of reach", ops: []opKind{opGet}, beyond: true},
	{name: "set, out of reach", ops: []opKind{opSet}, beyond: true},
	{name: "delete, out of reach", ops: []opKind{opDelete}, beyond: true},
	{name: "get, of a later version", ops: []opKind{opGet}, later: true},
	{name: "set, of a later version", ops: []opKind{opSet}, later: true},
	{name: "delete, of a later version", ops: []opKind{opDelete}, later: true},
}

var others = []program{
	{name: "older set", ops: []opKind{opOlderSet}, source: firstLegacy},
	{name: "older delete", ops: []opKind{opOlderDelete}, source: firstLegacy},
	{name: "older get", ops: []opKind{opOlderGet}, source: firstLegacy},
	{name: "older set, second source", ops: []opKind{opOlderSet}, source: firstLegacy + 1},
	{name: "older delete, second source", ops: []opKind{opOlderDelete}, source: firstLegacy + 1},
	{name: "foreign write", ops: []opKind{opForeign}},
	{name: "foreign write without the record", ops: []opKind{opForeign}, drops: true},
}

// setup is a state of the world that programs bring about before the others
// start.
type setup struct {
	name string
	ran  []program
}

func named(name string) program {
	for _, p := range slices.Concat(newBuilds, others) {
		if p.name == name {
			return p
		}
	}
	panic("explorer: no program " + name)
}

func after(name string, programs ...string) setup {
	s := setup{name: name}
	for _, p := range programs {
		s.ran = append(s.ran, named(p))
	}
	return s
}

var setups = []setup{
	after("nothing anywhere"),
	after("an older build signed in", "older set"),
	after("a new build set", "set"),
	after("both agree", "older set", "get"),
	after("a new build is ahead", "older set", "set"),
	after("an older build is ahead", "older set", "get", "older set"),
	after("both wrote", "older set", "get", "set", "older set"),
	after("an older build signed out", "older set", "get", "older delete"),
	after("deleted", "older set", "get", "delete"),
	after("deleted, and signed in anew", "older set", "delete", "older set"),
	after("set after a deletion", "older set", "delete", "set"),
	after("set by a later version", "older set", "set, of a later version"),
}

// setupsOfTwo are for two legacy sources.
var setupsOfTwo = []setup{
	after("signed in at the second source", "older set, second source"),
	after("signed in at both sources", "older set", "older set, second source", "get"),
	after("the second source is ahead", "older set", "older set, second source", "set the value that was there first", "older set, second source"),
}

// migrated names the preset dual-write of a family in which all has been migrated.
// It is for triples, which are tried without migrations.
const migrated = "dual-write, migrated"

// Policies of the rules as they are, presets first.
func policies() []policy {
	with := func(name, preset string, guarded bool, change func(*coexist.Policy)) policy {
		p, err := coexist.Preset(preset, guarded)
		if err != nil {
			panic(err)
		}
		if change != nil {
			change(&p)
		}
		return policy{name: name, Policy: p}
	}
	rotating := with("rotating", coexist.PresetDefault, false, nil)
	rotating.rotates = true
	return []policy{
		rotating,
		with("dual-write", coexist.PresetDualWrite, true, nil),
		with(migrated, coexist.PresetDualWrite, true, func(p *coexist.Policy) { p.BulkMigrate = coexist.BulkNever }),
		with("dual-write, strict", coexist.PresetDualWrite, true, func(p *coexist.Policy) {
			p.Reads, p.FastForward, p.BulkMigrate = coexist.Strict, coexist.OnRejection, coexist.BulkNever
		}),
		with("shared-only", coexist.PresetSharedOnly, false, nil),
		with("default", coexist.PresetDefault, true, nil),
		with("default, unguarded legacy", coexist.PresetDefault, false, nil),
		with("tolerant", coexist.PresetDefault, true, func(p *coexist.Policy) { p.Reads = coexist.Tolerant }),
		with("propagating", coexist.PresetDefault, true, func(p *coexist.Policy) { p.OlderSignout = coexist.SignoutPropagate }),
		with("taking nothing over", coexist.PresetSharedOnly, true, func(p *coexist.Policy) {
			p.Adopt, p.FastForward, p.Backfill = coexist.Never, coexist.Never, coexist.BackfillOff
		}),
	}
}
