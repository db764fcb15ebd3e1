package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"

	"github.com/kinring/kinring/store"
)

// job is what one of several contestants does to a store, in this process or in
// another. It travels as JSON.
type job struct {
	// Name tells the contestants apart and is the value that they write.
	Name string
	// Delete makes every try a delete instead of a put.
	Delete bool
	// Tries are made once each, in order.
	Tries []try
	// Counter is added to Times times, each time by reading it and writing one
	// more under match.
	Counter store.Key
	Times   int
}

// try is one conditional write.
type try struct {
	Key    store.Key
	Absent bool
	Match  store.Revision
}

func (t try) cond() store.Condition {
	if t.Absent {
		return store.Absent()
	}
	return store.Match(t.Match)
}

// result is what came of one write.
type result struct {
	Key   store.Key
	Won   bool
	From  store.Revision // what a match asked for
	To    store.Revision // what a put was given
	Class string         // of the error
	Text  string         // of the error
}

func resultOf(key store.Key, from, to store.Revision, err error) result {
	r := result{Key: key, From: from, To: to, Won: err == nil}
	if err != nil {
		r.Text = err.Error()
		if class := store.ClassOf(err); class != nil {
			r.Class = class.Name()
		}
	}
	return r
}

// run does the job. It calls before ahead of each try with its number.
func (j job) run(ctx context.Context, s store.Store, before func(int)) []result {
	var results []result
	for n, t := range j.Tries {
		before(n)
		results = append(results, j.attempt(ctx, s, t))
	}
	for range j.Times {
		r := j.increment(ctx, s)
		results = append(results, r)
		if !r.Won {
			break
		}
	}
	return results
}

func (j job) attempt(ctx context.Context, s store.Store, t try) result {
	if j.Delete {
		return resultOf(t.Key, t.Match, "", s.Delete(ctx, t.Key, t.cond()))
	}
	to, err := s.Put(ctx, t.Key, value(j.Name), t.cond())
	return resultOf(t.Key, t.Match, to, err)
}

// mostConflicts is far more than all contestants together can cause one another.
const mostConflicts = 10_000

// increment adds one to the counter. It tries again after a conflict, but only
// as long as each conflict has a winner: one that changed nothing is an error.
func (j job) increment(ctx context.Context, s store.Store) result {
	var last store.Revision
	for range mostConflicts {
		i, err := s.Get(ctx, j.Counter)
		if err != nil {
			return resultOf(j.Counter, "", "", err)
		}
		if i.Revision == last {
			return resultOf(j.Counter, last, "", fmt.Errorf("a conflict on revision %q, which is still there", last))
		}
		n, err := strconv.Atoi(string(i.Value.Bytes()))
		if err != nil {
			return resultOf(j.Counter, i.Revision, "", fmt.Errorf("the counter is no number: %w", err))
		}
		runtime.Gosched() // let others read the same
		to, err := s.Put(ctx, j.Counter, value(strconv.Itoa(n+1)), store.Match(i.Revision))
		if !errors.Is(err, store.ErrConflict) {
			return resultOf(j.Counter, i.Revision, to, err)
		}
		last = i.Revision
	}
	return resultOf(j.Counter, last, "", fmt.Errorf("%d conflicts in a row", mostConflicts))
}

// contest runs the jobs at the same time and returns what came of each.
type contest func(*trial, []job) [][]result

// goroutines is a contest in this process. All jobs have as many tries. They
// begin each try together, and each time another one is likely to go first:
// otherwise the first to run would win everything before the next one starts.
func goroutines(p *trial, jobs []job) [][]result {
	results := make([][]result, len(jobs))
	lines := make([]sync.WaitGroup, len(jobs[0].Tries))
	for n := range lines {
		lines[n].Add(len(jobs))
	}
	together(len(jobs), func(n int) {
		results[n] = jobs[n].run(p.ctx, p.s, func(try int) {
			lines[try].Done()
			lines[try].Wait()
			for range (n + try) % len(jobs) {
				runtime.Gosched()
			}
		})
	})
	return results
}

// together calls f for each number below n at the same time and waits for all.
func together(n int, f func(int)) {
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	all.Wait()
}

// except returns the error, unless it has the class.
func except(err error, class *store.Class) error {
	if errors.Is(err, class) {
		return nil
	}
	return err
}
