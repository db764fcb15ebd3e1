package explorer

import (
	"hash/maphash"
	"unsafe"
)

// Sizes of what is explored at once.
const (
	maxSetup    = 4                             // operations that ran before, one after the other
	maxActors   = 3                             // programs that run at once
	perActor    = 2                             // operations a program runs
	observer    = maxActors                     // the program that looks when all others are done
	maxPrograms = maxActors + 1                 //
	maxObserved = 1 + maxLegacy                 // a Get, and an older build's Get of each source
	firstWatch  = maxSetup + perActor*maxActors // the observer's first operation
	maxOps      = firstWatch + maxObserved
	maxFlights  = 3 // writes on their way at once
)

// state is everything that the future depends on. It has no padding and is
// compared and hashed as bytes.
type state struct {
	nodes   [maxPrograms]nodeID // where each program is; negative once it is over
	shared  [slots]itemID
	legacy  [maxLegacy]itemID
	flights [maxFlights]flightID // in order, empty ones first
	ops     [maxOps]opState
	ranks   [slots]rank // of an emulated store: what readers of each slot see
	_       [pad]byte   // not at the end, where one of no bytes would take room
	faults  uint8       // how many have happened
	leases  [2]uint8    // the program that has the lease on the key and the one that has the turn, plus one
	notes   uint8       // the note beside the lease, and what the oracle knows of it
}

// pad fills the state up to a multiple of its alignment.
const pad = (4 - (slots*3+maxLegacy*2+maxFlights*2+maxOps*8+4)%4) % 4

// holds reports whether a program has a lease.
func (s *state) holds(a uint8) bool { return s.leases[0] == a+1 || s.leases[1] == a+1 }

// opState is what the oracle remembers of an operation.
type opState struct {
	before uint16 // operations that had ended when it began, by bit
	seen   uint16 // what it met while it ran; 0 once it has ended
	phase  phase
	class  resultClass
	used   valueID // of an Update: what its function was given; of a Get before a Rejected: its answer
	update uint8   // how far it came, as far as others must know
}

// Bits of a state's notes.
const (
	noted = 1 << iota // an Update began, and nobody took the note away
	owed              // the next function has to be told that its value may be used up
)

// How far an operation came, by bit.
const (
	began  = 1 << iota // an Update left the note
	ran                // an Update's function has made something from its value
	blind              // a look of it at a legacy source failed
	stored             // what it was called for has stood in the shared store; of an older build's Set: its value
)

type phase uint8

const (
	idle phase = iota
	running
	ended
)

const stateSize = unsafe.Sizeof(state{})

func (s *state) hash(seed maphash.Seed) uint64 {
	return maphash.Bytes(seed, unsafe.Slice((*byte)(unsafe.Pointer(s)), stateSize))
}

// flightID numbers a write on its way; 0 is none.
type flightID uint16

// flight is a write that its program no longer waits for.
type flight struct {
	call call
	op   uint8
	rank rank
	died bool // its program died with it
}

// flights numbers the writes on their way that were met.
type flights struct {
	all   []flight
	index map[flight]flightID
}

func newFlights() *flights {
	return &flights{all: make([]flight, 1), index: map[flight]flightID{}}
}

func (f *flights) id(w flight) flightID {
	id, ok := f.index[w]
	if !ok {
		if len(f.all) > 0xffff {
			panic("explorer: more writes on their way than numbers for them")
		}
		id = flightID(len(f.all))
		f.all = append(f.all, w)
		f.index[w] = id
	}
	return id
}

// launch puts a write on its way. It reports false if there is no room, which
// the bound on faults excludes.
func (s *state) launch(id flightID) bool {
	if s.flights[0] != 0 {
		return false
	}
	i := 0
	for i+1 < maxFlights && s.flights[i+1] < id {
		s.flights[i] = s.flights[i+1]
		i++
	}
	s.flights[i] = id
	return true
}

// remove takes the i-th write off its way.
func (s *state) remove(i int) flightID {
	id := s.flights[i]
	copy(s.flights[1:i+1], s.flights[:i])
	s.flights[0] = 0
	return id
}

// slot returns what a store holds in a slot.
func (s *state) slot(store, slot uint8) *itemID {
	if store == shared {
		return &s.shared[slot]
	}
	return &s.legacy[store-firstLegacy]
}
