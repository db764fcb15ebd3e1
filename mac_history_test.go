package kinring_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/internal/history"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/emulator"
)

// TestMacIsLinearisable: several programs of a family, all at once on one Mac,
// are answered as if they had come one after the other (I1, I2, I10). Every now
// and then an answer of the keychain's service is lost.
func TestMacIsLinearisable(t *testing.T) {
	for name, wrap := range map[string]func(secitem.Mac) secitem.Mac{"calm": nil, "answers get lost": losing(17)} {
		t.Run(name, func(t *testing.T) {
			done := driveMac(t, 60, wrap)
			if err := history.Check(done); err != nil {
				t.Error(err)
			}
		})
	}
}

// losing makes every n-th call be carried out and its answer be lost.
func losing(n int) func(secitem.Mac) secitem.Mac {
	return func(m secitem.Mac) secitem.Mac {
		calls := make(chan int, 1)
		calls <- 0
		return secitem.Faults{Mac: m, After: func(call string, err error) error {
			i := <-calls
			calls <- i + 1
			if i%n == n-1 && call != "SecTaskCopyValueForEntitlement" {
				return secitem.ErrNotAvailable
			}
			return err
		}}
	}
}

// TestMacHistoryTellsStaleReads: programs that now and then answer from what they
// read before are found out by the same drive (I10).
func TestMacHistoryTellsStaleReads(t *testing.T) {
	var violation *history.Violation
	for range 20 {
		if err := history.Check(driveMac(t, 60, remembering)); errors.As(err, &violation) {
			return
		}
	}
	t.Error("stale reads pass for linearisable")
}

// remembering answers every third read of an item with the answer before.
func remembering(m secitem.Mac) secitem.Mac {
	return &rememberingMac{Mac: m, last: map[string][]secitem.Item{}}
}

type rememberingMac struct {
	secitem.Mac
	mu    sync.Mutex
	reads int
	last  map[string][]secitem.Item
}

func (r *rememberingMac) CopyMatching(query secitem.Dict) ([]secitem.Item, error) {
	items, err := r.Mac.CopyMatching(query)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	name := query.String(secitem.KeyService) + "/" + query.String(secitem.KeyAccount)
	before, known := r.last[name]
	if err == nil && len(items) == 1 {
		r.last[name] = []secitem.Item{{Attributes: items[0].Attributes, Data: slices.Clone(items[0].Data)}}
	}
	if known && r.reads%3 == 0 && err == nil {
		return []secitem.Item{{Attributes: before[0].Attributes, Data: slices.Clone(before[0].Data)}}, nil
	}
	return items, err
}

// driveMac lets four programs of a family work on three keys.
func driveMac(t *testing.T, ops int, wrap func(secitem.Mac) secitem.Mac) []history.Op {
	t.Helper()
	if testing.Short() {
		ops /= 3
	}
	l := newMacLab(t)
	profile := macFamily("shared-only", macTeam)
	profile.Keys = kinring.Keys{"a": {Account: "a"}, "b": {Account: "b"}, "c": {Account: "c"}}
	var programs []*program
	for _, p := range []emulator.Program{newBuild, agentsApp, newBuild, agentsApp} {
		programs = append(programs, l.start(p, profile, wrap))
	}
	done, err := history.Drive(t.Context(), history.Load{Workers: 8, Ops: ops, Keys: []string{"a", "b", "c"}, Seed: 7},
		func(ctx context.Context, r history.Request) (history.Result, error) {
			return perform(ctx, programs[r.Worker%len(programs)], r)
		})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// perform performs one operation of a history on a ring.
func perform(ctx context.Context, p *program, r history.Request) (history.Result, error) {
	switch r.Kind {
	case history.Get:
		v, err := p.Get(ctx, r.Key)
		return history.Result{Outcome: outcomeOf(err, history.Done, history.Failed), Value: string(v.Bytes())}, nil
	case history.Set:
		_, err := p.Set(ctx, r.Key, []byte(r.Value))
		return history.Result{Outcome: outcomeOf(err, history.Done, history.Unknown)}, nil
	default:
		_, err := p.Delete(ctx, r.Key)
		return history.Result{Outcome: outcomeOf(err, history.Gone, history.Unknown)}, nil
	}
}

// outcomeOf says what a client was told. A write that failed otherwise than by
// saying that nothing happened may have happened.
func outcomeOf(err error, done, otherwise history.Outcome) history.Outcome {
	switch {
	case err == nil:
		return done
	case errors.Is(err, kinring.ErrNotFound):
		return history.Absent
	case errors.Is(err, kinring.ErrTimedOut), errors.Is(err, kinring.ErrConflict):
		return history.Failed
	}
	return otherwise
}
