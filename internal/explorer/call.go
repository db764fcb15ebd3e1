package explorer

// verb is what a program asks of a store.
type verb uint8

const (
	verbGet verb = iota
	verbPut
	verbDelete
	verbList
	verbStamp
	verbActive  // asks whether the older build uses a source
	verbHold    // takes the lease on the key; waits while another program has it
	verbBegin   // notes that an Update's function is about to run
	verbChange  // runs it
	verbRelease // gives the lease back; who began takes the note with it
	verbLeave   // gives the lease back and leaves the note
)

func (v verb) String() string {
	return [...]string{"reads", "writes", "deletes from", "lists", "asks the stamp of", "asks for the use of",
		"takes the lease", "notes that it begins", "makes something from", "gives the lease back",
		"gives the lease back, leaving its note"}[v]
}

// leasing reports whether the verb is about a lease, not about a store.
func (v verb) leasing() bool { return v >= verbHold }

// writes reports whether the verb may change a store.
func (v verb) writes() bool { return v == verbPut || v == verbDelete }

// cond is the condition of a write.
type cond uint8

const (
	condAny cond = iota
	condAbsent
	condMatch
)

// The stores. Legacy sources follow the shared store in reading order.
const (
	shared      = 0
	firstLegacy = 1
	maxLegacy   = 2
)

// The slots of a store: what it can hold in this model.
const (
	mainSlot = 0 // the key that all programs work on
	slots    = 6 // the others are reserved items, numbered as they are met
)

// call is one call of a store, in the model's terms. Calls are compared.
type call struct {
	verb  verb
	store uint8
	slot  uint8
	cond  cond
	rev   revision // for condMatch
	item  itemID   // for a put
	value valueID  // for verbChange: what the function is given
	told  bool     // for verbChange: it is told that the Update before it died
	keeps bool     // a foreign program's put, which leaves the record as it was
}

// answer is what a program is told: a kind and, for some kinds, a number.
type answer uint32

type answerKind uint8

const (
	ansItem             answerKind = iota // Get: the item
	ansAbsent                             // Get, Delete: nothing there
	ansDone                               // a write took place
	ansConflict                           // the condition does not hold
	ansFailed                             // it went wrong before the store saw it
	ansUnknown                            // it may yet land
	ansCancelled                          // given up; nothing happened
	ansUnknownCancelled                   // given up; it may yet land
	ansOutOfReach                         // this program cannot get at the store
	ansNoStore                            // there is no such store, by design
	ansList                               // List: the listing
	ansStamp                              // Stamp: the revision that it stands for
	ansHeld                               // Hold: 1 if the holder before died in its function
)

func reply(k answerKind, n uint16) answer { return answer(k)<<16 | answer(n) }

func (a answer) kind() answerKind { return answerKind(a >> 16) }
func (a answer) number() uint16   { return uint16(a) }

// abnormal reports whether the answer tells of something that went wrong.
func (a answer) abnormal() bool {
	k := a.kind()
	return k >= ansFailed && k <= ansNoStore
}
