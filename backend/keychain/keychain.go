package keychain

import (
	"cmp"
	"context"
	"strconv"
	"sync/atomic"

	"github.com/kinring/kinring/internal/lease"
	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/store"
)

// Kind is what the store is called in messages and in KINRING_STORE.
const Kind = "keychain"

// Options adjust how items are kept.
type Options struct {
	// Migratable lets items go to another Mac with an encrypted backup. The default
	// keeps them on this one. Either way they can be read after the first unlock
	// since the machine started, so that a background program can. It holds for
	// items that are made from now on.
	Migratable bool
	// LockDir is where the locks on items without gena are; empty means the place
	// that all programs of the user share.
	LockDir string
	// Program is the calling program; nil means this process on this Mac. Only
	// kinring itself can give another one.
	Program *mac.Program
}

// accessible is the protection class of new items.
func (o Options) accessible() secitem.Constant {
	if o.Migratable {
		return secitem.AccessibleAfterFirstUnlock
	}
	return secitem.AccessibleAfterFirstUnlockThisDevice
}

func (o Options) program() (*mac.Program, error) {
	if o.Program != nil {
		return o.Program, nil
	}
	return mac.System()
}

// Driver opens the keychain with the options.
func Driver(options Options) store.Driver { return driver{options} }

func init() { store.Register(Driver(Options{})) }

type driver struct{ options Options }

func (driver) Kind() string                     { return Kind }
func (driver) Capabilities() store.Capabilities { return capabilities() }

func capabilities() store.Capabilities {
	return store.Capabilities{AtomicAbsent: true, AtomicMatch: true, Records: true, Persistent: true}
}

// Open makes the self-check and returns the store. It calls no keychain.
func (d driver) Open(ctx context.Context, family store.Family) (store.Store, error) {
	s, err := d.open(ctx, family)
	if err != nil {
		return nil, store.At(err, "open", Kind, store.Key{})
	}
	return s, nil
}

func (d driver) open(ctx context.Context, family store.Family) (*keychain, error) {
	if err := store.FromContext(ctx); err != nil {
		return nil, err
	}
	program, err := d.options.program()
	if err != nil {
		return nil, err
	}
	group, err := groupOf(program, family)
	if err != nil {
		return nil, err
	}
	return &keychain{program: program, group: group, options: d.options}, nil
}

// keychain is the items of one access group.
type keychain struct {
	program *mac.Program
	group   string
	options Options
	closed  atomic.Bool
}

// Info names the store by its group.
func (k *keychain) Info() store.Info {
	return store.Info{Kind: Kind, ID: k.group, Capabilities: capabilities()}
}

// Close makes later calls fail.
func (k *keychain) Close() error {
	k.closed.Store(true)
	return nil
}

// query names one item, or all of a service.
func (k *keychain) query(key store.Key) secitem.Query {
	return secitem.Query{Keychain: secitem.DataProtection, AccessGroup: k.group, Service: key.Service, Account: key.Account}
}

// copying returns a query for a search. Access controls that would ask a person
// make it fail instead.
func (k *keychain) copying(key store.Key) secitem.Query {
	q := k.query(key)
	q.ReturnAttributes, q.AuthUI = true, secitem.AuthUIFail
	return q
}

// enter refuses what needs no keychain to be refused.
func (k *keychain) enter(key store.Key) error {
	if k.closed.Load() {
		return &store.Error{Class: store.ErrUnavailable, Detail: "the store is closed", Remedy: "open it again"}
	}
	return store.CheckKey(key)
}

// Get returns one item.
func (k *keychain) Get(ctx context.Context, key store.Key) (store.Item, error) {
	item, err := k.get(ctx, key)
	return item, store.At(err, "get", Kind, key)
}

func (k *keychain) get(ctx context.Context, key store.Key) (store.Item, error) {
	if err := k.enter(key); err != nil {
		return store.Item{}, err
	}
	q := k.copying(key)
	q.ReturnData = true
	found, err := k.find(ctx, key, q)
	if err != nil {
		return store.Item{}, err
	}
	defer clear(found.Data)
	record, err := parseMark(found.Attributes.Bytes(secitem.KeyGeneric))
	if err != nil {
		return store.Item{}, err
	}
	if len(found.Data) > store.MaxValue {
		return store.Item{}, &store.Error{Class: store.ErrTooLarge, Detail: "another program stored a value of " + strconv.Itoa(len(found.Data)) + " bytes",
			Remedy: "delete the item with Keychain Access"}
	}
	return store.Item{Value: store.NewValue(found.Data), Record: record, Revision: revision(found.Attributes)}, nil
}

// find returns the one item that a query names.
func (k *keychain) find(ctx context.Context, key store.Key, q secitem.Query) (secitem.Item, error) {
	items, err := k.copy(ctx, key, q)
	if err != nil {
		return secitem.Item{}, err
	}
	if len(items) != 1 || keyOf(items[0]) != key || items[0].Attributes.String(secitem.KeyAccessGroup) != k.group {
		return secitem.Item{}, &store.Error{Class: store.ErrCorrupt, Detail: "the keychain answered with another item than was asked for",
			Remedy: "report this with the version of macOS"}
	}
	return items[0], nil
}

func (k *keychain) copy(ctx context.Context, key store.Key, q secitem.Query) ([]secitem.Item, error) {
	items, err := mac.Do(ctx, k.program, key, mac.Reading, func() ([]secitem.Item, error) {
		return k.program.CopyMatching(q.Dict())
	})
	return items, mac.Failure(err)
}

func keyOf(i secitem.Item) store.Key {
	return store.Key{Service: i.Attributes.String(secitem.KeyService), Account: i.Attributes.String(secitem.KeyAccount)}
}

func revision(attributes secitem.Dict) store.Revision {
	if gena := attributes.Bytes(secitem.KeyGeneric); len(gena) > 0 {
		return revisionOf(gena)
	}
	return store.Revision(unmarked + dateOf(attributes))
}

// List names the items of a service without decrypting them.
func (k *keychain) List(ctx context.Context, service string) ([]store.Entry, error) {
	entries, err := k.list(ctx, service)
	return entries, store.At(err, "list", Kind, store.Key{})
}

func (k *keychain) list(ctx context.Context, service string) ([]store.Entry, error) {
	if err := k.enter(store.Key{Service: "any", Account: "any"}); err != nil {
		return nil, err
	}
	q := k.copying(store.Key{Service: service})
	q.All = true
	items, err := k.copy(ctx, store.Key{Service: service}, q)
	if store.ClassOf(err) == store.ErrNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var entries []store.Entry
	for _, i := range items {
		// Other programs may make items that no key of kinring's can name.
		if key := keyOf(i); store.CheckKey(key) == nil {
			// A record that is damaged is told when the item is read.
			record, _ := parseMark(i.Attributes.Bytes(secitem.KeyGeneric))
			entries = append(entries, store.Entry{Key: key, Record: record, Revision: revision(i.Attributes)})
		}
	}
	return entries, nil
}

// LockDir is where leases on the keys are.
func (k *keychain) LockDir() string { return cmp.Or(k.options.LockDir, lease.DefaultDir()) }
