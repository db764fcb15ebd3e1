package history

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// set, get and del make operations on one key.
func set(client, value string, outcome Outcome, call, end int64) Op {
	return Op{Client: client, Kind: Set, Key: "k", Value: value, Outcome: outcome, Call: call, Return: end}
}

func get(client, value string, outcome Outcome, call, end int64) Op {
	return Op{Client: client, Kind: Get, Key: "k", Value: value, Outcome: outcome, Call: call, Return: end}
}

func del(client string, outcome Outcome, call, end int64) Op {
	return Op{Client: client, Kind: Delete, Key: "k", Outcome: outcome, Call: call, Return: end}
}

func TestCheck(t *testing.T) {
	other := get("b", "x", Done, 3, 4)
	other.Key = "another"
	cases := []struct {
		name string
		ops  []Op
		ok   bool
	}{
		{"nothing", nil, true},
		{"absent at first", []Op{get("a", "", Absent, 1, 2)}, true},
		{"a value at first", []Op{get("a", "x", Done, 1, 2)}, false},
		{"read what was set", []Op{set("a", "x", Done, 1, 2), get("b", "x", Done, 3, 4)}, true},
		{"absent after a set", []Op{set("a", "x", Done, 1, 2), get("b", "", Absent, 3, 4)}, false},
		{"the empty value is no absence", []Op{set("a", "", Done, 1, 2), get("b", "", Absent, 3, 4)}, false},
		{"read the empty value", []Op{set("a", "", Done, 1, 2), get("b", "", Done, 3, 4)}, true},
		{"stale read", []Op{set("a", "x", Done, 1, 2), set("a", "y", Done, 3, 4), get("b", "x", Done, 5, 6)}, false},
		{"old value during the set", []Op{set("a", "x", Done, 1, 2), set("a", "y", Done, 3, 6), get("b", "x", Done, 4, 5)}, true},
		{"new value during the set", []Op{set("a", "x", Done, 1, 2), set("a", "y", Done, 3, 6), get("b", "y", Done, 4, 5)}, true},
		{"new value, then the old one", []Op{set("a", "x", Done, 1, 2), set("a", "y", Done, 3, 9),
			get("b", "y", Done, 4, 5), get("c", "x", Done, 6, 7)}, false},
		{"two sets at once", []Op{set("a", "x", Done, 1, 4), set("b", "y", Done, 2, 3), get("c", "x", Done, 5, 6), get("c", "x", Done, 7, 8)}, true},
		{"two sets at once, seen both ways", []Op{set("a", "x", Done, 1, 4), set("b", "y", Done, 2, 3), get("c", "x", Done, 5, 6), get("c", "y", Done, 7, 8)}, false},
		{"lost update", []Op{set("a", "x", Done, 1, 2), set("b", "y", Done, 3, 4), set("c", "z", Done, 5, 6), get("a", "y", Done, 7, 8)}, false},
		{"resurrection", []Op{set("a", "x", Done, 1, 2), del("b", Done, 3, 4), get("c", "", Absent, 5, 6), get("c", "x", Done, 7, 8)}, false},
		{"written anew", []Op{set("a", "x", Done, 1, 2), del("b", Done, 3, 4), set("a", "x", Done, 5, 6), get("c", "x", Done, 7, 8)}, true},
		{"delete of what is there", []Op{set("a", "x", Done, 1, 2), del("b", Done, 3, 4)}, true},
		{"delete of something when nothing is there", []Op{del("b", Done, 3, 4)}, false},
		{"delete of nothing when something is there", []Op{set("a", "x", Done, 1, 2), del("b", Absent, 3, 4)}, false},
		{"delete of nothing", []Op{del("b", Absent, 3, 4)}, true},
		{"two deletes of one thing", []Op{set("a", "x", Done, 1, 2), del("b", Done, 3, 6), del("c", Done, 4, 5)}, false},
		{"gone, from nothing and from something", []Op{del("b", Gone, 1, 2), set("a", "x", Done, 3, 4), del("b", Gone, 5, 6), get("c", "", Absent, 7, 8)}, true},
		{"there after gone", []Op{set("a", "x", Done, 3, 4), del("b", Gone, 5, 6), get("c", "x", Done, 7, 8)}, false},
		{"failed set is not seen", []Op{set("a", "x", Failed, 1, 2), get("b", "", Absent, 3, 4)}, true},
		{"failed set is seen", []Op{set("a", "x", Failed, 1, 2), get("b", "x", Done, 3, 4)}, false},
		{"failed delete", []Op{set("a", "x", Done, 1, 2), del("b", Failed, 3, 4), get("b", "x", Done, 5, 6)}, true},
		{"failed get says nothing", []Op{set("a", "x", Done, 1, 2), get("b", "", Failed, 3, 4)}, true},
		{"unknown get says nothing", []Op{set("a", "x", Done, 1, 2), get("b", "", Unknown, 3, never)}, true},
		{"unknown set happens", []Op{set("a", "x", Unknown, 1, 2), get("b", "x", Done, 3, 4)}, true},
		{"unknown set does not happen", []Op{set("a", "x", Unknown, 1, 2), get("b", "", Absent, 3, 4)}, true},
		{"unknown set happens late", []Op{set("a", "x", Unknown, 1, 2), get("b", "", Absent, 3, 4), get("b", "x", Done, 5, 6)}, true},
		{"unknown set happens twice", []Op{set("a", "x", Unknown, 1, 2), get("b", "x", Done, 3, 4), set("b", "y", Done, 5, 6),
			get("b", "y", Done, 7, 8), get("b", "x", Done, 9, 10)}, false},
		{"unknown set is undone", []Op{set("a", "x", Unknown, 1, 2), get("b", "x", Done, 3, 4), get("b", "", Absent, 5, 6)}, false},
		{"unknown set before its call", []Op{get("b", "x", Done, 1, 2), set("a", "x", Unknown, 3, never)}, false},
		{"unknown delete happens late", []Op{set("b", "x", Done, 1, 2), del("a", Unknown, 3, never), get("b", "x", Done, 4, 5), get("b", "", Absent, 6, 7)}, true},
		{"value of another key", []Op{set("a", "x", Done, 1, 2), other}, false},
	}
	for _, c := range cases {
		err := Check(c.ops)
		if (err == nil) != c.ok {
			t.Errorf("%s: got %v, want ok %v", c.name, err, c.ok)
		}
		var v *Violation
		if err != nil && (!errors.As(err, &v) || len(v.Stuck) == 0) {
			t.Errorf("%s: got %T without an operation that does not fit: %v", c.name, err, err)
		}
	}
}

