package explorer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// A long exploration is cut into shards, so that one that is stopped goes on where
// it was: the scenarios of one subject that start alike, all pairs of them, or the
// triples with one first program.
type shard struct {
	name      string
	subject   *subject
	scenarios []*scenario
}

// Done is what a finished shard came to, as the progress file keeps it.
type Done struct {
	Code    string // names the sources that it was explored with
	Shard   string
	Date    time.Time
	Seconds float64
	Stories []string // of broken promises
	Tally
}

// shards cuts a plan up. Pairs come first, except those of programs that each begin
// with a migration of two sources, which take longer than all others together.
func (p Plan) shards(subjects []*subject) []shard {
	var pairs, triples, last []shard
	for _, sub := range subjects {
		for _, s := range p.shardsOf(sub) {
			switch {
			case sub.bulk && sub.sources > 1:
				last = append(last, s)
			case len(s.scenarios[0].actors) > 2:
				triples = append(triples, s)
			default:
				pairs = append(pairs, s)
			}
		}
	}
	return slices.Concat(pairs, triples, last)
}

// shardsOf cuts up what a plan holds of a subject. Each shard is named by all that
// it holds.
func (p Plan) shardsOf(sub *subject) (all []shard) {
	at := map[string]int{}
	for _, s := range p.scenarios(sub) {
		name := s.shard()
		i, ok := at[name]
		if !ok {
			i, at[name] = len(all), len(all)
			all = append(all, shard{name: name, subject: sub})
		}
		all[i].scenarios = append(all[i].scenarios, s)
	}
	for i := range all {
		all[i].name += fmt.Sprintf(" (%d)", len(all[i].scenarios))
	}
	return all
}

func (s *scenario) shard() string {
	what := "pairs"
	if len(s.actors) > 2 {
		what = "triples with " + s.actors[0].name
	}
	return fmt.Sprintf("%s; %s; %s, at most %d faults", s.subject.name, s.start, what, s.faults)
}

// Long explores shard by shard, keeps what is finished in a file of a directory,
// and passes over what that holds already for the same code.
type Long struct {
	Plan
	Dir  string
	Code string
	// Until ends it: shards that are under way then are finished, no more begun. The
	// zero time never does.
	Until time.Time
	// Tell is called as a shard is finished.
	Tell func(d Done, finished, all int)
}

// Explore returns what all finished shards came to, those of earlier runs
// included, and how many there are to be.
func (l Long) Explore() (done []Done, all int, err error) {
	shards := l.shards(kinringSubjects())
	known, err := l.finished()
	if err != nil {
		return nil, 0, err
	}
	file, err := os.OpenFile(l.path(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	// A line that was being written when a run was killed ends here.
	if _, err := file.WriteString("\n"); err != nil {
		return nil, 0, err
	}
	var todo []shard
	for _, s := range shards {
		if d, ok := known[s.name]; ok {
			done = append(done, d)
		} else {
			todo = append(todo, s)
		}
	}
	done, err = l.work(file, todo, done, len(shards))
	return done, len(shards), err
}

// work explores what is to be done and notes each shard as it is finished.
func (l Long) work(file *os.File, todo []shard, done []Done, all int) ([]Done, error) {
	var mu sync.Mutex
	var failed error
	note := func(d Done) {
		mu.Lock()
		defer mu.Unlock()
		line, err := json.Marshal(d)
		if err == nil {
			_, err = file.Write(append(line, '\n'))
		}
		failed = errors.Join(failed, err)
		done = append(done, d)
		l.Tell(d, len(done), all)
	}
	queue := make(chan shard, len(todo))
	for _, s := range todo {
		queue <- s
	}
	close(queue)
	var workers sync.WaitGroup
	for range max(l.Workers, 1) {
		workers.Go(func() {
			t := newTable()
			for s := range queue {
				if !l.Until.IsZero() && time.Now().After(l.Until) {
					return
				}
				note(l.one(t, s))
			}
		})
	}
	workers.Wait()
	return done, failed
}

func (l Long) one(t *table, s shard) Done {
	began := time.Now()
	r := l.exploreScenarios(t, s.subject, s.scenarios, nil)
	return Done{Code: l.Code, Shard: s.name, Date: began.UTC(), Seconds: time.Since(began).Seconds(), Tally: r.Tally, Stories: r.Stories}
}

func (l Long) path() string { return filepath.Join(l.Dir, "shards.jsonl") }

// finished reads what earlier runs with the same code finished. Of a line that was
// being written when a run was killed nothing is known.
func (l Long) finished() (map[string]Done, error) {
	known := map[string]Done{}
	file, err := os.Open(l.path())
	if errors.Is(err, fs.ErrNotExist) {
		return known, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var d Done
		if json.Unmarshal(lines.Bytes(), &d) == nil && d.Code == l.Code {
			known[d.Shard] = d
		}
	}
	return known, lines.Err()
}
