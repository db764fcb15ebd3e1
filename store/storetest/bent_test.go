package storetest

import (
	"context"
	"testing"

	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/store"
)

// bent is a store with some of its verbs replaced: a sound store with one
// defect.
type bent struct {
	store.Store
	info func() store.Info
	get  func(context.Context, store.Key) (store.Item, error)
	put  func(context.Context, store.Key, store.Item, store.Condition) (store.Revision, error)
	del  func(context.Context, store.Key, store.Condition) error
	list func(context.Context, string) ([]store.Entry, error)
	shut func() error
}

func (b bent) Info() store.Info {
	if b.info != nil {
		return b.info()
	}
	return b.Store.Info()
}

func (b bent) Get(ctx context.Context, k store.Key) (store.Item, error) {
	if b.get != nil {
		return b.get(ctx, k)
	}
	return b.Store.Get(ctx, k)
}

func (b bent) Put(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
	if b.put != nil {
		return b.put(ctx, k, i, cond)
	}
	return b.Store.Put(ctx, k, i, cond)
}

func (b bent) Delete(ctx context.Context, k store.Key, cond store.Condition) error {
	if b.del != nil {
		return b.del(ctx, k, cond)
	}
	return b.Store.Delete(ctx, k, cond)
}

func (b bent) List(ctx context.Context, service string) ([]store.Entry, error) {
	if b.list != nil {
		return b.list(ctx, service)
	}
	return b.Store.List(ctx, service)
}

func (b bent) Close() error {
	if b.shut != nil {
		return b.shut()
	}
	return b.Store.Close()
}

// bug is a store that breaks the contract in one way.
type bug struct {
	name string
	// meant names the cases that have to fail. Others may fail too.
	meant []string
	// bend puts the defect into a sound store.
	bend func(store.Store) bent
	// on is the kind of target that the defect needs; nil for a store in memory.
	on func(wrap func(store.Store) store.Store) Target
}

// in is a target over memory stores that are wrapped.
func inMemory(wrap func(store.Store) store.Store) Target {
	return Target{Open: func(testing.TB) store.Store { return wrap(memory.New()) }}
}

func sound(s store.Store) store.Store { return s }

func (b bug) target() Target {
	wrap := func(s store.Store) store.Store {
		wrapped := b.bend(s)
		return &wrapped
	}
	if b.on != nil {
		return b.on(wrap)
	}
	return inMemory(wrap)
}

// bugs is all of them, by subject.
func bugs() []bug {
	var all []bug
	for _, some := range [][]bug{valueBugs, keyBugs, recordBugs, conditionBugs, revisionBugs, atomicityBugs, listBugs,
		limitBugs, contextBugs, aliasingBugs, lifeBugs, errorBugs, processBugs, readOnlyBugs} {
		all = append(all, some...)
	}
	return all
}

// TestSeededBugs: every defect fails the case that is meant for it.
func TestSeededBugs(t *testing.T) {
	for _, b := range bugs() {
		for _, name := range b.meant {
			t.Run(b.name+"/"+name, func(t *testing.T) {
				r := play(t, name, b.target())
				if r.Skipped() {
					t.Errorf("the case does not apply: %s", r.log())
				} else if !r.Failed() {
					t.Error("the case passes")
				}
				t.Log(r.log())
			})
		}
	}
}

// TestEveryCaseCatchesSomething: a case that no seeded bug fails shows nothing.
func TestEveryCaseCatchesSomething(t *testing.T) {
	caught := map[string]bool{}
	names := map[string]bool{}
	for _, b := range bugs() {
		if names[b.name] || len(b.meant) == 0 {
			t.Errorf("bug %q is named twice or meant for no case", b.name)
		}
		names[b.name] = true
		for _, name := range b.meant {
			caught[name] = true
		}
	}
	for _, c := range cases {
		if !caught[c.name] {
			t.Errorf("no seeded bug is meant for %s", c.name)
		}
	}
	t.Logf("%d seeded bugs for %d cases", len(names), len(cases))
}

// play runs one case on a target as a test of its own.
func play(t *testing.T, name string, target Target) *recorder {
	t.Helper()
	caps := capabilities(t, target)
	if why := target.problem(caps); why != "" {
		t.Fatal(why)
	}
	for _, c := range cases {
		if c.name == name {
			return record(t, func(t testing.TB) { c.try(t, target, caps) })
		}
	}
	t.Fatalf("no case is named %s", name)
	return nil
}
