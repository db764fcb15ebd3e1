package storetest

import (
	"os/exec"
	"testing"
	"time"

	"github.com/kinring/kinring/store"
)

// Target is a store as the suite sees it. Only Open is needed by every store;
// what else a store can do decides which cases run.
type Target struct {
	// Open opens a new store, apart from every other. It is empty, unless the
	// store is read-only: then it holds what Holds says. The suite closes it.
	Open func(t testing.TB) store.Store

	// Reopen opens the store again that was opened by Open and has been closed.
	// Every store that declares Persistent needs it.
	Reopen func(t testing.TB, closed store.Store) store.Store

	// Spawn returns a command, not yet started, that runs this test program again
	// with env added to its environment, and tells it where s is, so that its
	// TestMain can open the same store and hand it to WorkerMain. A store that is
	// persistent, and atomic or fenced, needs it, because it promises something to
	// other processes.
	Spawn func(t testing.TB, s store.Store, env ...string) *exec.Cmd

	// Hold makes every call of s wait, as another program's long transaction
	// would, until release is called. Nil if nothing can make a call wait.
	Hold func(t testing.TB, s store.Store) (release func())

	// Troubles are states in which the store cannot be read.
	Troubles []Trouble

	// Holds is what a read-only store holds when it is opened.
	Holds []Held

	// Patience is how long a call may go on after its context ended, before it
	// counts as hanging. It is a watchdog and no measure; 0 means half a minute.
	Patience time.Duration

	// Deviations names cases that the store is known to fail, each with the
	// reason. A deviation that no longer deviates fails the suite.
	Deviations map[string]string
}

// Held is one secret in a read-only store.
type Held struct {
	Key   store.Key
	Value []byte
}

// Trouble is a state in which a store cannot be read: locked, damaged, denied.
type Trouble struct {
	// Name tells it apart from others.
	Name string
	// Class is what reading an item must report.
	Class *store.Class
	// Begin brings the trouble about and returns the store to call: s, or another
	// one on the same items.
	Begin func(t testing.TB, s store.Store) store.Store
	// End puts things right and returns the store to call. Nil if nothing can.
	End func(t testing.TB, s store.Store) store.Store
}

const defaultPatience = 30 * time.Second

func (g Target) patience() time.Duration {
	if g.Patience > 0 {
		return g.Patience
	}
	return defaultPatience
}

// problem says what the target lacks for a store with these capabilities.
func (g Target) problem(caps store.Capabilities) string {
	switch {
	case caps.Persistent && g.Reopen == nil:
		return "the store declares that it is persistent, but the target has no Reopen"
	case caps.Persistent && (absents(caps) || matches(caps)) && g.Spawn == nil:
		return "the store makes promises to other processes, but the target has no Spawn"
	case caps.ReadOnly && len(g.Holds) == 0:
		return "the store is read-only, but the target does not say what it holds"
	}
	known := map[string]bool{}
	for _, c := range cases {
		known[c.name] = true
	}
	for name, reason := range g.Deviations {
		if !known[name] {
			return "a deviation is named " + name + ", but no case is"
		}
		if reason == "" {
			return "the deviation " + name + " has no reason"
		}
	}
	return ""
}

// absents and matches report whether the conditions hold for all programs that
// use the store through kinring.
func absents(caps store.Capabilities) bool { return caps.AtomicAbsent || caps.Fenced }
func matches(caps store.Capabilities) bool { return caps.AtomicMatch || caps.Fenced }

// need is something that a case cannot do without.
type need int

const (
	writing need = iota
	readOnly
	atomicAbsent
	atomicMatch
	records
	noRecords
	reopening
	spawning
	holding
	trouble
)

// lacks says why a case with these needs does not apply, or nothing.
func (g Target) lacks(caps store.Capabilities, needs []need) string {
	has := map[need]bool{
		writing: !caps.ReadOnly, readOnly: caps.ReadOnly,
		atomicAbsent: absents(caps), atomicMatch: matches(caps),
		records: caps.Records, noRecords: !caps.Records,
		reopening: g.Reopen != nil, spawning: g.Spawn != nil,
		holding: g.Hold != nil, trouble: len(g.Troubles) > 0,
	}
	why := map[need]string{
		writing: "the store is read-only", readOnly: "the store can be written to",
		atomicAbsent: "the store declares neither AtomicAbsent nor Fenced", atomicMatch: "the store declares neither AtomicMatch nor Fenced",
		records: "the store does not declare Records", noRecords: "the store declares Records",
		reopening: "the target has no Reopen", spawning: "the target has no Spawn",
		holding: "the target has no Hold", trouble: "the target names no Troubles",
	}
	for _, n := range needs {
		if !has[n] {
			return why[n]
		}
	}
	return ""
}
