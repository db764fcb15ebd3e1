package emulator

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/kinring/kinring/internal/secitem"
)

// row is one item of the data-protection keychain.
type row struct {
	attrs     secitem.Dict
	value     []byte
	corrupt   bool
	protected bool
}

// primary are the attributes that no two items share.
var primary = []secitem.Key{secitem.KeyAccount, secitem.KeyService, secitem.KeyAccessGroup, secitem.KeySynchronizable, "vwht", keyTokenID}

func (r *row) same(other *row) bool {
	return !slices.ContainsFunc(primary, func(k secitem.Key) bool { return r.attrs[k] != other.attrs[k] })
}

// result returns the attributes as a caller gets them.
func (r *row) result() secitem.Dict { return maps.Clone(r.attrs) }

func (r *row) matches(q query) bool {
	for k, want := range q.attrs {
		if !equal(r.attrs[k], want) {
			return false
		}
	}
	return true
}

func equal(a, b any) bool {
	switch a := a.(type) {
	case []byte:
		other, ok := b.([]byte)
		return ok && bytes.Equal(a, other)
	case time.Time:
		other, ok := b.(time.Time)
		return ok && a.Equal(other)
	}
	return a == b
}

// locked reports whether the class of an item cannot be opened now.
func (m *Mac) locked(attrs secitem.Dict) bool {
	switch m.device {
	case ScreenLocked:
		return !accessible[attrs.String(secitem.KeyAccessible)]
	case BeforeFirstUnlock:
		class := attrs.String(secitem.KeyAccessible)
		return class != "dk" && class != "dku"
	}
	return false
}

// mayWrite is what every changing call checks before it reads the query.
func (p *Process) mayWrite() error {
	switch {
	case p.mac.stopped:
		return secitem.ErrNotAvailable
	case len(p.write) == 0:
		return secitem.ErrMissingEntitlement
	}
	return nil
}

// entitled checks a group that a query names.
func entitled(d secitem.Dict, groups []string) error {
	g, ok := d[secitem.KeyAccessGroup]
	if text, isText := asText(g); ok && isText && !slices.Contains(groups, text.(string)) {
		return secitem.ErrMissingEntitlement
	}
	return nil
}

func (p *Process) dpAdd(d secitem.Dict) (Added, error) {
	if has(d, "clip") || has(d, keySharingGroup) {
		return Added{}, secitem.ErrParam
	}
	if err := p.mayWrite(); err != nil {
		return Added{}, err
	}
	q, err := parse(adding, d)
	if err != nil {
		return Added{}, err
	}
	if err := entitled(d, p.write); err != nil {
		return Added{}, err
	}
	r, err := p.newRow(q)
	if err != nil {
		return Added{}, err
	}
	if slices.ContainsFunc(p.mac.rows, r.same) {
		return Added{}, secitem.ErrDuplicateItem
	}
	p.mac.rows = append(p.mac.rows, r)
	return Added{Item: r.item(q)}, nil
}

// newRow makes an item of a query, with what a query may leave out.
func (p *Process) newRow(q query) (*row, error) {
	m := p.mac
	now := m.now()
	attrs := secitem.Dict{secitem.KeyService: "", secitem.KeyAccount: "", secitem.KeyAccessible: string(secitem.AccessibleWhenUnlocked),
		secitem.KeyAccessGroup: p.read[0], secitem.KeyCreated: now, secitem.KeyModified: now}
	maps.Copy(attrs, q.attrs)
	switch {
	case m.locked(attrs):
		return nil, secitem.ErrInteractionNotAllowed
	case attrs[secitem.KeyAccessible] == string(secitem.AccessibleWhenPasscodeSetThisDevice) && !m.passcode:
		return nil, secitem.ErrNotAvailable
	}
	return &row{attrs: attrs, value: slices.Clone(q.value)}, nil
}

// item returns what the query asks of the row.
func (r *row) item(q query) (i secitem.Item) {
	if q.attributes {
		i.Attributes = r.result()
	}
	if q.data {
		i.Data = alone(slices.Clone(r.value), q.attributes)
	}
	return i
}

// alone: a missing value reads as an empty one, unless it comes with attributes.
func alone(value []byte, withAttributes bool) []byte {
	if value == nil && !withAttributes {
		return []byte{}
	}
	return value
}

