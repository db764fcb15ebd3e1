package explorer

import (
	"fmt"
	"iter"
	"slices"
)

// nodeID names a place in the course of a program.
type nodeID int32

// node is a place in the course of a program: what it told since the call
// before, and the call that it makes next.
type node struct {
	call   call
	ended  bool // the program makes no more calls
	ends   bool // an operation ended since the call before
	events []event
	parent nodeID
	via    answer
	root   int32
	op     uint8 // the operation that makes the call
	kids   []kid
	live   *routine // the code, stopped at this call, until somebody goes on with it
}

type kid struct {
	via answer
	to  nodeID
}

// code is a program: it makes calls through the process until it is done.
type code func(*process)

// memo remembers the courses of all programs of one configuration.
type memo struct {
	*items
	slots *slotNames
	nodes []node
	codes []code
	roots map[string]nodeID
	runs  uint64 // how often real code was started
	waits int    // how many of them wait for an answer
}

func newMemo() *memo {
	return &memo{items: newItems(), slots: newSlotNames(), roots: map[string]nodeID{}}
}

// crowded reports whether it is time to begin anew: numbers for what is met, and room
// for code that waits, have an end. One scenario needs much less than is left then.
func (m *memo) crowded() bool {
	const many, waiting = 1 << 14, 1 << 15
	return len(m.all) > many || len(m.lists) > many || m.waits > waiting
}

// routine is the code of a program as a coroutine.
type routine struct {
	p    *process
	next func() (call, bool)
	stop func()
}

func (m *memo) start(f code) *routine {
	m.runs++
	p := &process{items: m.items, slots: m.slots}
	r := &routine{p: p}
	r.next, r.stop = iter.Pull(func(yield func(call) bool) {
		p.yield = yield
		defer func() {
			if caught := recover(); caught != nil && caught != any(stopped{}) {
				panic(caught)
			}
		}()
		roomy()
		f(p)
	})
	return r
}

// roomy makes a new stack as large as an engine needs, at once and while there
// is nothing on it to move.
//
//go:noinline
func roomy() byte {
	var frame [24 << 10]byte
	return frame[len(frame)-1]
}

// root returns the first node of a program, which name tells apart from others.
func (m *memo) root(name string, f code) nodeID {
	if id, ok := m.roots[name]; ok {
		return id
	}
	m.codes = append(m.codes, f)
	id := m.add(node{parent: -1, root: int32(len(m.codes) - 1)}, m.start(f))
	m.roots[name] = id
	return id
}

// next returns the node that follows when a program is told the answer.
func (m *memo) next(id nodeID, a answer) nodeID {
	for _, k := range m.nodes[id].kids {
		if k.via == a {
			return k.to
		}
	}
	r := m.resume(id)
	r.p.answer, r.p.events = a, nil
	to := m.add(node{parent: id, via: a, root: m.nodes[id].root}, r)
	m.nodes[id].kids = append(m.nodes[id].kids, kid{a, to})
	return to
}

// add runs the code up to its next call and makes a node of that.
func (m *memo) add(n node, r *routine) nodeID {
	c, more := r.next()
	n.call, n.ended, n.events, n.op = c, !more, slices.Clone(r.p.events), uint8(r.p.op)
	n.ends = slices.ContainsFunc(n.events, func(e event) bool { return e.kind == opEnds })
	if more {
		n.live = r
		m.waits++
	}
	m.nodes = append(m.nodes, n)
	return nodeID(len(m.nodes) - 1)
}

// resume returns the code of a program, stopped at the node's call.
func (m *memo) resume(id nodeID) *routine {
	if r := m.nodes[id].live; r != nil {
		m.nodes[id].live = nil
		m.waits--
		return r
	}
	var path []nodeID
	for n := id; n >= 0; n = m.nodes[n].parent {
		path = append(path, n)
	}
	slices.Reverse(path)
	r := m.start(m.codes[m.nodes[id].root])
	for i, n := range path {
		if i > 0 {
			r.p.answer = m.nodes[n].via
		}
		if c, more := r.next(); !more || c != m.nodes[n].call {
			panic(fmt.Sprintf("explorer: told the same answers again, a program made another call: %v, before %v",
				c, m.nodes[n].call))
		}
	}
	return r
}

// close ends all code that still waits for an answer.
func (m *memo) close() {
	for i := range m.nodes {
		if r := m.nodes[i].live; r != nil {
			r.stop()
			m.nodes[i].live = nil
			m.waits--
		}
	}
}
