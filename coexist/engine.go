// Package coexist is the engine: the rules by which new builds share secrets
// while older builds keep the stores that they know.
//
// It is pure. It calls stores and nothing else: no clock, no randomness, no
// goroutine, no lock of its own. Order within a key, randomness and
// notification come in from outside, so that a test can own every step and try
// each interleaving of several programs.
//
// # The rules in short
//
// The shared store is asked first, and what it says stands. What it does not
// hold is looked for in the legacy sources, in the older build's own order, and
// copied into the shared store only if that still holds nothing. A deletion
// leaves a marker there, so that neither a late copy nor the next read can
// bring the secret back; only a sign-in that an older build made after the
// deletion does. Beside each shared value stands a record that remembers what
// each legacy source held when both last agreed; comparing the three tells who
// wrote since.
package coexist

import (
	"context"
	"sync/atomic"

	"github.com/kinring/kinring/store"
)

// Traits says what the profile says of one key.
type Traits struct {
	// LegacyOnly: the key is not shared; the legacy sources are its store.
	LegacyOnly bool
	// Rotates: each use of the value may replace it, so that older builds must get
	// to know the new one as long as they hold the key.
	Rotates bool
	// Check refuses a value that cannot be one of this key; nil accepts all.
	Check func(value []byte) error
}

// Source is a legacy source as the engine needs it.
type Source struct {
	// Name is unique in the family; records and reports carry it.
	Name string
	// Store holds the older build's values under the same keys.
	Store store.Store
	// Serves reports whether the source can hold the key; nil means every key.
	Serves func(store.Key) bool
	// Active reports whether the older build, as it is configured now, uses the
	// source; nil means always. An error means that nobody can tell.
	Active func(context.Context) (bool, error)
	// PassesOver reports whether the older build, as it is configured now, goes on
	// to the next source when it cannot read this one; nil means that it never
	// does.
	PassesOver func(context.Context) (bool, error)
	// Stamp returns a text that changes whenever the source's value under the key
	// may have changed, without reading the value; nil means that there is none.
	Stamp func(context.Context, store.Key) (string, error)
	// Canonical returns the form of a value that fingerprints are made from; nil
	// means the value as it is.
	Canonical func([]byte) []byte
}

// Queue runs operations on one key one after the other, in the order in which
// they came, whatever became of those before. Operations on different keys do
// not wait for each other. A call that waits gives up when its context ends.
type Queue interface {
	Do(ctx context.Context, key store.Key, op func(context.Context) error) error
}

// Lease is the right to replace one key, held for the whole family on this
// machine.
type Lease interface {
	// Interrupted reports whether there was a note when the lease was taken: a
	// function of a holder before has run, or died in the middle, and what it made
	// may not be stored.
	Interrupted() bool
	// Begin notes, so that it outlives this process, that a function is about to
	// run.
	Begin() error
	// Release gives the lease back. A holder that began takes the note with it; one
	// that did not leaves what it found, since nobody was told of that.
	Release() error
	// Leave gives the lease back and leaves the note: a function has run, and what
	// it made is not stored.
	Leave() error
}

// Leases hands out leases, one a key at a time. A lease ends with the process
// that holds it, however that ends.
type Leases interface {
	Hold(ctx context.Context, key store.Key) (Lease, error)
}

// Memory keeps, for the life of an engine, the stamp that each source had when
// the engine last compared it. It may be used by several operations at once.
type Memory interface {
	Noted(key store.Key, source string) string
	Note(key store.Key, source, stamp string)
}

// Notice tells of something that an operation met and that did not fail it.
type Notice struct {
	Kind   NoticeKind
	Key    store.Key
	Source string
	Err    error
}

// NoticeKind says what a notice tells.
type NoticeKind string

// The kinds of notice.
const (
	NoticeBackfilled      NoticeKind = "backfilled"      // a legacy value was copied into the shared store
	NoticeBackfillFailed  NoticeKind = "backfill-failed" // it could not be; the legacy value was returned
	NoticeAdopted         NoticeKind = "adopted"         // a sign-in by an older build revived a deleted key
	NoticeFastForwarded   NoticeKind = "fast-forwarded"  // an older build's newer value was taken over
	NoticeOlderWrote      NoticeKind = "older-wrote"     // an older build wrote; the policy only reports it
	NoticeDiverged        NoticeKind = "diverged"        // both wrote since they last agreed
	NoticeOlderSignedOut  NoticeKind = "older-signed-out"
	NoticeUnverified      NoticeKind = "unverified"       // the shared store is out of reach; the legacy value was returned
	NoticeFallback        NoticeKind = "fallback"         // the shared store failed; the legacy value was returned
	NoticeLookFailed      NoticeKind = "look-failed"      // a legacy source could not be compared
	NoticeFinishFailed    NoticeKind = "mark-pending"     // a deletion is done but its marker could not be completed
	NoticeMirrorFailed    NoticeKind = "mirror-failed"    // an older build could not be given a new value
	NoticeMigrationFailed NoticeKind = "migration-failed" // some keys could not be migrated on the first operation
	NoticeInMemory        NoticeKind = "in-memory"        // a value was kept, for this program's life alone
	NoticeUnshared        NoticeKind = "unshared"         // there is no shared store; the legacy sources are the store
	NoticeInterrupted     NoticeKind = "interrupted"      // an Update before this one ended inside its function
)

