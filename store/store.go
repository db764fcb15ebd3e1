// Package store is the contract between kinring and anything that holds
// secrets: an operating system's keychain, the embedded vault, an older
// build's own file.
//
// # The contract
//
// A [Store] offers four verbs. Get returns one item or says precisely why it
// cannot. Put writes an item if a [Condition] holds. Delete removes an item if
// a condition holds. List names the items of one service without decrypting
// them. What a store can promise beyond that it declares in its
// [Capabilities]; a policy that the store cannot honour is refused when a ring
// is opened, not when a secret is at stake.
//
// Every implementation must keep these duties, and the suite in storetest
// checks them:
//
//   - [ErrNotFound] is returned only after looking and finding nothing. A store
//     that is locked, denied, out of reach or too slow says that instead.
//   - A value comes back byte for byte as it was put. An empty value is a value.
//   - Limits are checked before anything is touched: use [CheckKey] and
//     [CheckItem].
//   - No call outlives its context by more than it takes to notice. A write that
//     was given up and may still land is [ErrOutcomeUnknown]; one that surely
//     did not happen is [ErrTimedOut] or [ErrCancelled].
//   - No error text, log line or temporary file holds a value.
//   - All methods may be called from any number of goroutines.
package store

import "context"

// Limits that hold for every store. A store may have a smaller limit for
// values and declares it in its Capabilities.
const (
	MaxValue   = 1 << 20 // bytes of a value: 1 MiB
	MaxService = 1 << 10 // bytes of a service name: 1 KiB
	MaxAccount = 1 << 10 // bytes of an account name: 1 KiB
)

// Store holds secrets.
type Store interface {
	// Info describes the store. It does no I/O.
	Info() Info

	// Get returns the item that the key names. It returns ErrNotFound only if
	// the store was read and holds no such item. A marker is an item: it is
	// returned, not reported as absence.
	Get(ctx context.Context, key Key) (Item, error)

	// Put writes the item if the condition holds and returns the revision that
	// it issued for this write. A condition that does not hold is ErrConflict
	// and changes nothing. The revision inside the item is ignored.
	Put(ctx context.Context, key Key, item Item, cond Condition) (Revision, error)

	// Delete removes the item if the condition holds. Nothing there is
	// ErrNotFound under Any and ErrConflict under a match.
	Delete(ctx context.Context, key Key, cond Condition) error

	// List names the items of a service, markers included, in no particular
	// order; the empty service means all. It neither decrypts values nor asks
	// anybody for anything. An item that is written or deleted while List runs
	// may be named or not; every other item is named exactly once.
	List(ctx context.Context, service string) ([]Entry, error)

	// Close releases what the store holds. Calls after Close fail with
	// ErrUnavailable.
	Close() error
}

// Info says what a store is.
type Info struct {
	// Kind is the store's type as a person names it: "vault", "keychain".
	Kind string
	// ID tells this store apart from others of its kind, for example by its
	// path. It is stable over time and holds nothing secret.
	ID string
	// Capabilities says what the store can promise.
	Capabilities Capabilities
}

// Capabilities says what a store can promise beyond its four verbs.
type Capabilities struct {
	// AtomicAbsent: Put under Absent is one atomic step in the store itself, for
	// all processes.
	AtomicAbsent bool
	// AtomicMatch: Put and Delete under Match are one atomic step in the store
	// itself, for all processes.
	AtomicMatch bool
	// Fenced: the store has no conditional writes of its own. Conditions hold among
	// all programs on this machine that use this package's implementations, by a
	// lock and a durable fence for each key; other programs' writes they cannot
	// hold back.
	Fenced bool
	// Records: the store keeps the record of an item, atomically with the value.
	Records bool
	// ReadOnly: Put is unsupported, whatever the condition.
	ReadOnly bool
	// Events: the store tells of changes made by other processes: it is a Watcher.
	Events bool
	// Persistent: items outlive the process that wrote them.
	Persistent bool
	// MayPrompt: reading a value may ask a person for permission.
	MayPrompt bool
	// Unlocks: a call that may ask a person has unlocked what is locked; one that
	// may not is ErrLocked and never asks. See WithInteraction.
	Unlocks bool
	// MaxValue is the store's own limit for a value in bytes; 0 means the
	// contract's limit.
	MaxValue int
}

// ValueLimit returns the largest value in bytes that the store takes.
func (c Capabilities) ValueLimit() int {
	if c.MaxValue > 0 && c.MaxValue < MaxValue {
		return c.MaxValue
	}
	return MaxValue
}

// Entry names one item without its value.
type Entry struct {
	Key      Key
	Record   Record
	Revision Revision
}

// FingerprintKeyer is implemented by stores that can derive a fingerprint key
// of their own, as the vault does from its key. For the others the engine keeps
// one in a reserved item.
type FingerprintKeyer interface {
	// FingerprintKey returns a secret of at least 32 bytes that stays the same
	// for the life of the store, or ErrUnsupported.
	FingerprintKey(ctx context.Context) ([]byte, error)
}
