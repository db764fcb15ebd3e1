package storetest

import (
	"errors"
	"maps"
	"slices"

	"github.com/kinring/kinring/store"
)

// infoStable: the description is there, and use does not change it.
func infoStable(p *trial) {
	before := p.s.Info()
	if before.Kind == "" || before.ID == "" {
		p.Errorf("the store describes itself as kind %q, id %q", before.Kind, before.ID)
	}
	if c := before.Capabilities; c.MaxValue < 0 || c.MaxValue > store.MaxValue {
		p.Errorf("the store declares a limit of %d bytes for a value", c.MaxValue)
	}
	p.existing()
	if after := p.s.Info(); after != before {
		p.Errorf("the store described itself as %+v and now as %+v", before, after)
	}
}

func closedRefuses(p *trial) {
	k := p.existing()
	if err := p.s.Close(); err != nil {
		p.Errorf("close: %v", err)
	}
	for _, c := range p.calls("after close") {
		p.wantClass(c.make(p.ctx, k), string(c.verb)+" after close", p.allow(c.verb, store.ErrUnavailable)...)
	}
}

// reopenKeeps writes, closes, opens again and sees that all is as it was, and
// that the store goes on where it was: an old revision still matches once, and
// none is issued twice.
func reopenKeeps(p *trial) {
	id := p.s.Info()
	writes := map[store.Key]store.Revision{}
	for name, v := range awkwardValues() {
		if k := key(name); len(v) <= p.caps.ValueLimit() {
			writes[k] = p.put(k, store.Item{Value: store.NewValue(v)}, store.Any())
		}
	}
	if p.caps.Records {
		k := key("with a record")
		writes[k] = p.put(k, store.Item{Value: store.NewValue([]byte("value")), Record: fullRecord()}, store.Any())
		k = key("marker")
		writes[k] = p.put(k, store.Item{Record: markerRecord()}, store.Any())
	}
	gone := key("deleted")
	p.putValue(gone, "deleted")
	if err := p.s.Delete(p.ctx, gone, store.Any()); err != nil {
		p.Fatalf("delete %s: %v", show(gone), err)
	}
	before := p.states(writes)
	p.reopen()
	if got := p.s.Info(); got != id {
		p.Errorf("reopened, the store describes itself as %+v, before as %+v", got, id)
	}
	p.wantListed("", slices.Collect(maps.Keys(writes))...)
	for k, want := range before {
		p.wantState(k, "reopened", want)
	}
	p.wantAbsent(gone)
	p.goesOn(writes)
}

// reopen closes the store and opens it again.
func (p *trial) reopen() {
	p.Helper()
	if err := p.s.Close(); err != nil {
		p.Fatalf("close: %v", err)
	}
	p.s = p.target.Reopen(p, p.s)
}

func (p *trial) states(writes map[store.Key]store.Revision) map[store.Key]string {
	all := map[store.Key]string{}
	for k := range writes {
		all[k] = p.state(k)
	}
	return all
}

// goesOn writes over each key with the revision from before.
func (p *trial) goesOn(writes map[store.Key]store.Revision) {
	for k, rev := range writes {
		next, err := p.s.Put(p.ctx, k, value("after"), store.Match(rev))
		if p.refused(err, store.Match(rev)) {
			next, err = p.s.Put(p.ctx, k, value("after"), store.Any())
		}
		if err != nil {
			p.Errorf("put over %s with the revision from before: %v", show(k), err)
			continue
		}
		if next == rev {
			p.Errorf("put over %s issued revision %q again", show(k), rev)
		}
		p.wantValue(k, []byte("after"))
	}
}

// troubles brings each trouble about and sees that it is never taken for
// absence.
func troubles(p *trial) {
	for _, tr := range p.target.Troubles {
		_ = p.s.Close() // the one before; in trouble, closing may fail too
		p.s = p.target.Open(p)
		there, missing := key("there"), key("missing")
		p.putValue(there, "there")
		before := p.state(there)
		p.s = tr.Begin(p, p.s)
		p.inTrouble(tr, there, missing)
		if tr.End != nil {
			p.s = tr.End(p, p.s)
			p.wantState(there, "after "+tr.Name, before)
			p.wantAbsent(missing)
			p.wantListed("", there)
		}
	}
}

// inTrouble: a store may still know from its index what is missing, and may list
// everything; what it cannot do is read.
func (p *trial) inTrouble(tr Trouble, there, missing store.Key) {
	p.Helper()
	_, err := p.get(there)
	p.wantClass(err, "get with "+tr.Name, tr.Class)
	_, err = p.get(missing)
	p.wantClass(err, "get of nothing with "+tr.Name, tr.Class, store.ErrNotFound)
	err = p.s.Delete(p.ctx, missing, store.Any())
	p.wantClass(err, "delete of nothing with "+tr.Name, tr.Class, store.ErrNotFound)
	entries, err := p.s.List(p.ctx, "")
	switch {
	case err != nil:
		p.wantClass(err, "list with "+tr.Name, tr.Class)
	case len(entries) != 1 || entries[0].Key != there:
		p.Errorf("list with %s names %d items and no error, want the one or %v", tr.Name, len(entries), tr.Class)
	}
	_, err = p.s.Put(p.ctx, there, value("in trouble"), store.Absent())
	if err == nil || errors.Is(err, store.ErrNotFound) {
		p.Errorf("put under absent with %s: %v, want %v or a conflict", tr.Name, err, tr.Class)
	}
}

func readOnlyHolds(p *trial) {
	var keys []store.Key
	for _, h := range p.target.Holds {
		keys = append(keys, h.Key)
		p.wantValue(h.Key, h.Value)
	}
	p.wantListed("", keys...)
	fresh := store.Key{Service: keys[0].Service, Account: "never written"}
	for _, k := range append(keys, fresh) {
		for _, cond := range []store.Condition{store.Any(), store.Absent(), store.Match("some revision")} {
			_, err := p.s.Put(p.ctx, k, value("put"), cond)
			p.wantClass(err, "put under "+cond.String()+" into a read-only store", store.ErrUnsupported)
		}
	}
	for _, h := range p.target.Holds {
		p.wantValue(h.Key, h.Value)
	}
	p.wantListed("", keys...)
}

// readOnlyDelete: what cannot be written may be deletable, and then only that
// goes.
func readOnlyDelete(p *trial) {
	gone := p.target.Holds[0]
	err := p.s.Delete(p.ctx, gone.Key, store.Any())
	if err != nil {
		p.wantClass(err, "delete from a read-only store", store.ErrUnsupported)
		p.wantValue(gone.Key, gone.Value)
	} else {
		p.wantAbsent(gone.Key)
	}
	for _, h := range p.target.Holds[1:] {
		p.wantValue(h.Key, h.Value)
	}
}
