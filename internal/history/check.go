package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// Violation is a history, or what of it belongs to one key, that no store which
// does one thing after the other can have produced.
type Violation struct {
	// Key is the key whose operations contradict each other.
	Key string
	// Reason says what is wrong.
	Reason string
	// Ops are all operations on the key.
	Ops []Op
	// Stuck are those that cannot follow what fits.
	Stuck []Op
}

// Error describes the violation, with the operations that do not fit.
func (v *Violation) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "key %q: %s", v.Key, v.Reason)
	for i, o := range v.Stuck {
		const most = 8
		if i == most {
			fmt.Fprintf(&b, "\n\tand %d more", len(v.Stuck)-most)
			break
		}
		fmt.Fprintf(&b, "\n\t%v", o)
	}
	return b.String()
}

// Undecided is the error of a check that ran out of time.
type Undecided struct{ Key string }

// Error names the key.
func (u *Undecided) Error() string {
	return fmt.Sprintf("key %q: the check ran out of time; make the history shorter", u.Key)
}

// patience is how long the check of one key may take. It is exponential at
// worst, but histories of a few thousand operations take well under a second.
const patience = 2 * time.Minute

// Check returns nil if the history is linearisable for every key by itself, a
// *Violation or an *Undecided for the first key, in their order, for which it
// is not. Every key begins absent.
func Check(ops []Op) error {
	byKey := map[string][]Op{}
	for _, o := range ops {
		byKey[o.Key] = append(byKey[o.Key], o)
	}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		if err := checkKey(key, byKey[key], patience); err != nil {
			return err
		}
	}
	return nil
}

func checkKey(key string, ops []Op, patience time.Duration) error {
	if o, foreign := unwritten(ops); foreign {
		return &Violation{Key: key, Reason: "a value was read that nobody wrote under this key", Ops: ops, Stuck: []Op{o}}
	}
	history := operations(ops)
	result, info := porcupine.CheckOperationsVerbose(register, history, patience)
	switch result {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return &Undecided{Key: key}
	}
	fits, stuck := explain(history, info)
	reason := fmt.Sprintf("no order of the operations explains what the clients were told: %d of %d fit together at best", fits, len(history))
	return &Violation{Key: key, Reason: reason, Ops: ops, Stuck: stuck}
}

// unwritten finds a Get of a value that no Set, whatever its outcome, wrote.
func unwritten(ops []Op) (Op, bool) {
	written := map[string]bool{}
	for _, o := range ops {
		if o.Kind == Set {
			written[o.Value] = true
		}
	}
	for _, o := range ops {
		if o.Kind == Get && o.Outcome == Done && !written[o.Value] {
			return o, true
		}
	}
	return Op{}, false
}

// operations translates a history. What surely did not happen, and a Get that
// was told nothing, say nothing about the store.
func operations(ops []Op) []porcupine.Operation {
	var all []porcupine.Operation
	clients := map[string]int{}
	for _, o := range ops {
		if o.Outcome == Failed || o.Kind == Get && o.Outcome == Unknown {
			continue
		}
		if _, known := clients[o.Client]; !known {
			clients[o.Client] = len(clients)
		}
		end := o.Return
		if o.Outcome == Unknown {
			end = never // it may take place after everything else, which is as good as never
		}
		all = append(all, porcupine.Operation{ClientId: clients[o.Client], Input: o, Output: o.Outcome, Call: o.Call, Return: end})
	}
	return all
}

// held is the state of a key.
type held struct {
	present bool
	value   string
}

// register is one key: Set and Delete change it, Get shows it.
var register = porcupine.Model{
	Init: func() any { return held{} },
	Step: func(state, input, output any) (bool, any) { return step(state.(held), input.(Op), output.(Outcome)) },
	DescribeOperation: func(input, _ any) string {
		return input.(Op).String()
	},
}

// step reports whether an operation may have been told its outcome with the key
// in state s, and returns the state that it leaves.
func step(s held, o Op, told Outcome) (bool, held) {
	switch o.Kind {
	case Set:
		return true, held{true, o.Value}
	case Delete:
		fits := told == Unknown || told == Gone || s.present == (told == Done)
		return fits, held{}
	}
	if told == Absent {
		return !s.present, s
	}
	return s == held{true, o.Value}, s
}

// explain returns the size of the largest part of the history that fits, and
// the operations outside it that were called before any of them had returned:
// one of them should have come next, and none can.
func explain(history []porcupine.Operation, info porcupine.LinearizationInfo) (fits int, stuck []Op) {
	var best []int
	for _, partition := range info.PartialLinearizations() {
		for _, ids := range partition {
			if len(ids) > len(best) {
				best = ids
			}
		}
	}
	inside := map[int]bool{}
	for _, id := range best {
		inside[id] = true
	}
	earliest := int64(never)
	for id, o := range history {
		if !inside[id] {
			earliest = min(earliest, o.Return)
		}
	}
	for id, o := range history {
		if !inside[id] && o.Call <= earliest {
			stuck = append(stuck, o.Input.(Op))
		}
	}
	slices.SortFunc(stuck, func(a, b Op) int { return cmp.Compare(a.Call, b.Call) })
	return len(best), stuck
}
