package explorer

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestTry(t *testing.T) {
	if os.Getenv("KINRING_TRY") == "" {
		t.Skip("for development")
	}
	f, _ := strconv.Atoi(os.Getenv("KINRING_TRY"))
	sc := Scope{Pairs: true, PairFaults: uint8(f), Workers: 2}
	if p := os.Getenv("KINRING_POL"); p != "" {
		sc.Policies = strings.Split(p, ";")
	}
	if p := os.Getenv("KINRING_PROG"); p != "" {
		sc.Programs = strings.Split(p, ";")
	}
	r := Explore(sc)
	for _, s := range r.Subjects {
		t.Logf("%s: scen %d exec %d steps %d states %d runs %d broken %v largest %d", s.Subject, s.Scenarios, s.Executions, s.Steps, s.States, s.Runs, s.Broken, s.Largest)
	}
	seen := map[string]bool{}
	for _, s := range r.Subjects {
		if i := os.Getenv("KINRING_STORIES"); i == "" {
			continue
		}
		for i, st := range s.Stories {
			lines := strings.Split(st, "\n")
			key := lines[len(lines)-2] + strings.Join(strings.SplitAfter(lines[1], "at once: ")[1:], "")
			_ = i
			if !seen[key] {
				seen[key] = true
				t.Log("\n" + st)
			}
		}
	}
	t.Logf("%+v", r.Tally)
}
