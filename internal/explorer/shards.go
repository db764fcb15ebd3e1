package explorer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// A long exploration is cut into shards, so that one that is stopped goes on where
// it was: the pairs, or the triples, of one subject that start alike.
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

// shards cuts a plan up, scope by scope, in the order in which they are explored.
func (p Plan) shards(subjects []*subject) (all []shard) {
	known := map[string]bool{}
	for _, sc := range p.Scopes {
		for _, sub := range subjects {
			for _, s := range sc.shards(sub) {
				if !known[s.name] {
					known[s.name] = true
					all = append(all, s)
				}
			}
		}
	}
	return all
}

// shards cuts up what a scope holds of a subject.
func (sc Scope) shards(sub *subject) (all []shard) {
	at := map[string]int{}
	for _, s := range sc.scenarios(sub) {
		name := s.shard()
		i, ok := at[name]
		if !ok {
			i, at[name] = len(all), len(all)
			all = append(all, shard{name: name, subject: sub})
		}
		all[i].scenarios = append(all[i].scenarios, s)
	}
	for i := range all {
		all[i].name += all[i].contents()
	}
	return all
}

// contents tells shards apart that hold other programs.
func (s shard) contents() string {
	h := fnv.New32a()
	for _, one := range s.scenarios {
		io.WriteString(h, one.name+"\n")
	}
	return fmt.Sprintf(" (%d, %08x)", len(s.scenarios), h.Sum32())
}

func (s *scenario) shard() string {
	what := "pairs"
	if len(s.actors) > 2 {
		what = "triples"
	}
	return fmt.Sprintf("%s; %s with at most %d faults; %s", s.subject.name, what, s.faults, s.start)
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
	if len(todo) == 0 {
		return done, nil
	}
	queue := make(chan shard, len(todo))
	for _, s := range todo {
		queue <- s
	}
	close(queue)
	var workers sync.WaitGroup
	for range max(l.Workers, 1) {
		workers.Go(func() {
			x, of := l.search(newTable()), todo[0].subject
			defer func() { x.memo.close() }()
			for s := range queue {
				if !l.Until.IsZero() && time.Now().After(l.Until) {
					return
				}
				if s.subject != of { // what is remembered is of one subject
					x.renew()
					of = s.subject
				}
				note(l.one(x, s))
			}
		})
	}
	workers.Wait()
	return done, failed
}

func (l Long) one(x *search, s shard) Done {
	began := time.Now()
	r := l.exploreScenarios(x, s.subject, s.scenarios, nil)
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
