package storetest

import (
	"slices"

	"github.com/kinring/kinring/store"
)

// What a caller does to its own copies after a call must not reach the store.

func aliasingPut(p *trial) {
	k := key("shared memory")
	given := []byte("the value as it was put")
	v := store.NewValue(given)
	p.put(k, store.Item{Value: v}, store.Any())
	clear(given)
	v.Wipe()
	p.wantValue(k, []byte("the value as it was put"))
}

func aliasingGet(p *trial) {
	k := key("shared memory")
	p.putValue(k, "the value as it was put")
	first, second := p.mustGet(k), p.mustGet(k)
	clear(first.Value.Bytes())
	first.Value.Wipe()
	if got := second.Value.Bytes(); string(got) != "the value as it was put" {
		p.Errorf("wiping what one Get returned changed what another had returned to %s", brief(got))
	}
	p.wantValue(k, []byte("the value as it was put"))
	kept := p.mustGet(k)
	p.putValue(k, "another value")
	if got := kept.Value.Bytes(); string(got) != "the value as it was put" {
		p.Errorf("a Put changed what an earlier Get had returned to %s", brief(got))
	}
}

func aliasingRecord(p *trial) {
	k := key("shared record")
	given := fullRecord()
	spoil := func(r store.Record) { slices.Reverse(r.Sources) }
	p.put(k, store.Item{Value: store.NewValue([]byte("value")), Record: given}, store.Any())
	spoil(given)
	p.wantRecord(k, fullRecord())
	spoil(p.mustGet(k).Record)
	p.wantRecord(k, fullRecord())
	spoil(p.list(k.Service)[k].Record)
	p.wantRecord(k, fullRecord())
}
