// Package source holds what legacy sources have in common beside their formats:
// the duties of the store contract, kept in one way and said in the same words.
package source

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/kinring/kinring/store"
)

// Door is what every call of a source passes first. It knows the source's name
// in the profile, which errors show.
type Door struct {
	Name   string
	closed atomic.Bool
}

// Enter refuses what needs no look at the store to be refused.
func (d *Door) Enter(ctx context.Context, key store.Key) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	return d.Usable(ctx)
}

// Usable refuses calls after Close and those whose context has ended.
func (d *Door) Usable(ctx context.Context) error {
	if d.closed.Load() {
		return &store.Error{Class: store.ErrUnavailable, Detail: "the source is closed", Remedy: "open it again"}
	}
	return store.FromContext(ctx)
}

// Close makes every later call fail.
func (d *Door) Close() error {
	d.closed.Store(true)
	return nil
}

// At says in an error which operation, source and key it is about, and keeps
// the place that it named.
func (d *Door) At(err error, op string, key store.Key) error {
	e, ok := err.(*store.Error)
	if !ok {
		return err
	}
	c := *e
	if c.Store != "" && c.Store != d.Name {
		c.Detail = prefixed(c.Store, c.Detail)
	}
	c.Op, c.Store = op, d.Name
	return store.At(&c, op, d.Name, key)
}

func prefixed(place, detail string) string {
	if detail == "" {
		return place
	}
	return place + ": " + detail
}

// Conflict is the outcome of a condition that does not hold.
func Conflict(cond store.Condition) error {
	return &store.Error{Class: store.ErrConflict, Detail: fmt.Sprintf("the condition %s does not hold", cond),
		Remedy: "read the key again"}
}

// NothingThere is the outcome of a Get under Any, or of a Delete, that found
// nothing in a place.
func NothingThere(cond store.Condition, place string) error {
	if !cond.IsAny() {
		return Conflict(cond)
	}
	return &store.Error{Class: store.ErrNotFound, Store: place}
}

// CheckDelete refuses a condition that makes no sense for Delete.
func CheckDelete(cond store.Condition) error {
	if cond.IsAbsent() {
		return &store.Error{Class: store.ErrInvalid, Detail: "a delete cannot require absence", Remedy: "use any or match"}
	}
	return nil
}

// CheckItem refuses what no older build's store can hold: a value over the
// limit, and kinring's records.
func CheckItem(item store.Item, caps store.Capabilities) error {
	if err := store.CheckItem(item, caps); err != nil {
		return err
	}
	if item.Record.Present() {
		return &store.Error{Class: store.ErrUnsupported, Detail: "the source keeps no records", Remedy: "write the value without one"}
	}
	return nil
}

// WrongService refuses to put a key where only those of another service are
// kept.
func WrongService(place string) error {
	return &store.Error{Class: store.ErrUnsupported, Store: place, Detail: "it holds keys of another service only",
		Remedy: "assign the key to another source"}
}

// processKey keys the revisions for the life of this process.
var processKey = sync.OnceValue(func() []byte {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails, see crypto/rand
	return key
})

// Revision names a state of something by the texts that make it up. It is for
// stores that keep nothing else that changes with each write: the same texts
// again are the same revision again. The digest is keyed, so that nobody can try
// values against it; the price is that another process finds another revision,
// and a match on this one does not hold there.
func Revision(parts ...[]byte) store.Revision {
	m := hmac.New(sha256.New, processKey())
	for _, p := range parts {
		m.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		m.Write(p)
	}
	return store.Revision(base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:16]))
}
