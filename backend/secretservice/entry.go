package secretservice

import (
	"cmp"
	"path"
	"strconv"
	"strings"

	"github.com/kinring/kinring/internal/fence"
	"github.com/kinring/kinring/store"
)

// The attributes of a shared item. Older builds' searches, for service, username,
// account, server or target, match none of them: with one that matched, an older
// build would take the item for its own, write over it and delete it.
const (
	attrItem    = "kinring:item" // always itemMark
	attrService = "kinring:service"
	attrAccount = "kinring:account"
	attrNumber  = "kinring:number"
	attrRecord  = "kinring:record" // missing if there is no record
	attrEmpty   = "kinring:empty"  // only where the value is empty, as in a marker
)

// itemMark is the same in all versions, so that all of them find all items.
const itemMark = "1"

// backfillMark precedes the number of a backfill.
const backfillMark = "b"

// contentType keeps providers from taking the value for text: as text,
// KeePassXC replaces bytes that are not UTF-8 and KWallet ends it at a NUL.
const contentType = "application/octet-stream"

// wanted are the attributes that all items of a key have.
func wanted(key store.Key) map[string]string {
	return map[string]string{attrItem: itemMark, attrService: key.Service, attrAccount: key.Account}
}

// newEntry returns what the item of a write is made from. A backfill ranks below
// whatever is there, so that a late one replaces nothing; one that replaces
// something better does not count as one.
func newEntry(key store.Key, item store.Item, number uint64, over *entry) (NewItem, error) {
	record, err := item.Record.Encode()
	if err != nil {
		return NewItem{}, err
	}
	attributes := wanted(key)
	attributes[attrNumber] = strconv.FormatUint(number, 10)
	if item.Record.Present() && item.Record.Generation == 0 && (over == nil || over.backfill) {
		attributes[attrNumber] = backfillMark + attributes[attrNumber]
	}
	if record != "" {
		attributes[attrRecord] = record
	}
	if item.Value.Len() == 0 {
		attributes[attrEmpty] = "1"
	}
	return NewItem{
		Label:      key.Service + "/" + key.Account,
		Attributes: attributes,
		Secret:     Secret{item.Value, contentType},
	}, nil
}

// entry is one item of a key, without its secret.
type entry struct {
	item     Item
	key      store.Key
	number   uint64 // 0 if another program made the item
	backfill bool
	empty    bool // whether the value was written as an empty one
	record   store.Record
	damage   error // why the record cannot be read
	revision store.Revision
}

// readEntry reads an item's attributes. While an item is locked they may be
// hidden; then its place among the others is not known.
func readEntry(item Item, p Properties) (entry, error) {
	a := p.Attributes
	e := entry{item: item, key: store.Key{Service: a[attrService], Account: a[attrAccount]}}
	e.item.Locked = p.Locked
	if e.key.Service == "" || e.key.Account == "" {
		if p.Locked {
			return e, locked(nil)
		}
		// KWallet shows an item that is gone without attributes, and no error.
		return e, &store.Error{Class: store.ErrNotFound, Detail: "the item went away while it was looked at"}
	}
	text, isBackfill := strings.CutPrefix(a[attrNumber], backfillMark)
	e.backfill = isBackfill
	if a[attrNumber] != "" {
		var err error
		if e.number, err = strconv.ParseUint(text, 10, 64); err != nil || e.number > fence.Highest || e.number == 0 || strconv.FormatUint(e.number, 10) != text {
			return e, &store.Error{Class: store.ErrCorrupt, Key: e.key.Redacted(), Detail: "an item's " + attrNumber + " is no number of a write",
				Remedy: "remove the item from the keyring with another program"}
		}
	}
	e.empty = a[attrEmpty] != ""
	e.record, e.damage = store.ParseRecord(a[attrRecord])
	e.revision = e.name(p)
	return e, nil
}

// name returns the entry's revision: the write's number, and the time of a later
// change if another program has changed it in its place. Such a change is not
// told from the write within the same second or the next: keyrings count whole
// seconds. The record's digest tells it.
func (e entry) name(p Properties) store.Revision {
	revision := strconv.FormatUint(e.number, 10)
	if e.number == 0 {
		revision += "." + path.Base(e.item.Path)
	}
	if p.Modified > p.Created+1 {
		revision += "." + strconv.FormatUint(p.Modified, 10)
	}
	return store.Revision(revision)
}

// compare orders the items of one key: readers take the highest. See
// docs/FORMATS.md, "Fence".
func (e entry) compare(o entry) int {
	return cmp.Or(
		compareBool(!e.backfill, !o.backfill),
		cmp.Compare(e.number, o.number),
		compareBool(e.record.Kind == store.KindMarker, o.record.Kind == store.KindMarker),
		cmp.Compare(e.item.Path, o.item.Path),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// deleted reports whether the entry was written before the key's last deletion.
func (e entry) deleted(floor uint64) bool { return e.number != 0 && e.number <= floor }

// highest returns the entry that counts, or nil.
func highest(entries []entry, floor uint64) *entry {
	var top *entry
	for i, e := range entries {
		if !e.deleted(floor) && (top == nil || e.compare(*top) > 0) {
			top = &entries[i]
		}
	}
	return top
}
