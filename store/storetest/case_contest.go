package storetest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/kinring/kinring/store"
)

func absentGoroutines(p *trial)  { absentContest(p, goroutines, 8, 40) }
func absentProcesses(p *trial)   { absentContest(p, processes, 4, 40) }
func matchGoroutines(p *trial)   { matchContest(p, goroutines, 8, 40, false) }
func deleteGoroutines(p *trial)  { matchContest(p, goroutines, 8, 40, true) }
func matchProcesses(p *trial)    { matchContest(p, processes, 4, 40, true) }
func counterGoroutines(p *trial) { counterContest(p, goroutines, 8, 25) }
func counterProcesses(p *trial)  { counterContest(p, processes, 4, 25) }

// contestants returns n jobs with the same tries. With deletes, every other job
// deletes.
func contestants(n int, tries []try, deletes bool) []job {
	var jobs []job
	for i := range n {
		jobs = append(jobs, job{Name: "contestant " + strconv.Itoa(i), Tries: tries, Delete: deletes && i%2 == 1})
	}
	return jobs
}

// absentContest: of several puts under absent one wins, and its value is there.
func absentContest(p *trial, hold contest, n, keys int) {
	var tries []try
	for i := range keys {
		tries = append(tries, try{Key: key("contested " + strconv.Itoa(i)), Absent: true})
	}
	jobs := contestants(n, tries, false)
	p.oneWinnerEach(jobs, hold(p, jobs), tries)
}

// matchContest: of several writes under the same match one wins.
func matchContest(p *trial, hold contest, n, keys int, deletes bool) {
	var tries []try
	for i := range keys {
		k := key("contested " + strconv.Itoa(i))
		tries = append(tries, try{Key: k, Match: p.putValue(k, "before")})
	}
	jobs := contestants(n, tries, deletes)
	p.oneWinnerEach(jobs, hold(p, jobs), tries)
}

func (p *trial) oneWinnerEach(jobs []job, results [][]result, tries []try) {
	p.Helper()
	for _, t := range tries {
		var winners []int
		for n := range jobs {
			for _, r := range results[n] {
				switch {
				case r.Key != t.Key:
				case r.Won:
					winners = append(winners, n)
				case r.Class != store.ErrConflict.Name():
					p.Errorf("%s on %s: %s, want a conflict", jobs[n].Name, show(t.Key), r.Text)
				}
			}
		}
		if len(winners) != 1 {
			p.Errorf("%d contestants of %d won %s under %s", len(winners), len(jobs), show(t.Key), t.cond())
			continue
		}
		p.wantWinner(jobs[winners[0]], results[winners[0]], t)
	}
}

func (p *trial) wantWinner(winner job, results []result, t try) {
	p.Helper()
	if winner.Delete {
		p.wantAbsent(t.Key)
		return
	}
	p.wantValue(t.Key, []byte(winner.Name))
	n := slices.IndexFunc(results, func(r result) bool { return r.Key == t.Key })
	if got := p.mustGet(t.Key).Revision; got != results[n].To {
		p.Errorf("get %s: revision %q, want %q as the winner was told", show(t.Key), got, results[n].To)
	}
}

// counterContest: what several add by reading and writing under match is lost
// nowhere.
func counterContest(p *trial, hold contest, n, times int) {
	k := key("counter")
	first := p.putValue(k, "0")
	var jobs []job
	for i := range n {
		jobs = append(jobs, job{Name: "contestant " + strconv.Itoa(i), Counter: k, Times: times})
	}
	results := hold(p, jobs)
	p.wantValue(k, []byte(strconv.Itoa(n*times)))
	p.chain(first, p.mustGet(k).Revision, slices.Concat(results...))
}

// chain sees that all writes form one chain of revisions from first to last.
func (p *trial) chain(first, last store.Revision, results []result) {
	p.Helper()
	next := map[store.Revision]store.Revision{}
	for _, r := range results {
		if !r.Won {
			p.Errorf("a contestant gave up: %s", r.Text)
			continue
		}
		if to, twice := next[r.From]; twice {
			p.Errorf("two writes matched revision %q and became %q and %q", r.From, to, r.To)
		}
		next[r.From] = r.To
	}
	at, left := first, maps.Clone(next)
	for to, ok := left[at]; ok; to, ok = left[at] {
		delete(left, at)
		at = to
	}
	if at != last || len(left) > 0 {
		p.Errorf("the writes lead from %q to %q, with %d beside, but the key is at %q", first, at, len(left), last)
	}
}

// concurrentUse lets many callers do everything at once and sees that nobody
// reads what nobody wrote under that key, or the record of another write.
func concurrentUse(p *trial) {
	const callers, each, keys = 8, 30, 3
	together(callers, func(caller int) {
		for n := range each {
			k := key("shared " + strconv.Itoa((caller+n)%keys))
			if err := p.useOnce(k, caller, n); err != nil {
				p.Errorf("call %d of caller %d on %s: %v", n, caller, show(k), err)
			}
		}
	})
	p.list("")
}

// useOnce makes one call, chosen by n, and returns what is wrong with it.
func (p *trial) useOnce(k store.Key, caller, n int) error {
	switch n % 5 {
	case 0, 1:
		_, err := p.s.Put(p.ctx, k, p.marked(k, caller*1000+n), store.Any())
		return err
	case 2:
		i, err := p.s.Get(p.ctx, k)
		if err == nil {
			return p.genuine(k, i)
		}
		return except(err, store.ErrNotFound)
	case 3:
		i, err := p.s.Get(p.ctx, k)
		if err != nil {
			return except(err, store.ErrNotFound)
		}
		_, err = p.s.Put(p.ctx, k, p.marked(k, caller*1000+n), store.Match(i.Revision))
		if p.refused(err, store.Match("")) {
			return nil
		}
		return except(err, store.ErrConflict)
	}
	if _, err := p.s.List(p.ctx, k.Service); err != nil {
		return err
	}
	return except(p.s.Delete(p.ctx, k, store.Any()), store.ErrNotFound)
}

// marked returns an item whose value names its key and, where there are
// records, the generation that its record carries.
func (p *trial) marked(k store.Key, n int) store.Item {
	i := store.Item{Value: store.NewValue(fmt.Appendf(nil, "%s %d", k.Account, n))}
	if p.caps.Records {
		i.Record = store.Record{Version: store.RecordVersion, Generation: uint64(n)}
	}
	return i
}

func (p *trial) genuine(k store.Key, i store.Item) error {
	var n int
	if _, err := fmt.Sscanf(string(i.Value.Bytes()), k.Account+" %d", &n); err != nil {
		return fmt.Errorf("reads %s: %w", brief(i.Value.Bytes()), err)
	}
	if p.caps.Records && i.Record.Generation != uint64(n) {
		return fmt.Errorf("reads value %d with the record of write %d", n, i.Record.Generation)
	}
	return nil
}
