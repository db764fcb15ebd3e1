package storetest

import (
	"strings"

	"github.com/kinring/kinring/store"
)

// fullRecord has one source in every state that a record knows.
func fullRecord() store.Record {
	return store.Record{
		Version: store.RecordVersion, Generation: 1<<64 - 1, KeyID: "3f9c2a10", Digest: "dGVzdC1kaWdlc3Q",
		Sources: []store.Agreement{
			{Source: "file", Kind: store.Held, Fingerprint: "c29tZS1wcmludA"},
			{Source: "ring", Kind: store.AbsentThere, Pending: "bmV4dA"},
			{Source: "db", Kind: store.Pruned},
			{Source: "odd", Kind: store.Unknown},
		},
	}
}

func markerRecord() store.Record {
	r := fullRecord()
	r.Kind = store.KindMarker
	return r
}

// newerRecord is what a later version of kinring might write.
const newerRecord = "kr2;v;77;new-part;<what~nobody+knows>"

func parse(p *trial, text string) store.Record {
	p.Helper()
	r, err := store.ParseRecord(text)
	if err != nil {
		p.Fatalf("record %q: %v", text, err)
	}
	return r
}

// wantRecord looks at the item and at the list.
func (p *trial) wantRecord(k store.Key, want store.Record) {
	p.Helper()
	if got := p.mustGet(k).Record; !got.Equal(want) {
		p.Errorf("get %s: record %q, want %q", show(k), got, want)
	}
	e, ok := p.list(k.Service)[k]
	if !ok {
		p.Errorf("list leaves out %s", show(k))
	} else if !e.Record.Equal(want) {
		p.Errorf("list shows %s with record %q, want %q", show(k), e.Record, want)
	}
}

func recordRoundTrip(p *trial) {
	k := key("with a record")
	small := store.Record{Version: store.RecordVersion}
	for _, r := range []store.Record{fullRecord(), small, {}, fullRecord()} {
		p.put(k, store.Item{Value: store.NewValue([]byte("value")), Record: r}, store.Any())
		p.wantRecord(k, r)
	}
	for size := store.MaxRecord - 10; size <= store.MaxRecord; size++ {
		r := recordOf(size)
		p.put(k, store.Item{Value: store.NewValue([]byte("value")), Record: r}, store.Any())
		p.wantRecord(k, r)
	}
}

// recordOf returns a record whose text has the given number of bytes.
func recordOf(size int) store.Record {
	r := store.Record{Version: store.RecordVersion}
	r.Digest = store.Fingerprint(strings.Repeat("d", size-len(r.String())))
	return r
}

func recordNewer(p *trial) {
	k := key("with a newer record")
	r := parse(p, newerRecord)
	p.put(k, store.Item{Value: store.NewValue([]byte("value")), Record: r}, store.Any())
	p.wantRecord(k, r)
	if got := p.mustGet(k).Record.String(); got != newerRecord {
		p.Errorf("a newer record came back as %q, want %q", got, newerRecord)
	}
	p.wantValue(k, []byte("value"))
}

func recordLimit(p *trial) {
	k, fresh := key("with a record"), key("with a long record")
	p.put(k, store.Item{Value: store.NewValue([]byte("value")), Record: fullRecord()}, store.Any())
	before := p.state(k)
	for _, at := range []store.Key{k, fresh} {
		_, err := p.s.Put(p.ctx, at, store.Item{Record: recordOf(store.MaxRecord + 1)}, store.Any())
		p.wantClass(err, "put a record over the limit", store.ErrTooLarge)
	}
	p.wantState(k, "after a record over the limit", before)
	p.wantAbsent(fresh)
}

// recordRefused: a store that drops a marker's record would make an empty value
// of it.
func recordRefused(p *trial) {
	for _, r := range []store.Record{markerRecord(), fullRecord()} {
		k := key("with a record")
		_, err := p.s.Put(p.ctx, k, store.Item{Record: r}, store.Any())
		p.wantClass(err, "put a record into a store that keeps none", store.ErrUnsupported)
		p.wantAbsent(k)
	}
}

func markers(p *trial) {
	k := key("deleted")
	p.putValue(k, "before")
	rev := p.put(k, store.Item{Record: markerRecord()}, store.Any())
	i, err := p.get(k)
	if err != nil {
		p.Fatalf("get of a marker: %v", err)
	}
	if i.Record.Kind != store.KindMarker || i.Value.Len() != 0 || i.Revision != rev {
		p.Errorf("a marker came back as a %s of %d bytes, revision %q, want %q", i.Record.Kind, i.Value.Len(), i.Revision, rev)
	}
	p.wantRecord(k, markerRecord())
	p.putValue(k, "after")
	if i := p.mustGet(k); i.Record.Kind != store.KindValue || string(i.Value.Bytes()) != "after" {
		p.Errorf("a value over a marker came back as %s with record %q", brief(i.Value.Bytes()), i.Record)
	}
	p.put(k, store.Item{Record: markerRecord()}, store.Any())
	if err := p.s.Delete(p.ctx, k, store.Any()); err != nil {
		p.Errorf("delete a marker: %v", err)
	}
	p.wantAbsent(k)
}

func listMarkers(p *trial) {
	v, m := key("value"), key("marker")
	p.put(v, store.Item{Value: store.NewValue([]byte("value")), Record: fullRecord()}, store.Any())
	p.put(m, store.Item{Record: markerRecord()}, store.Any())
	for _, service := range []string{"", v.Service} {
		p.wantListed(service, v, m)
		got := p.list(service)
		for k, want := range map[store.Key]store.Kind{v: store.KindValue, m: store.KindMarker} {
			if e, ok := got[k]; ok && e.Record.Kind != want {
				p.Errorf("list %q shows %s as a %s, want a %s", service, show(k), e.Record.Kind, want)
			}
		}
	}
}
