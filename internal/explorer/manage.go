package explorer

import (
	"context"
	"errors"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// update replaces the value, as a program does whose server gives a new token
// for the old one. A result that cannot be written is tried once more.
func (e engine) update(v valueID) result {
	change := func(ctx context.Context, now coexist.Current) (store.Value, bool, error) {
		a := e.p.do(ctx, call{verb: verbChange, value: valueOf(now.Value), told: now.Interrupted})
		if a.kind() != ansDone {
			return store.Value{}, false, failure(a)
		}
		return store.NewValue([]byte(v.text())), false, nil
	}
	_, err := e.Update(processContext{e.p}, mainKey, change)
	var unsaved *coexist.Unsaved
	if !errors.As(err, &unsaved) {
		return resultOf(err)
	}
	_, again := unsaved.Retry(e.p.anyway())
	if errors.As(again, &unsaved) {
		if err := unsaved.Discard(); err != nil {
			return resultOf(err)
		}
		if store.ClassOf(err) == store.ErrOutcomeUnknown {
			return resultOf(err) // the first attempt may yet land, whatever became of the second
		}
	}
	return resultOf(again)
}

// rejected asks for a better value than the one that the program read before.
func (e engine) rejected() result {
	return e.reading(e.Rejected(processContext{e.p}, mainKey, e.last.Revision))
}

func (e engine) migrate() result {
	p, err := e.Migrate(processContext{e.p}, false, nil)
	r := resultOf(err)
	r.listed = p.Complete
	return r
}

func (e engine) prune() result {
	_, err := e.Prune(processContext{e.p}, false, mainKey)
	return resultOf(err)
}

func (e engine) rollback() result {
	_, err := e.Rollback(processContext{e.p}, mainKey, false)
	return resultOf(err)
}

func (e engine) reconcile(side coexist.Side) result {
	_, err := e.Reconcile(processContext{e.p}, side, mainKey)
	return resultOf(err)
}
