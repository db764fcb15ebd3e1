package explorer

import (
	"testing"
)

func TestTry(t *testing.T) {
	r := Explore(Scope{Pairs: true, PairFaults: 1, Workers: 2})
	for _, s := range r.Subjects {
		t.Logf("%s: scen %d exec %d steps %d states %d runs %d broken %v largest %d", s.Subject, s.Scenarios, s.Executions, s.Steps, s.States, s.Runs, s.Broken, s.Largest)
	}
	seen := map[string]bool{}
	for _, s := range r.Subjects {
		for i, st := range s.Stories {
			key := st[len(st)-60:]
			_ = i
			if !seen[key] {
				seen[key] = true
				t.Log("\n" + st)
			}
		}
	}
	t.Logf("%+v", r.Tally)
}
