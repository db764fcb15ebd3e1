package explorer

import "hash/maphash"

// table holds the distinct states of one search, in the order in which they
// were met, and how each was first reached.
type table struct {
	seed   maphash.Seed
	states []state
	from   []origin
	ways   []uint64 // schedules that lead to the state
	slots  []uint32 // open addressing; 0 is free, else index+1
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
	t.states, t.from, t.ways = t.states[:0], t.from[:0], t.ways[:0]
	t.slots = t.slots[:1<<12]
	clear(t.slots)
}

// add notes that ways schedules reach a state and reports whether it is new.
func (t *table) add(s *state, from origin, ways uint64) bool {
	mask := uint64(len(t.slots) - 1)
	at := s.hash(t.seed) & mask
	for t.slots[at] != 0 {
		i := t.slots[at] - 1
		if t.states[i] == *s {
			t.ways[i] += ways
			return false
		}
		at = (at + 1) & mask
	}
	t.states, t.from, t.ways = append(t.states, *s), append(t.from, from), append(t.ways, ways)
	t.slots[at] = uint32(len(t.states))
	if 2*len(t.states) > len(t.slots) {
		t.grow()
	}
	return true
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