// Config is what an engine is made of. Shared, Policy and Queue are required.
type Config struct {
	Shared store.Store
	// Sources are the legacy sources in the order in which the older build reads
	// them.
	Sources []Source
	Policy  Policy
	// Services are the services whose keys List names.
	Services []string
	// Traits tells what a key is; nil means that all keys are shared and any
	// value will do.
	Traits func(store.Key) Traits
	Queue  Queue
	// Memory lets a Get pass over sources that did not change; nil compares every
	// time.
	Memory Memory
	// Leases are needed by Update only.
	Leases Leases
	// Grace returns a context in which a result that must not be lost can still be
	// saved after ctx has ended. Update needs it.
	Grace func(ctx context.Context) (context.Context, context.CancelFunc)
	// Patience returns a function that waits a little and reports whether to look
	// once more. An Update whose function failed asks it while an older build may
	// be about to write; nil does not wait.
	Patience func(ctx context.Context) func() bool
	// BulkTime returns the context in which the migration of the first operation
	// runs, so that it leaves time for the operation; nil gives it all there is.
	BulkTime func(ctx context.Context) (context.Context, context.CancelFunc)
	// BulkTell is told of its progress after each key; it may be nil.
	BulkTell func(Progress)
	// Random fills its argument with random bytes. It is used once in the life
	// of a shared store that cannot derive a fingerprint key.
	Random func([]byte) error
	// Notify is told of notices; nil drops them. It must not call the engine.
	Notify func(Notice)
}

// Engine runs a family's operations. Its methods may be called from any number
// of goroutines.
type Engine struct {
	Config
	printer atomic.Pointer[printer]
	bulked  atomic.Bool // the migration of the first operation is done with
	bulking atomic.Bool // it is under way
}

// New returns an engine, or refuses a policy that the shared store cannot
// honour. It does no I/O.
func New(c Config) (*Engine, error) {
	if err := c.Policy.Check(); err != nil {
		return nil, err
	}
	if err := feasible(c); err != nil {
		return nil, err
	}
	if c.Traits == nil {
		c.Traits = func(store.Key) Traits { return Traits{} }
	}
	if c.Notify == nil {
		c.Notify = func(Notice) {}
	}
	return &Engine{Config: c}, nil
}

func feasible(c Config) error {
	info := c.Shared.Info()
	refuse := func(what, remedy string) error {
		return &store.Error{Class: store.ErrUnsupported, Op: "open", Store: info.Kind, Detail: what, Remedy: remedy}
	}
	switch caps := info.Capabilities; {
	case c.Policy.Writes == DualWrite && c.Leases == nil:
		return refuse("dual writes need leases, or two programs would mirror past each other", "open the family with leases")
	case caps.ReadOnly:
		return refuse("the shared store is read-only", "choose one that can be written")
	case !caps.Records:
		return refuse("the shared store keeps no records, so a deletion could not be marked and a late write would undo it",
			"choose a store that keeps records")
	case !(caps.AtomicAbsent && caps.AtomicMatch) && !caps.Fenced:
		return refuse("the shared store has neither conditional writes nor a fence", "choose one that has")
	}
	return nil
}

// reserved is the service of the items that kinring keeps for itself in a
// shared store. No key of a family may use it.
const reserved = "kinring.reserved"

// admit refuses a key that no store would take, before any is touched.
func admit(key store.Key) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	if key.Service == reserved {
		return &store.Error{Class: store.ErrInvalid, Detail: "the service " + reserved + " is kinring's own",
			Remedy: "use another service"}
	}
	return nil
}

// do runs one operation in its key's turn and names operation and key in its
// error.
func (e *Engine) do(ctx context.Context, op string, key store.Key, f func(context.Context) error) error {
	err := admit(key)
	if err == nil {
		err = e.Queue.Do(ctx, key, f)
	}
	return store.At(err, op, "", key)
}

// attempts bounds how often an operation starts again because another program
// wrote the key in between. Each new start means that somebody else got on, so
// the bound is met only by a store that contradicts itself.
const attempts = 1000

// again runs f until it returns something else than a conflict, or a refusal.
func again(ctx context.Context, f func() error) error {
	var err error
	for range attempts {
		if err = store.FromContext(ctx); err != nil {
			return err
		}
		err = f()
		if r, refused := err.(refusal); refused {
			return r.error
		}
		if store.ClassOf(err) != store.ErrConflict {
			return err
		}
	}
	return err
}

// refusal is a conflict that looking again does not change.
type refusal struct{ error }

// writable refuses to replace an item whose record a newer build wrote.
func writable(item store.Item) error {
	if item.Record.Readable() {
		return nil
	}
	return &store.Error{Class: store.ErrUnsupported,
		Detail: "a newer version of kinring wrote this item", Remedy: "update this program"}
}

// isMarker reports whether the item says "deleted". A marker is empty: one that
// holds a value was overwritten by a program that knows no records, and that
// program's value stands.
func isMarker(item store.Item) bool {
	return item.Record.Kind == store.KindMarker && item.Value.Len() == 0
}

// Holds reports whether a shared item is a value, and not a marker.
func Holds(item store.Item) bool { return !isMarker(item) }

func (e *Engine) notify(kind NoticeKind, key store.Key, source string, err error) {
	e.Notify(Notice{Kind: kind, Key: key, Source: source, Err: err})
}
