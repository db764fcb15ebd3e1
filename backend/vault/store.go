package vault

import (
	"bytes"
	"context"
	"sync"

	"github.com/kinring/kinring/store"
)

// kind is what the vault is called in messages and in KINRING_STORE.
const kind = "vault"

// vaultStore is an open vault: a store.Store, a store.FingerprintKeyer and a
// store.Watcher.
type vaultStore struct {
	file     *file
	keys     []KeySource
	path     string
	readOnly bool

	// life ends with Close.
	life context.Context
	end  context.CancelFunc

	// open is held for reading by every call and for writing by Close.
	open   sync.RWMutex
	closed bool

	mu sync.Mutex
	// current seals and opens; it is replaced where the vault was rekeyed.
	current *sealer
	// checked is the last census that was compared with the rows.
	checked verified
	// failed is what made writing unsafe until the vault is opened anew.
	failed error
}

func capabilities(readOnly bool) store.Capabilities {
	return store.Capabilities{AtomicAbsent: true, AtomicMatch: true, Records: true, Persistent: true, Events: watches, ReadOnly: readOnly}
}

// Info names the vault by its path.
func (s *vaultStore) Info() store.Info {
	return store.Info{Kind: kind, ID: s.path, Capabilities: capabilities(s.readOnly)}
}

// errClosed is the error of calls after Close.
var errClosed = &store.Error{Class: store.ErrUnavailable, Detail: "the vault is closed", Remedy: "open it anew"}

// newStore returns a store that is not unlocked yet.
func newStore(f *file, path string, keys []KeySource) *vaultStore {
	s := &vaultStore{file: f, path: path, keys: keys}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// enter begins a call: it returns an error, or what ends the call.
func (s *vaultStore) enter(ctx context.Context) (leave func(), err error) {
	if err := store.FromContext(ctx); err != nil {
		return nil, err
	}
	s.open.RLock()
	if s.closed {
		s.open.RUnlock()
		return nil, errClosed
	}
	return s.open.RUnlock, nil
}

// Get returns one item.
func (s *vaultStore) Get(ctx context.Context, key store.Key) (store.Item, error) {
	item, err := s.get(ctx, key)
	return item, store.At(err, "get", kind, key)
}

func (s *vaultStore) get(ctx context.Context, key store.Key) (store.Item, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Item{}, err
	}
	leave, err := s.enter(ctx)
	if err != nil {
		return store.Item{}, err
	}
	defer leave()
	var item store.Item
	err = s.sealed(ctx, func(k *sealer) error {
		found, err := s.find(ctx, k, k.id(key))
		if err != nil {
			return err
		}
		item, err = k.openItem(key, found)
		return err
	})
	return item, err
}

// find returns the row at an address. What is there takes one statement; only
// an absence needs a snapshot to be proven on.
func (s *vaultStore) find(ctx context.Context, k *sealer, id []byte) (row, error) {
	var r row
	err := s.file.read(ctx, func(n *conn) error {
		var there bool
		var err error
		if r, there, err = n.row(columnsAll, id); err != nil || there {
			return err
		}
		return n.Transaction(func() error {
			if r, there, err = n.row(columnsAll, id); err != nil || there {
				return err
			}
			return s.absent(ctx, n, k)
		})
	})
	return r, err
}

// absent returns ErrNotFound, but only on evidence: damage to a page can hide a
// row, so the census of the snapshot must match the rows that are there.
func (s *vaultStore) absent(ctx context.Context, n *conn, k *sealer) error {
	if err := s.verify(ctx, n, k); err != nil {
		return err
	}
	return &store.Error{Class: store.ErrNotFound}
}

// verify compares the census with all rows, unless it did so for this very
// census before. It is called inside a transaction.
func (s *vaultStore) verify(ctx context.Context, n *conn, k *sealer) error {
	box, err := n.census()
	if err != nil || s.isChecked(box) {
		return err
	}
	return s.count(ctx, n, k, box, columnsCensus, func(row) error { return nil })
}

// errDisorder is the error for rows that are all there, but not where a search
// would find them.
var errDisorder = &store.Error{Class: store.ErrCorrupt, Detail: "the vault's rows are not in order", Remedy: restoring}

// count calls f with every row of a snapshot and reports rows that are missing,
// should not be there, or are not in the order that searching relies on.
func (s *vaultStore) count(ctx context.Context, n *conn, k *sealer, box []byte, columnsRead string, f func(row) error) error {
	sum, err := n.openCensus(k, box)
	if err != nil {
		return err
	}
	var counted census
	var last []byte
	err = n.rows(ctx, columnsRead, func(r row) error {
		if bytes.Compare(last, r.id) >= 0 {
			return errDisorder
		}
		last = r.id
		counted.add(k, r)
		return f(r)
	})
	if err != nil {
		return err
	}
	if err := sum.compare(counted); err != nil {
		return err
	}
	s.setChecked(box)
	return nil
}

func (s *vaultStore) isChecked(box []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checked.is(box)
}

func (s *vaultStore) setChecked(box []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checked.box = bytes.Clone(box)
}

// List names the items of a service.
func (s *vaultStore) List(ctx context.Context, service string) ([]store.Entry, error) {
	entries, err := s.list(ctx, service)
	return entries, store.At(err, "list", kind, store.Key{})
}

func (s *vaultStore) list(ctx context.Context, service string) ([]store.Entry, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var entries []store.Entry
	err = s.sealed(ctx, func(k *sealer) error {
		return s.file.read(ctx, func(n *conn) error {
			return n.Transaction(func() (err error) {
				entries, err = s.entries(ctx, n, k, service)
				return err
			})
		})
	})
	return entries, err
}

// entries reads every row of a snapshot, since the names are sealed, and
// returns those of the service if none of the rows is missing.
func (s *vaultStore) entries(ctx context.Context, n *conn, k *sealer, service string) ([]store.Entry, error) {
	box, err := n.census()
	if err != nil {
		return nil, err
	}
	var entries []store.Entry
	err = s.count(ctx, n, k, box, columnsEntry, func(r row) error {
		e, err := k.openEntry(r)
		if err == nil && (service == "" || e.Key.Service == service) {
			entries = append(entries, e)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

// FingerprintKey returns the vault's own key for fingerprints.
func (s *vaultStore) FingerprintKey(ctx context.Context) ([]byte, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, store.At(err, "fingerprint key", kind, store.Key{})
	}
	defer leave()
	return bytes.Clone(s.sealer().fingerprints), nil
}

// Close waits for calls that are under way, and closes the file if no other
// store of the process uses it.
func (s *vaultStore) Close() error {
	s.end()
	s.open.Lock()
	defer s.open.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.sealer().wipe()
	return store.At(translate(s.file.release()), "close", kind, store.Key{})
}
