package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/kinring/kinring/internal/tokenserver"
)

// What is wrong with a rotation. A problem is a flaw of the judge, not a
// failure of the test: the seed rules are expected to have some.
type problem string

const (
	presentedTwice  problem = "two new builds presented the same token"
	presentedStale  problem = "a new build presented a token that Codex had used and already written back"
	storesDisagree  problem = "stores and server disagree"
	codexSignedOut  problem = "Codex is not signed in"
	newBuildSignOut problem = "the new build is not signed in"
)

// flaw is a problem with what shows it.
type flaw struct {
	problem
	detail string
}

func (f flaw) String() string { return fmt.Sprintf("%s: %s", f.problem, f.detail) }

// judge looks at a lab in which nothing runs any more. It goes by the server's
// log and the stores alone; nothing that a program says of itself counts.
func (l *lab) judge(codex build) []flaw {
	l.Helper()
	found := slices.Concat(judgeLog(l.server.Log()), l.agreement("at the end"))
	before := l.server.State()
	l.codex(codex)
	if now := l.server.State(); now.Seen[before.Valid] != 1 || now.Valid == before.Valid {
		found = append(found, flaw{codexSignedOut, fmt.Sprintf("the valid token was %s, and Codex presented others: %v", before.Valid, now.Seen)})
	}
	found = append(found, l.agreement("after Codex refreshed once more")...)
	before = l.server.State()
	l.update()
	if now := l.server.State(); now.Seen[before.Valid] != 1 || now.Valid == before.Valid {
		found = append(found, flaw{newBuildSignOut, fmt.Sprintf("the valid token was %s, and the new build presented others: %v", before.Valid, now.Seen)})
	}
	return append(found, l.agreement("after the new build refreshed once more")...)
}

// agreement lets the new build take a look, and compares both stores with the
// server.
func (l *lab) agreement(when string) []flaw {
	l.wait(l.start(l.command(l.program, "update", "auth", "--", keepProgram)))
	valid := l.server.State().Valid
	if shared, legacy := l.sharedToken(), l.legacyToken(); shared != valid || legacy != valid {
		return []flaw{{storesDisagree, fmt.Sprintf("%s: server %s, shared store %s, Codex's %s", when, valid, shared, legacy)}}
	}
	return nil
}

// judgeLog looks for tokens that a new build should not have presented.
func judgeLog(log []tokenserver.Event) []flaw {
	found := presentedByTwo(log)
	known := 0 // what happened before this event, the next new build must know
	for i, e := range log {
		if e.Agent != tokenserver.Agent {
			continue
		}
		if e.Answered {
			known = i + 1 // whoever has the lease next got it after this
			continue
		}
		started, err := strconv.Atoi(e.Mark)
		if err != nil {
			panic(err) // every lab's client has a mark
		}
		if written := newestIn(log[:max(known, started)]); written > tokenserver.Number(e.Token) {
			found = append(found, flaw{presentedStale, fmt.Sprintf("%s, when Codex's store had held %s", e.Token, tokenserver.Token(written))})
		}
	}
	return found
}

// newestIn returns the number of the newest token that Codex's store was seen with.
func newestIn(log []tokenserver.Event) int {
	newest := 0
	for _, e := range log {
		newest = max(newest, tokenserver.Number(e.Look))
	}
	return newest
}

func presentedByTwo(log []tokenserver.Event) []flaw {
	times := map[string]int{}
	for _, e := range log {
		if e.Agent == tokenserver.Agent && !e.Answered {
			times[e.Token]++
		}
	}
	var found []flaw
	for _, token := range slices.Sorted(maps.Keys(times)) {
		if times[token] > 1 {
			found = append(found, flaw{presentedTwice, fmt.Sprintf("%s, %d times", token, times[token])})
		}
	}
	return found
}

// figures sums a lab up: how many requests there were, by whom, and how many of
// them were granted.
func (l *lab) figures() string {
	var requests, granted [2]int
	for _, e := range l.server.Log() {
		who := 0
		if e.Agent == tokenserver.Agent {
			who = 1
		}
		if !e.Answered {
			requests[who]++
		} else if e.Granted {
			granted[who]++
		}
	}
	return fmt.Sprintf("Codex %d requests, %d granted; new builds %d requests, %d granted", requests[0], granted[0], requests[1], granted[1])
}
