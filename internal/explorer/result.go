package explorer

import (
	"fmt"
	"strings"
)

// result is what an operation answers, in terms that all subjects share.
type result struct {
	class  resultClass
	truth  bool    // a Get's value was returned as the truth, not as a value that may be old
	value  valueID // of a Get
	done   uint8   // of a partial result: which stores, by bit
	listed bool    // a List names the key
	alien  bool    // refused, because a later version wrote what is there
}

type resultClass uint8

const (
	resultOK resultClass = iota
	resultNotFound
	resultPartial
	resultUnknown  // it may or may not have happened, or happen yet
	resultFailed   // nothing happened
	resultDefect   // an error of no known class
	resultNone     // the program died before it could answer
	resultsInTotal // how many there are
)

func (r result) String() string {
	switch r.class {
	case resultOK:
		return r.success()
	case resultPartial:
		return "partly done: " + storesOf(r.done)
	}
	return [...]string{resultNotFound: "not found", resultUnknown: "outcome unknown", resultFailed: "an error: nothing happened",
		resultDefect: "an error of no class", resultNone: "nothing"}[r.class]
}

func (r result) success() string {
	switch {
	case r.value != 0 && r.truth:
		return r.value.text()
	case r.value != 0:
		return r.value.text() + ", marked as perhaps not the newest"
	case r.listed:
		return "a list with the key"
	}
	return "done"
}

func storesOf(mask uint8) string {
	var names []string
	for s := range 1 + maxLegacy {
		if mask&(1<<s) != 0 {
			names = append(names, storeName(uint8(s)))
		}
	}
	return strings.Join(names, " and ")
}

func storeName(s uint8) string {
	if s == shared {
		return "the shared store"
	}
	return fmt.Sprintf("legacy source %c", 'a'+s-firstLegacy)
}