// TestCheckExplains looks at what a violation says.
func TestCheckExplains(t *testing.T) {
	err := Check([]Op{
		set("writer", "x", Done, 1, 2), set("writer", "y", Done, 3, 4),
		get("reader", "y", Done, 5, 6), get("reader", "x", Done, 7, 8), get("reader", "y", Done, 9, 10),
	})
	var v *Violation
	if !errors.As(err, &v) {
		t.Fatalf("got %v, want a violation", err)
	}
	if v.Key != "k" || !strings.Contains(v.Reason, "3 of 5 fit") || len(v.Ops) != 5 || len(v.Stuck) != 1 || v.Stuck[0].Call != 7 {
		t.Errorf("got key %q, %s, stuck at %v; want k, 3 of 5, the read at 7", v.Key, v.Reason, v.Stuck)
	}
	if text := v.Error(); !strings.Contains(text, `reader get "k" "x" done [7ns, 8ns]`) {
		t.Errorf("the error does not name the read: %s", text)
	}
}

func TestErrorIsShort(t *testing.T) {
	v := &Violation{Key: "k", Reason: "r", Stuck: make([]Op, 11)}
	if text := v.Error(); strings.Count(text, "\n") != 9 || !strings.HasSuffix(text, "and 3 more") {
		t.Errorf("got %s", text)
	}
}

// TestUndecided gives the check no time for a history that needs a long one:
// many writes of unknown outcome and a read that none explains.
func TestUndecided(t *testing.T) {
	var ops []Op
	for n := range int64(24) {
		ops = append(ops, set("w", string(rune('a'+n)), Unknown, 1, never))
	}
	for n := range int64(12) {
		v := string(rune('a' + n))
		ops = append(ops, get("r", v, Done, 10*n+10, 10*n+11), get("r", v, Done, 10*n+12, 10*n+13))
	}
	ops = append(ops, get("r", "a", Done, 500, 501))
	err := checkKey("k", ops, time.Nanosecond)
	var u *Undecided
	if !errors.As(err, &u) || u.Key != "k" || !strings.Contains(u.Error(), `"k"`) {
		t.Errorf("got %v, want undecided", err)
	}
}

// TestStepAgrees checks small random histories against an oracle that tries
// every order: the checker and it must agree, on both answers.
func TestStepAgrees(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	var yes, no int
	for range 4000 {
		ops := randomOps(random, 5)
		got, want := Check(ops) == nil, bruteForce(ops)
		if got != want {
			t.Fatalf("got %v, want %v for %v", got, want, ops)
		}
		if want {
			yes++
		} else {
			no++
		}
	}
	t.Logf("%d linearisable, %d not", yes, no)
	if yes < 300 || no < 300 {
		t.Errorf("%d and %d histories of each kind are too few", yes, no)
	}
}

func randomOps(random *rand.Rand, most int) []Op {
	var ops []Op
	values := []string{"x", "y"}
	for range 1 + random.IntN(most) {
		call := random.Int64N(12)
		o := Op{Client: "c", Key: "k", Call: 2 * call, Return: 2*(call+random.Int64N(6)) + 1}
		o.Kind = []Kind{Get, Get, Set, Set, Delete}[random.IntN(5)]
		o.Outcome = outcomes[o.Kind][random.IntN(len(outcomes[o.Kind]))]
		if o.Kind == Set || o.Kind == Get && o.Outcome == Done {
			o.Value = values[random.IntN(2)]
		}
		ops = append(ops, o)
	}
	return ops
}

// bruteForce tries every order of the operations that happened, with every
// choice of those that may have.
func bruteForce(ops []Op) bool {
	var must, may []Op
	for _, o := range ops {
		switch {
		case o.Outcome == Failed || o.Kind == Get && o.Outcome == Unknown:
		case o.Outcome == Unknown:
			o.Return = never
			may = append(may, o)
		default:
			must = append(must, o)
		}
	}
	for chosen := range 1 << len(may) {
		all := append([]Op{}, must...)
		for i, o := range may {
			if chosen&(1<<i) != 0 {
				all = append(all, o)
			}
		}
		if ordered(all, "", false) {
			return true
		}
	}
	return false
}

// ordered reports whether the operations can follow one another from a state.
func ordered(left []Op, value string, present bool) bool {
	if len(left) == 0 {
		return true
	}
	for i, o := range left {
		first := true
		for _, p := range left {
			first = first && o.Call < p.Return
		}
		if !first {
			continue
		}
		rest := append(append([]Op{}, left[:i]...), left[i+1:]...)
		switch {
		case o.Kind == Set && ordered(rest, o.Value, true):
			return true
		case o.Kind == Delete && (o.Outcome == Unknown || o.Outcome == Gone || present == (o.Outcome == Done)) && ordered(rest, "", false):
			return true
		case o.Kind == Get && present == (o.Outcome == Done) && value == o.Value && ordered(rest, value, present):
			return true
		}
	}
	return false
}
