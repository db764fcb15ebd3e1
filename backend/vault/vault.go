// Package vault is kinring's embedded store: one encrypted file that any number
// of processes of one user may read and write at the same time. It is for where
// there is no keyring: servers, containers, continuous integration.
//
// # What it promises
//
// An acknowledged write survives a crash of the process and of the machine, as
// far as the disk keeps what it was told to sync. Every condition is checked
// and every write made in one atomic step. Every value, name and record is
// sealed, and bound to its vault, its key and its write; a row that was
// changed, moved or swapped is ErrCorrupt, never another value, and so is a row
// that has vanished: absence is believed only after the vault's sealed sum of
// its rows was compared with them.
//
// # What it does not promise
//
// Whoever can replace the whole file can put an earlier copy in its place
// unnoticed. The number of items, the sizes of names, records and values, the
// generation of each item and whether it is a marker can be seen without the
// key. Whoever runs as the same user, and can read the key, can read the
// secrets.
//
// # Files
//
// Beside the vault lie two companions of SQLite's, with -wal and -shm at the
// end of their names. They are made with the vault and stay: reading changes
// and makes nothing, not even there, unless Options say Resident. A copy of a vault that is not in use needs
// neither of them. Programs must not open and close the vault's files in a
// process that has it open: that drops SQLite's locks on them.
//
// The format is described in docs/FORMATS.md.
package vault

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/store"
)

// Options say where a vault is and what opens it.
type Options struct {
	// Path is the vault's file; empty means DefaultPath.
	Path string
	// Keys are tried until one opens the vault. Create makes a key slot for each.
	Keys []KeySource
	// ReadOnly refuses writes as unsupported. A vault that is only read is never
	// opened for writing, whether this is set or not.
	ReadOnly bool
	// Resident is for programs that stay and read often, such as brokers. They take
	// part in SQLite's shared memory from the first read on, as writers do, which
	// makes a read several times cheaper; the companion -shm is the one file to which
	// reading then writes.
	Resident bool
	// Cipher is what Create seals a new vault with; empty means DefaultCipher.
	Cipher string
}

// Open opens a vault that exists.
func Open(ctx context.Context, options Options) (store.Store, error) {
	s, err := open(ctx, options)
	if err != nil {
		return nil, store.At(err, "open", kind, store.Key{})
	}
	return s, nil
}

func open(ctx context.Context, options Options) (*vaultStore, error) {
	f, path, err := openFile(ctx, options.Path)
	if err != nil {
		return nil, err
	}
	if options.Resident {
		f.joinSharedMemory()
	}
	sealer, err := f.unlock(ctx, options.Keys)
	if err != nil {
		_ = f.release() // nothing was written through it
		return nil, err
	}
	s := newStore(f, path, options.Keys)
	s.current, s.readOnly = sealer, options.ReadOnly
	return s, nil
}

// openFile returns the process's one file for a vault, and its path. The caller
// releases it.
func openFile(ctx context.Context, path string) (*file, string, error) {
	if err := store.FromContext(ctx); err != nil {
		return nil, "", err
	}
	path, err := resolve(path)
	if err != nil {
		return nil, "", err
	}
	info, err := inspect(path)
	if err != nil {
		return nil, "", err
	}
	return acquire(path, info), path, nil
}

// readHeader reads the header, which is not authenticated yet.
func (f *file) readHeader(ctx context.Context) (raw stored, h header, err error) {
	err = f.read(ctx, func(n *conn) (err error) {
		raw, err = n.header()
		return err
	})
	if err != nil {
		return raw, h, err
	}
	h, err = raw.decode()
	return raw, h, err
}

// unlock reads the header, finds the vault key and authenticates the header
// with it.
func (f *file) unlock(ctx context.Context, keys []KeySource) (*sealer, error) {
	raw, h, err := f.readHeader(ctx)
	if err != nil {
		return nil, err
	}
	vaultKey, err := unlock(ctx, raw, h, keys)
	if err != nil {
		return nil, err
	}
	defer clear(vaultKey)
	return raw.sealer(h, vaultKey)
}

// resolve returns an absolute path.
func resolve(path string) (string, error) {
	if path == "" {
		return DefaultPath()
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", &store.Error{Class: store.ErrInvalid, Err: err, Detail: "the path of the vault cannot be made absolute",
			Remedy: "name the vault by an absolute path"}
	}
	return abs, nil
}

// private is what a vault's files must be like.
var private = durable.Limits{Private: true}

// smallest is the size of SQLite's smallest page: no vault is smaller.
const smallest = 512

