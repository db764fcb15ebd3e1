package fence

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/kinring/kinring/store"
)

// State is what a fence knows.
type State struct {
	// Number is the highest that was given out.
	Number uint64
	// Floor is the number of the last deletion: an item at or below it is not
	// there. 0 means that there was none.
	Floor uint64
	// Scope says where the floor holds: where a call that was on its way at the
	// time of the deletion may still arrive.
	Scope string
}

// FloorIn returns the floor in a scope.
func (s State) FloorIn(scope string) uint64 {
	if scope == "" || s.Scope != scope {
		return 0
	}
	return s.Floor
}

// A fence file has two slots of one line each:
//
//	kf1 00000000000000000017 00000000000000000012 0123456789abcdef0123456789abcdef 8c736521
//
// number, floor, scope (32 hexadecimal digits, or 32 times "-" for none) and the
// CRC-32 (IEEE) of what stands before it. A state goes into the slot that its
// number modulo 2 says; the slot with the higher number counts.
const (
	head      = "kf1"
	digits    = 20 // of an unsigned number of 64 bits
	scopeSize = 32
	slotSize  = len(head) + 1 + digits + 1 + digits + 1 + scopeSize + 1 + 8 + 1
)

var noScope = strings.Repeat("-", scopeSize)

func (s State) slot() []byte {
	scope := s.Scope
	if len(scope) != scopeSize {
		scope = noScope
	}
	body := fmt.Sprintf("%s %0*d %0*d %s", head, digits, s.Number, digits, s.Floor, scope)
	return fmt.Appendf(nil, "%s %08x\n", body, crc32.ChecksumIEEE([]byte(body)))
}

// parse reads a fence file. One that is empty, or that a power failure left
// without content, holds the zero State.
func parse(data []byte) (State, error) {
	var best State
	var valid, blank int
	for i := range 2 {
		slot := data[min(i*slotSize, len(data)):min((i+1)*slotSize, len(data))]
		if len(bytes.Trim(slot, "\x00")) == 0 {
			blank++
			continue
		}
		s, ok := parseSlot(slot)
		if !ok || s.Number%2 != uint64(i) {
			continue
		}
		valid++
		if s.Number >= best.Number {
			best = s
		}
	}
	if valid == 0 && blank < 2 {
		return State{}, &store.Error{Class: store.ErrCorrupt, Detail: "the file does not hold the numbers of a key's writes",
			Remedy: "remove it when no program uses the key"}
	}
	return best, nil
}

func parseSlot(slot []byte) (State, bool) {
	if len(slot) != slotSize {
		return State{}, false
	}
	var s State
	parts := strings.Split(string(slot[:slotSize-1]), " ")
	if len(parts) != 5 || parts[0] != head {
		return State{}, false
	}
	var err [2]error
	s.Number, err[0] = strconv.ParseUint(parts[1], 10, 64)
	s.Floor, err[1] = strconv.ParseUint(parts[2], 10, 64)
	if parts[3] != noScope {
		s.Scope = parts[3]
	}
	return s, err == [2]error{} && bytes.Equal(s.slot(), slot) && s.Floor <= s.Number && s.Number <= Highest
}
