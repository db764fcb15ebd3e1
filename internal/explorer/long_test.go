package explorer

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// exploreLong runs a form that is cut up. KINRING_EXPLORER_DIR names a directory that keeps
// what is finished: a run that was stopped, or whose time (KINRING_EXPLORER_TIME, as
// 90m) was over, goes on there. It uses as many workers as there are processors.
func exploreLong(t *testing.T, scopes []Scope) (total Tally) {
	dir := os.Getenv("KINRING_EXPLORER_DIR")
	if dir == "" {
		dir = t.TempDir()
	}
	l := Long{Plan: Plan{Scopes: scopes, Workers: runtime.GOMAXPROCS(0)}, Dir: dir, Code: codeName(t)}
	if text := os.Getenv("KINRING_EXPLORER_TIME"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("KINRING_EXPLORER_TIME: %v", err)
		}
		l.Until = time.Now().Add(d)
	}
	l.Tell = func(d Done, finished, all int) {
		t.Logf("%d/%d %s: %d scenarios, %d states, %.1f s, violations %v", finished, all, d.Shard, d.Scenarios, d.States, d.Seconds, d.Broken[1:])
	}
	done, all, err := l.Explore()
	if err != nil {
		t.Fatal(err)
	}
	return conclude(t, done, all)
}

// conclude tells what finished shards came to, by subject.
func conclude(t *testing.T, done []Done, all int) (total Tally) {
	bySubject, seconds := map[string]*Tally{}, 0.0
	var stories, names []string
	for _, d := range done {
		parts := strings.SplitN(d.Shard, "; ", 3)
		what := parts[0] + "; " + parts[1]
		if bySubject[what] == nil {
			bySubject[what] = &Tally{}
			names = append(names, what)
		}
		bySubject[what].add(&d.Tally)
		total.add(&d.Tally)
		stories = append(stories, d.Stories...)
		seconds += d.Seconds
	}
	for _, name := range names {
		s := bySubject[name]
		t.Logf("%-70s %6d scenarios %10d states %10d steps, violations %v", name, s.Scenarios, s.States, s.Steps, s.Broken[1:])
	}
	tellStories(t, stories)
	mustBeEmpty(t, total)
	t.Logf("%d of %d shards, %.0f s; %s", len(done), all, seconds, total.String())
	if len(done) < all && !t.Failed() {
		t.Skipf("%d of %d shards are explored, without a violation; run it again to go on", len(done), all)
	}
	return total
}

// codeName names what the figures are figures of: the rules, the stores' contract,
// and the explorer.
func codeName(t *testing.T) string {
	t.Helper()
	h := sha256.New()
	for _, folder := range []string{".", "../../coexist", "../../store"} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.DeleteFunc(files, func(n string) bool { return strings.HasSuffix(n, "_test.go") }) {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(h, f); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// TestLongRunGoesOn: what is finished is explored once, also if the run was killed
// while it noted that, and counts for nothing where the code is another.
func TestLongRunGoesOn(t *testing.T) {
	told := 0
	l := Long{Dir: t.TempDir(), Code: "one", Tell: func(Done, int, int) { told++ }, Plan: Plan{Workers: 2, Scopes: []Scope{{
		Pairs: true, PairFaults: 1, Policies: []string{"default"}, Classes: []string{"vault-like"}, Sources: 1, Programs: []string{"get", "older set"}}}}}
	run := func(want int) (total Tally) {
		t.Helper()
		told = 0
		done, all, err := l.Explore()
		if err != nil || len(done) != all || all != len(setups) || told != want {
			t.Fatalf("%d of %d shards, %d explored now, want %d; %v", len(done), all, told, want, err)
		}
		for _, d := range done {
			total.add(&d.Tally)
		}
		return total
	}
	first := run(len(setups))
	text, err := os.ReadFile(l.path())
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, l.path(), text[:len(text)-20])
	again := run(1)
	if again.States != first.States || again.Executions != first.Executions || first.States == 0 {
		t.Errorf("%d states, %d executions, and %d, %d when it went on", first.States, first.Executions, again.States, again.Executions)
	}
	run(0)
	l.Code = "another"
	run(len(setups))
}