// inspect looks at the vault's files from outside. It opens none of them: see
// file.
func inspect(path string) (fs.FileInfo, error) {
	info, err := durable.Check(path, private)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, noVault(path)
	case err != nil:
		return nil, err
	case info.Size() < smallest:
		return nil, &store.Error{Class: store.ErrCorrupt, Detail: fmt.Sprintf("the vault %s has %d bytes", path, info.Size()), Remedy: restoring}
	}
	if err := durable.CheckDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := checkFileSystem(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := checkAlone(path); err != nil {
		return nil, err
	}
	return info, checkCompanions(path)
}

// checkAlone refuses a file without companions that is no vault, before any are made
// beside it: it is somebody else's. Without them nobody has it open, so it may be
// opened here, see file.
func checkAlone(path string) error {
	for _, ending := range companions {
		if _, err := os.Lstat(path + ending); !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return durable.Failure("open", path, err)
	}
	defer f.Close()
	var head [idAt + 4]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return durable.Failure("read", path, err)
	}
	if binary.BigEndian.Uint32(head[idAt:]) != applicationID {
		return noneOfOurs()
	}
	return nil
}

// idAt is where SQLite's header has the application id, as the SQLite file format
// describes it under "The Database Header".
const idAt = 68

func noneOfOurs() error {
	return &store.Error{Class: store.ErrCorrupt, Detail: "the file is no vault of kinring's", Remedy: "name the right file, or restore it from a backup"}
}

func noVault(path string) error {
	return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService,
		Detail: "there is no vault at " + path, Remedy: "make one with: kinring init"}
}

// companions are the endings of the two files that SQLite keeps beside a
// database in WAL mode: the log, and the index of it that processes share.
var companions = []string{"-wal", "-shm"}

// checkCompanions makes the companions where a copy of a vault came without
// them.
func checkCompanions(path string) error {
	for _, ending := range companions {
		_, err := durable.Check(path+ending, private)
		if errors.Is(err, store.ErrNotFound) {
			err = makeEmpty(path + ending)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// makeEmpty makes an empty private file unless there is one.
func makeEmpty(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) { // its directory has gone
		return noVault(path)
	}
	if err != nil {
		failed := durable.Failure("make", path, err)
		var e *store.Error
		if errors.As(failed, &e) {
			e.Detail = "the vault lacks this file, and it cannot be made"
		}
		return failed
	}
	return f.Close()
}

// DefaultPath is where a user's vault is unless a path is given: in the
// directory that the platform has for data of programs.
func DefaultPath() (string, error) {
	dir, err := dataDir()
	if err != nil {
		return "", &store.Error{Class: store.ErrInvalid, Err: err, Detail: "the user's data directory is not known",
			Remedy: "set HOME, or name the vault by its path"}
	}
	return filepath.Join(dir, "kinring", "vault.db"), nil
}

func dataDir() (string, error) {
	switch runtime.GOOS {
	case "windows":
		return os.UserCacheDir() // %LocalAppData%, which does not roam
	case "darwin", "ios":
		return os.UserConfigDir() // ~/Library/Application Support
	}
	// The XDG base directory specification: a relative path is to be ignored.
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "share"), err
}

// DefaultKeyFile is where the driver looks for the key of a vault when it is
// given no key source. Whoever gets both files, say from one backup, has the
// secrets: a key elsewhere, or a passphrase, protects better.
func DefaultKeyFile(path string) string { return path + ".key" }

// Driver opens the vault of the options, whichever family asks. Without a key
// source it looks for the default key file.
func Driver(options Options) store.Driver { return vaultDriver{options} }

type vaultDriver struct{ options Options }

func (vaultDriver) Kind() string { return kind }

func (d vaultDriver) Capabilities() store.Capabilities { return capabilities(d.options.ReadOnly) }

// StoreID returns the ID that the opened vault will have.
func (d vaultDriver) StoreID() string {
	path, err := resolve(d.options.Path)
	if err != nil {
		return ""
	}
	return path
}

func (d vaultDriver) Open(ctx context.Context, _ store.Family) (store.Store, error) {
	options := d.options
	path, err := resolve(options.Path)
	if err != nil {
		return nil, store.At(err, "open", kind, store.Key{})
	}
	options.Path = path
	if len(options.Keys) == 0 {
		options.Keys = []KeySource{KeyFile(DefaultKeyFile(path))}
	}
	return Open(ctx, options)
}

func init() { store.Register(Driver(Options{})) }
