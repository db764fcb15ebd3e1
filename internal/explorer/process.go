package explorer

import (
	"context"
	"time"

	"github.com/kinring/kinring/store"
)

// process is one program while its code runs. The code calls do for each store
// call, and begin and end around each operation.
type process struct {
	*items
	yield     func(call) bool
	answer    answer
	events    []event
	cancelled bool
	op        int // the operation that runs now
	writes    int // how many writes it has made
	slots     *slotNames
}

// stopped unwinds the code of a process that is given up.
type stopped struct{}

// do makes a store call and returns the answer.
func (p *process) do(ctx context.Context, c call) answer {
	if ctx.Err() != nil {
		return reply(ansCancelled, 0)
	}
	if !p.yield(c) {
		panic(stopped{})
	}
	if k := p.answer.kind(); k == ansCancelled || k == ansUnknownCancelled {
		p.cancelled = true
	}
	return p.answer
}

// revise returns the revision of the next write.
func (p *process) revise() revision {
	p.writes++
	return newRevision(p.op, p.writes)
}

// begin starts an operation; end tells its result.
func (p *process) begin(op int) {
	p.op, p.writes, p.cancelled = op, 0, false
	p.events = append(p.events, event{kind: opBegins, op: uint8(op)})
}

func (p *process) end(r result) {
	p.events = append(p.events, event{kind: opEnds, op: uint8(p.op), result: r})
}

// event is something that a program tells between two store calls.
type event struct {
	kind   eventKind
	op     uint8
	notice notice
	result result
}

type eventKind uint8

const (
	opBegins eventKind = iota
	opEnds
	tells
)

// notice is an event of the engine that the figures count.
type notice uint8

const (
	noticeOther notice = iota
	noticeBackfilled
	noticeAdopted
	noticeFastForwarded
	noticeDiverged
	notices
)

// tell passes a notice on.
func (p *process) tell(n notice) { p.events = append(p.events, event{kind: tells, notice: n}) }

// The context of a process: it ends when the explorer cancels the operation.
// Nothing waits for it, because nothing in a coroutine can.
type processContext struct{ *process }

func (c processContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (c processContext) Done() <-chan struct{}       { return nil }
func (c processContext) Value(any) any               { return nil }
func (c processContext) Err() error {
	if c.cancelled {
		return context.Canceled
	}
	return nil
}

// anyway is the context of what goes on when its operation was cancelled.
func (p *process) anyway() context.Context { return context.WithoutCancel(processContext{p}) }

// slotNames gives each key that is met a slot.
type slotNames struct{ keys []store.Key }

var mainKey = store.Key{Service: "Example Auth", Account: "cli|0123"}

func newSlotNames() *slotNames { return &slotNames{keys: []store.Key{mainKey}} }

// name returns what a slot is for.
func (n *slotNames) name(slot uint8) string {
	if int(slot) < len(n.keys) {
		return n.keys[slot].Account
	}
	return "that notes the migration"
}

func (n *slotNames) slot(key store.Key) uint8 {
	for i, k := range n.keys {
		if k == key {
			return uint8(i)
		}
	}
	if len(n.keys) == slots {
		panic("explorer: no slot left for " + key.Redacted())
	}
	n.keys = append(n.keys, key)
	return uint8(len(n.keys) - 1)
}
