package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/store"
)

// Create makes a vault with a key slot for each key source. A path that is
// taken is ErrConflict and left alone. The vault is made beside its path and
// put there when it is whole, so that a crash leaves none or a good one.
func Create(ctx context.Context, options Options) error {
	return store.At(create(ctx, options, defaultBuild), "init", kind, store.Key{})
}

// build is what tests make cheaper.
type build struct {
	cost     cost // zero: calibrated
	pageSize int
}

var defaultBuild = build{pageSize: 4096}

func create(ctx context.Context, options Options, b build) error {
	path, err := resolve(options.Path)
	if err != nil {
		return err
	}
	if err := checkNew(ctx, path, options.Keys); err != nil {
		return err
	}
	cipher := cmp.Or(options.Cipher, DefaultCipher())
	if err := CheckCipher(cipher); err != nil {
		return err
	}
	if err := durable.MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	if err := checkFileSystem(filepath.Dir(path)); err != nil {
		return err
	}
	vaultKey := randomBytes(keySize)
	defer clear(vaultKey)
	h, err := newHeader(ctx, cipher, options.Keys, vaultKey, b.cost)
	if err != nil {
		return err
	}
	return place(ctx, path, func(temp string) error { return write(ctx, temp, h, vaultKey, b.pageSize) })
}

// checkNew refuses what cannot become a vault, before anything is made or
// anybody is asked.
func checkNew(ctx context.Context, path string, keys []KeySource) error {
	if err := store.FromContext(ctx); err != nil {
		return err
	}
	if len(keys) == 0 {
		return &store.Error{Class: store.ErrLocked, Detail: "no key was given for the new vault", Remedy: unlocking}
	}
	if len(keys) > maxSlots {
		return &store.Error{Class: store.ErrInvalid, Detail: fmt.Sprintf("%d keys were given", len(keys)),
			Remedy: fmt.Sprintf("give at most %d", maxSlots)}
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return taken(path, err)
	}
	// SQLite would take the log of an earlier vault for one of this vault's.
	if info, err := os.Lstat(path + "-wal"); err == nil && info.Size() > 0 {
		return taken(path+"-wal", nil)
	}
	return nil
}

// taken says that something is at the path, or that one cannot know.
func taken(path string, err error) error {
	if err != nil {
		return &store.Error{Class: store.ErrDenied, Store: path, Err: err, Detail: "it cannot be told whether there is a file",
			Remedy: "check the modes of its directories"}
	}
	return &store.Error{Class: store.ErrConflict, Store: path, Detail: "there is a file already",
		Remedy: "use it, move it away, or name another path"}
}

// CheckCipher refuses a cipher that is not known, or that this process may not
// use, before anything is made or anybody is asked. The empty name is the default.
func CheckCipher(name string) error {
	name = cmp.Or(name, DefaultCipher())
	if _, known := suites[name]; !known {
		return &store.Error{Class: store.ErrInvalid, Detail: fmt.Sprintf("there is no cipher %q", name),
			Remedy: "use " + CipherXChaCha + " or " + CipherAESGCM}
	}
	_, err := newCipher(name, make([]byte, keySize))
	return err
}

// newHeader makes a header with a slot for each source.
func newHeader(ctx context.Context, cipher string, sources []KeySource, vaultKey []byte, c cost) (header, error) {
	h := header{Format: format, Vault: randomBytes(vaultIDSize), Suite: cipher}
	for i, source := range sources {
		secret, err := source.fresh(ctx, h.Vault)
		if err != nil {
			return h, err
		}
		s, err := newSlot(ctx, h, uint64(i+1), source.kind, secret, vaultKey, c)
		clear(secret)
		if err != nil {
			return h, err
		}
		h.Slots = append(h.Slots, s)
	}
	return h, nil
}

// place makes a file in a directory of its own beside path and gives it the
// path.
func place(ctx context.Context, path string, fill func(temp string) error) error {
	dir := filepath.Dir(path)
	temp, err := os.MkdirTemp(dir, ".kinring-init-") // makes it with mode 0700
	if err != nil {
		return durable.Failure("make", dir, err)
	}
	defer os.RemoveAll(temp)
	built := filepath.Join(temp, "vault")
	if err := fill(built); err != nil {
		return err
	}
	if err := checkCompanions(path); err != nil {
		return err
	}
	if err := store.FromContext(ctx); err != nil {
		return err
	}
	if err := durable.Publish(built, path); err != nil {
		return err
	}
	if err := durable.SyncDir(dir); err != nil {
		return &store.Error{Class: store.ErrOutcomeUnknown, Store: path, Err: err,
			Detail: "the vault is made, and a power failure may take it away", Remedy: "check the disk, and that the vault is there"}
	}
	return nil
}

// write makes the database. SQLite gives its other files the mode of this one.
func write(ctx context.Context, path string, h header, vaultKey []byte, pageSize int) error {
	if err := makeEmpty(path); err != nil {
		return err
	}
	n, err := dial(ctx, path, accessWrite)
	if err != nil {
		return translate(err)
	}
	return translate(errors.Join(fill(n, h, vaultKey, pageSize), n.Close()))
}

func fill(n *conn, h header, vaultKey []byte, pageSize int) error {
	body, err := h.encode()
	if err != nil {
		return err
	}
	s, err := newSealer(vaultKey, h.Vault, h.Suite)
	if err != nil {
		return err
	}
	defer s.wipe()
	for _, statement := range []string{
		fmt.Sprintf("PRAGMA page_size = %d", pageSize),
		"PRAGMA journal_mode = WAL",
		"BEGIN IMMEDIATE",
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", h.Format),
		schema,
	} {
		if err := n.Script(statement); err != nil {
			return err
		}
	}
	if err := n.Exec("INSERT INTO header (one, body, mac) VALUES (1, ?, ?)", body, mac(s.header, body)); err != nil {
		return err
	}
	if err := n.Exec("INSERT INTO state (one, box) VALUES (1, ?)", s.sealCensus(census{})); err != nil {
		return err
	}
	if err := n.Exec("COMMIT"); err != nil {
		return err
	}
	// SQLite does so itself when the connection closes, and does not say if it failed:
	// then all of the vault were in the log, which stays behind.
	return n.emptyLog()
}
