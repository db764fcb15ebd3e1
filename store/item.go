package store

import "fmt"

// Revision is opaque, unique for each write of a key, and issued by the store.
// The empty revision names no write.
type Revision string

// Item is what a store holds under a key.
type Item struct {
	// Value is the secret; empty in a marker.
	Value Value
	// Record is what kinring keeps beside the value. It is the zero Record if
	// another program wrote the item or the store keeps no records.
	Record Record
	// Revision is set by Get and ignored by Put.
	Revision Revision
}

// CheckItem refuses a value over the store's limit, before the store is
// touched.
func CheckItem(item Item, caps Capabilities) error {
	if n, limit := item.Value.Len(), caps.ValueLimit(); n > limit {
		return &Error{Class: ErrTooLarge,
			Detail: fmt.Sprintf("the value has %d bytes", n),
			Remedy: fmt.Sprintf("use at most %d bytes", limit)}
	}
	return nil
}

// Condition says when a Put or a Delete may take place. The zero Condition is
// Any.
type Condition struct {
	kind conditionKind
	rev  Revision
}

type conditionKind uint8

const (
	condAny conditionKind = iota
	condAbsent
	condMatch
)

// Any always holds.
func Any() Condition { return Condition{} }

// Absent holds if the key names no item. For Delete it is ErrInvalid.
func Absent() Condition { return Condition{kind: condAbsent} }

// Match holds if the key names the item that was written with revision r. The
// empty revision matches nothing.
func Match(r Revision) Condition { return Condition{kind: condMatch, rev: r} }

// Holds reports whether the condition holds for a key that names an item with
// revision r, or no item if present is false.
func (c Condition) Holds(present bool, r Revision) bool {
	switch c.kind {
	case condAbsent:
		return !present
	case condMatch:
		return present && r == c.rev && r != ""
	}
	return true
}

// IsAny reports whether the condition always holds.
func (c Condition) IsAny() bool { return c.kind == condAny }

// IsAbsent reports whether the condition is Absent.
func (c Condition) IsAbsent() bool { return c.kind == condAbsent }

// Revision returns the revision of a Match, and whether the condition is one.
func (c Condition) Revision() (Revision, bool) { return c.rev, c.kind == condMatch }

// String returns any, absent or match.
func (c Condition) String() string { return [...]string{"any", "absent", "match"}[c.kind] }