func (p *Process) dpCopy(d secitem.Dict) (matches, error) {
	switch {
	case p.mac.stopped:
		return matches{}, secitem.ErrNotAvailable
	case len(p.read) == 0:
		return matches{}, secitem.ErrMissingEntitlement
	}
	if err := class(copying, d); err != nil {
		return matches{}, err
	}
	if err := entitled(d, p.read); err != nil {
		return matches{}, err
	}
	q, err := parse(copying, d)
	if err != nil {
		return matches{}, err
	}
	found := matches{array: q.limited, null: !q.attributes && !q.data && !q.reference && !q.persist}
	for _, r := range p.visible(q, p.read) {
		if q.limit >= 0 && int64(len(found.items)) >= q.limit {
			break
		}
		skip, err := p.open(r, q)
		if err != nil {
			return matches{}, err
		}
		if !skip {
			found.items = append(found.items, r.item(q))
		}
	}
	if found.null && len(found.items) > 1 {
		found.items = found.items[:1] // a null pointer does not say how many
	}
	return found, unless(len(found.items) > 0, secitem.ErrItemNotFound)
}

// visible returns the rows that a query of this process matches.
func (p *Process) visible(q query, groups []string) (out []*row) {
	for _, r := range p.mac.rows {
		if slices.Contains(groups, r.attrs.String(secitem.KeyAccessGroup)) && r.matches(q) {
			out = append(out, r)
		}
	}
	return out
}

// open decrypts a row: skip means that the search goes on without it.
func (p *Process) open(r *row, q query) (skip bool, err error) {
	switch {
	case r.corrupt:
		return true, nil
	case p.mac.locked(r.attrs):
		return false, secitem.ErrInteractionNotAllowed
	case !r.protected || !q.data:
		return false, nil
	case q.ui == string(secitem.AuthUISkip):
		return true, nil
	case q.ui == string(secitem.AuthUIFail):
		return false, secitem.ErrInteractionNotAllowed
	}
	_, err = p.ask(Authenticate, r.attrs)
	return false, err
}

// change finds what an Update or a Delete is about.
func (p *Process) change(c call, d secitem.Dict) ([]*row, error) {
	if err := p.mayWrite(); err != nil {
		return nil, err
	}
	if err := entitled(d, p.write); err != nil {
		return nil, err
	}
	q, err := parse(c, d)
	if err != nil {
		return nil, err
	}
	return p.visible(q, p.write), nil
}

// unlocked: assumed to be needed for every change, as for a search.
func (m *Mac) unlocked(rows []*row) error {
	if slices.ContainsFunc(rows, func(r *row) bool { return m.locked(r.attrs) }) {
		return secitem.ErrInteractionNotAllowed
	}
	return nil
}

func (p *Process) dpUpdate(d, change secitem.Dict) error {
	found, err := p.change(changing, d)
	if err != nil {
		return err
	}
	c, err := parse(changes, change)
	if err != nil {
		return err
	}
	if err := entitled(change, p.write); err != nil {
		return err
	}
	p.drop(func(r *row) bool { return r.corrupt && slices.Contains(found, r) })
	found = slices.DeleteFunc(found, func(r *row) bool { return r.corrupt })
	if len(found) == 0 {
		return secitem.ErrItemNotFound
	}
	if err := p.mac.unlocked(found); err != nil {
		return err
	}
	return p.replace(found, c)
}

// replace changes rows in one transaction: all of them, or none.
func (p *Process) replace(found []*row, c query) error {
	next := slices.Clone(p.mac.rows)
	for i, r := range next {
		if slices.Contains(found, r) {
			next[i] = r.changed(c, p.mac.now())
		}
	}
	for i, r := range next {
		if slices.ContainsFunc(next[:i], r.same) {
			return secitem.ErrDuplicateItem
		}
	}
	p.mac.rows = next
	return nil
}

func (r *row) changed(c query, now time.Time) *row {
	n := *r
	n.attrs = maps.Clone(r.attrs)
	maps.Copy(n.attrs, c.attrs)
	n.attrs[secitem.KeyModified] = now
	if c.hasValue {
		n.value = slices.Clone(c.value)
	}
	return &n
}

func (p *Process) dpDelete(d secitem.Dict) error {
	found, err := p.change(deleting, d)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return secitem.ErrItemNotFound
	}
	if err := p.mac.unlocked(found); err != nil {
		return err
	}
	p.drop(func(r *row) bool { return slices.Contains(found, r) })
	return nil
}

func (p *Process) drop(gone func(*row) bool) { p.mac.rows = slices.DeleteFunc(p.mac.rows, gone) }
