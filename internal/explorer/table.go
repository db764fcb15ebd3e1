package explorer

import (
	"hash/maphash"
	"math"
	"slices"
)

// table holds the distinct states of one search, in the order in which they
// were met, and how each was first reached.
type table struct {
	seed   maphash.Seed
	states []state
	from   []origin
	edges  []uint32 // where the steps lead that keep all promises, state by state
	first  []uint32 // of a state that was expanded: its first edge
	slots  []uint32 // open addressing; 0 is free, else index+1

	sums         []uint64 // room for ways
	waits, ready []uint32
}

// origin is the step by which a state was first reached.
type origin struct {
	parent uint32
	step   step
}

func newTable() *table {
	return &table{seed: maphash.MakeSeed(), slots: make([]uint32, 1<<12)}
}

func (t *table) reset() {
	t.states, t.from, t.edges, t.first = t.states[:0], t.from[:0], t.edges[:0], t.first[:0]
	t.slots = t.slots[:1<<12]
	clear(t.slots)
}

// add returns the number of a state, which it gives it if it is new.
func (t *table) add(s *state, from origin) uint32 {
	mask := uint64(len(t.slots) - 1)
	at := s.hash(t.seed) & mask
	for t.slots[at] != 0 {
		i := t.slots[at] - 1
		if t.states[i] == *s {
			return i
		}
		at = (at + 1) & mask
	}
	t.states, t.from = append(t.states, *s), append(t.from, from)
	n := uint32(len(t.states))
	t.slots[at] = n
	if 2*len(t.states) > len(t.slots) {
		t.grow()
	}
	return n - 1
}

// lead notes that a step leads to a state. States are expanded in their order.
func (t *table) lead(to uint32) { t.edges = append(t.edges, to) }

// ways returns how many schedules lead to each state. A state may be met first by
// one that is shorter than others, so they are added up in an order in which each
// state comes after all that lead to it. There is one: no step can be undone.
func (t *table) ways() []uint64 {
	all := len(t.states)
	ways, waits, ready := cleared(&t.sums, all), cleared(&t.waits, all), append(t.ready[:0], 0)
	for _, to := range t.edges {
		waits[to]++
	}
	ways[0] = 1
	for n := 0; n < len(ready); n++ {
		i := ready[n]
		for _, to := range t.leads(i) {
			ways[to] = sum(ways[to], ways[i])
			if waits[to]--; waits[to] == 0 {
				ready = append(ready, to)
			}
		}
	}
	t.ready = ready
	if len(ready) != all {
		panic("explorer: a state leads back to itself")
	}
	return ways
}

// cleared returns n zeros, in the room that is there already if that is enough.
func cleared[T any](room *[]T, n int) []T {
	*room = slices.Grow((*room)[:0], n)[:n]
	clear(*room)
	return *room
}

// leads returns the states to which one leads.
func (t *table) leads(i uint32) []uint32 {
	if int(i)+1 < len(t.first) {
		return t.edges[t.first[i]:t.first[i+1]]
	}
	return t.edges[t.first[i]:]
}

// sum adds up; what is more than a number holds stays at the greatest.
func sum(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}

func (t *table) grow() {
	if n := 4 * len(t.slots); n <= cap(t.slots) {
		t.slots = t.slots[:n]
		clear(t.slots)
	} else {
		t.slots = make([]uint32, n)
	}
	mask := uint64(len(t.slots) - 1)
	for i := range t.states {
		at := t.states[i].hash(t.seed) & mask
		for t.slots[at] != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = uint32(i + 1)
	}
}
