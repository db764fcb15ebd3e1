package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/kinring/kinring/store"
)

// trial is one case on one store.
type trial struct {
	testing.TB
	target Target
	s      store.Store
	caps   store.Capabilities
	ctx    context.Context
}

func newTrial(t testing.TB, target Target) *trial {
	s := target.Open(t)
	p := &trial{TB: t, target: target, s: s, caps: s.Info().Capabilities, ctx: t.Context()}
	t.Cleanup(func() { _ = p.s.Close() }) // some cases close it themselves
	return p
}

// key returns a key that no other store on this machine uses for anything.
func key(account string) store.Key {
	return store.Key{Service: "kinring conformance", Account: account}
}

func value(v string) store.Item { return store.Item{Value: store.NewValue([]byte(v))} }

func (p *trial) get(k store.Key) (store.Item, error) { return p.s.Get(p.ctx, k) }

// put writes and ends the case if that fails.
func (p *trial) put(k store.Key, i store.Item, cond store.Condition) store.Revision {
	p.Helper()
	rev, err := p.s.Put(p.ctx, k, i, cond)
	if err != nil {
		p.Fatalf("put %s under %s: %v", show(k), cond, err)
	}
	if rev == "" {
		p.Errorf("put %s under %s: no revision was issued", show(k), cond)
	}
	return rev
}

func (p *trial) putValue(k store.Key, v string) store.Revision {
	p.Helper()
	return p.put(k, value(v), store.Any())
}

// mustGet reads and ends the case if that fails.
func (p *trial) mustGet(k store.Key) store.Item {
	p.Helper()
	i, err := p.get(k)
	if err != nil {
		p.Fatalf("get %s: %v", show(k), err)
	}
	return i
}

func (p *trial) wantValue(k store.Key, want []byte) {
	p.Helper()
	i, err := p.get(k)
	if err != nil {
		p.Errorf("get %s: %v", show(k), err)
		return
	}
	if got := i.Value.Bytes(); !bytes.Equal(got, want) {
		p.Errorf("get %s: got %s, want %s", show(k), brief(got), brief(want))
	}
}

func (p *trial) wantAbsent(k store.Key) {
	p.Helper()
	i, err := p.get(k)
	if err == nil {
		p.Errorf("get %s: got %s, want not found", show(k), brief(i.Value.Bytes()))
		return
	}
	p.wantClass(err, "get "+show(k), store.ErrNotFound)
}

// wantClass asks for an error that has one of the classes, and no other.
func (p *trial) wantClass(err error, what string, want ...*store.Class) {
	p.Helper()
	if err == nil {
		p.Errorf("%s: no error, want %v", what, want)
		return
	}
	for _, class := range want {
		if errors.Is(err, class) {
			return
		}
	}
	p.Errorf("%s: got %v, want %v", what, err, want)
}

// state describes what the store holds under a key, to see whether it changed.
func (p *trial) state(k store.Key) string {
	p.Helper()
	i, err := p.get(k)
	if errors.Is(err, store.ErrNotFound) {
		return "absent"
	}
	if err != nil {
		p.Fatalf("get %s: %v", show(k), err)
	}
	return fmt.Sprintf("%s, record %q, revision %q", brief(i.Value.Bytes()), i.Record, i.Revision)
}

func (p *trial) wantState(k store.Key, what, want string) {
	p.Helper()
	if got := p.state(k); got != want {
		p.Errorf("%s: %s was %s and is %s", what, show(k), want, got)
	}
}

// list returns what the store lists for a service, by key, and sees that each
// is named once.
func (p *trial) list(service string) map[store.Key]store.Entry {
	p.Helper()
	entries, err := p.s.List(p.ctx, service)
	if err != nil {
		p.Fatalf("list %q: %v", service, err)
	}
	byKey := map[store.Key]store.Entry{}
	for _, e := range entries {
		if _, twice := byKey[e.Key]; twice {
			p.Errorf("list %q names %s twice", service, show(e.Key))
		}
		byKey[e.Key] = e
	}
	return byKey
}

// wantListed asks for exactly these keys.
func (p *trial) wantListed(service string, want ...store.Key) {
	p.Helper()
	got := p.list(service)
	for _, k := range want {
		if _, ok := got[k]; !ok {
			p.Errorf("list %q leaves out %s", service, show(k))
		}
		delete(got, k)
	}
	for k := range got {
		p.Errorf("list %q names %s, which is not there", service, show(k))
	}
}

// existing returns a key that holds something.
func (p *trial) existing() store.Key {
	p.Helper()
	if p.caps.ReadOnly {
		return p.target.Holds[0].Key
	}
	k := key("existing")
	p.putValue(k, "the existing value")
	return k
}

// refused reports whether the store turned a condition down because it does not
// declare it.
func (p *trial) refused(err error, cond store.Condition) bool {
	if !errors.Is(err, store.ErrUnsupported) {
		return false
	}
	_, match := cond.Revision()
	return match && !matches(p.caps) || cond.IsAbsent() && !absents(p.caps)
}

// call is one call of a verb on a key, whose result other than the error does
// not matter.
type call struct {
	verb Verb
	make func(context.Context, store.Key) error
}

// calls returns one call of each verb, also those that a read-only store has to
// refuse. Puts write the given value.
func (p *trial) calls(v string) []call {
	return []call{
		{VerbGet, func(ctx context.Context, k store.Key) error { _, err := p.s.Get(ctx, k); return err }},
		{VerbPut, func(ctx context.Context, k store.Key) error {
			_, err := p.s.Put(ctx, k, value(v), store.Any())
			return err
		}},
		{VerbDelete, func(ctx context.Context, k store.Key) error { return p.s.Delete(ctx, k, store.Any()) }},
		{VerbList, func(ctx context.Context, k store.Key) error { _, err := p.s.List(ctx, k.Service); return err }},
	}
}

// allow adds to a class what a read-only store may say as well.
func (p *trial) allow(verb Verb, class *store.Class) []*store.Class {
	if p.caps.ReadOnly && verb.writes() {
		return []*store.Class{class, store.ErrUnsupported}
	}
	return []*store.Class{class}
}

// show writes a key so that any two keys look different.
func show(k store.Key) string {
	return brief([]byte(k.Service)) + "/" + brief([]byte(k.Account))
}

// brief writes bytes so that a reader can tell them apart, and no more.
func brief(b []byte) string {
	const most = 48
	if len(b) <= most {
		return fmt.Sprintf("%+q", b)
	}
	return fmt.Sprintf("%+q… (%d bytes)", b[:most], len(b))
}
