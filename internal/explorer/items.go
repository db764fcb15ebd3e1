package explorer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kinring/kinring/store"
)

// itemID names one content of a slot; 0 is none.
type itemID uint16

// revision is unique for each write of an execution: the operation that made it
// and which of its writes it was. 0 names no write.
type revision uint16

func newRevision(op, ordinal int) revision {
	if ordinal > 0xff {
		panic("explorer: an operation writes without end")
	}
	return revision((op+1)<<8 | ordinal)
}

// op returns the operation that made the write.
func (r revision) op() int { return int(r>>8) - 1 }

func (r revision) text() store.Revision { return store.Revision("r" + strconv.Itoa(int(r))) }

// revisionOf reads a revision's text; one that no store issued is 0, which
// matches nothing.
func revisionOf(text store.Revision) revision {
	n, err := strconv.ParseUint(strings.TrimPrefix(string(text), "r"), 10, 16)
	if err != nil {
		return 0
	}
	return revision(n)
}

// valueID names a secret; 0 is none, and any other is the one that the
// operation before it in number wrote.
type valueID uint8

func (v valueID) text() string { return "v" + strconv.Itoa(int(v)) }

// valueIDOf reads a value's text; 0 is one that is none of the values.
func valueIDOf(text string) valueID {
	digits, ok := strings.CutPrefix(text, "v")
	n, err := strconv.ParseUint(digits, 10, 8)
	if !ok || err != nil {
		return 0
	}
	return valueID(n)
}

// item is what stands in a slot.
type item struct {
	value   valueID
	opaque  string // the value's bytes if it is none of the values, as for a fingerprint key
	marker  bool   // it says "deleted"
	marked  bool   // its record says so, whatever the value
	record  string
	rev     revision
	allDone bool // it notes that everything was migrated
	gen0    bool // the record says generation 0: an emulated store lets it never win
}

// items numbers the contents met so far. The number of a content never changes.
type items struct {
	all   []item
	told  []*store.Item // what a program is told of an item, once one was
	index map[item]itemID
	lists []listing
	names map[listing]uint16
}

// listing is the answer of a List: for each slot the item in it.
type listing [slots]itemID // a legacy source has the main slot only

func newItems() *items {
	return &items{all: make([]item, 1), index: map[item]itemID{}, names: map[listing]uint16{}}
}

func (t *items) id(i item) itemID {
	id, ok := t.index[i]
	if !ok {
		if len(t.all) > 0xffff {
			panic("explorer: more items than numbers for them")
		}
		id = itemID(len(t.all))
		t.all = append(t.all, i)
		t.index[i] = id
	}
	return id
}

func (t *items) listID(l listing) uint16 {
	id, ok := t.names[l]
	if !ok {
		if len(t.lists) > 0xffff {
			panic("explorer: more listings than numbers for them")
		}
		id = uint16(len(t.lists))
		t.lists = append(t.lists, l)
		t.names[l] = id
	}
	return id
}

// encode turns what a program puts into an item.
func (t *items) encode(i store.Item, rev revision) itemID {
	text := string(i.Value.Bytes())
	record, err := i.Record.Encode()
	if err != nil {
		panic(fmt.Sprintf("explorer: a record that no store takes: %v", err))
	}
	m := item{record: record, rev: rev, marked: i.Record.Kind == store.KindMarker,
		gen0: i.Record.Present() && i.Record.Generation == 0}
	if m.value = valueIDOf(text); m.value == 0 {
		m.opaque, m.allDone = text, strings.Contains(text, `"complete":true`)
	}
	m.marker = m.marked && text == ""
	return t.id(m)
}

// decode turns an item into what a program gets.
func (t *items) decode(id itemID) store.Item {
	for len(t.told) < len(t.all) {
		t.told = append(t.told, nil)
	}
	if t.told[id] == nil {
		i := t.read(t.all[id])
		t.told[id] = &i
	}
	i := *t.told[id]
	i.Record.Sources = slices.Clone(i.Record.Sources) // each reader's own
	return i
}

func (t *items) read(m item) store.Item {
	r, err := store.ParseRecord(m.record)
	if err != nil {
		panic(fmt.Sprintf("explorer: %v", err))
	}
	text := m.opaque
	if m.value != 0 {
		text = m.value.text()
	}
	return store.Item{Value: store.NewValue([]byte(text)), Record: r, Revision: m.rev.text()}
}
