package keyring99

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/internal/settled"
	"github.com/kinring/kinring/internal/source"
	"github.com/kinring/kinring/store"
)

const (
	filesLayout = "keyring99file"
	// passphraseVariable is the profile's variable that names the file with the
	// passphrase.
	passphraseVariable = "passphrase"
	// fileLimit is the largest file: the largest value twice in base64, and the
	// object and the token around it.
	fileLimit = 2*store.MaxValue + 64<<10
	fileMode  = 0o600
)

// Files is the layout "keyring99file".
type Files struct{}

// Name returns keyring99file.
func (Files) Name() string { return filesLayout }

// Capabilities says what a source will promise. A new file is made by a link
// that never replaces; but the library writes without looking, so that nothing
// holds against it.
func (Files) Capabilities() store.Capabilities { return store.Capabilities{Persistent: true} }

// Canonical returns the value as it is.
func (Files) Canonical(value []byte) []byte { return value }

// Open returns the source. The profile must say where the folder is.
func (Files) Open(config store.SourceConfig) (store.Store, error) {
	if !filepath.IsAbs(config.Path) || config.Service == "" {
		return nil, &store.Error{Class: store.ErrInvalid, Op: "open", Store: config.Name,
			Detail: "it is not said where the files are or which service they belong to",
			Remedy: "give the source an absolute path, and the profile a service"}
	}
	return &files{Door: source.Door{Name: config.Name}, dir: config.Path, service: config.Service,
		passphrase: config.Vars[passphraseVariable]}, nil
}

// files is a folder of encrypted files.
type files struct {
	source.Door
	dir        string
	service    string
	passphrase string // the file's path; empty if none is named
}

func (f *files) Info() store.Info {
	return store.Info{Kind: filesLayout, ID: f.dir, Capabilities: Files{}.Capabilities()}
}

// maxName is how long a file's name may be, in bytes, on every file system that
// is in use.
const maxName = 255

// path returns where a key's file is. It reports false if no file can be: the
// library could not have stored such a key.
func (f *files) path(key store.Key) (string, bool) {
	name := escape(key.Account)
	if key.Service != f.service || len(name) > maxName || name == "." || name == ".." ||
		strings.ContainsRune(name, filepath.Separator) || runtime.GOOS == "windows" && strings.Contains(name, ":") {
		return "", false
	}
	return filepath.Join(f.dir, name), true
}

// escape is the library's own escaping of names.
func escape(name string) string {
	return strings.NewReplacer("%", "%25", "/", "%2F").Replace(name)
}

// unescape undoes any percent-encoding, as the library does. It reports false
// for a name that it would not have given.
func unescape(name string) (string, bool) {
	account := strings.NewReplacer("%25", "%", "%2F", "/").Replace(name)
	return account, escape(account) == name
}

// content reads a key's file, which is whole when it is one token.
func (f *files) content(ctx context.Context, path string) ([]byte, error) {
	data, _, err := settled.File{Path: path, Limits: durable.Limits{MaxSize: fileLimit}, Whole: whole}.Read(ctx)
	return data, f.nameless(err)
}

// nameless takes the file's name out of an error, because it is the account.
func (f *files) nameless(err error) error {
	var e *store.Error
	if !errors.As(err, &e) {
		return err
	}
	return &store.Error{Class: e.Class, Reason: e.Reason, Store: f.dir, Detail: "a file: " + e.Detail, Native: e.Native, Remedy: e.Remedy}
}

// whole returns nil for a token: five parts, the last of 16 bytes.
func whole(data []byte) error {
	parts := strings.Split(string(data), ".")
	if len(parts) != 5 || len(parts[4]) != 22 {
		return errors.New("it is no encrypted secret of this library")
	}
	return nil
}

// revision names a file by its content, which is another after every write: the
// library encrypts each with a key of its own.
func revision(key store.Key, data []byte) store.Revision {
	return source.Revision([]byte(key.Account), data)
}

// look reads a key's file. present is false if there is none.
func (f *files) look(ctx context.Context, key store.Key) (path string, data []byte, present bool, err error) {
	path, can := f.path(key)
	if !can {
		return "", nil, false, nil
	}
	data, err = f.content(ctx, path)
	if errors.Is(err, store.ErrNotFound) {
		return path, nil, false, nil
	}
	return path, data, err == nil, err
}

func (f *files) Get(ctx context.Context, key store.Key) (store.Item, error) {
	item, err := f.get(ctx, key)
	return item, f.At(err, "get", key)
}

func (f *files) get(ctx context.Context, key store.Key) (store.Item, error) {
	if err := f.Enter(ctx, key); err != nil {
		return store.Item{}, err
	}
	_, data, present, err := f.look(ctx, key)
	switch {
	case err != nil:
		return store.Item{}, err
	case !present:
		return store.Item{}, source.NothingThere(store.Any(), f.dir)
	}
	text, err := f.decrypt(ctx, data)
	if err != nil {
		return store.Item{}, err
	}
	defer clear(text)
	value, err := object{}.Decode(text)
	if err != nil {
		return store.Item{}, &store.Error{Class: store.ErrCorrupt, Store: f.dir, Detail: err.Error(), Remedy: "store it again with the older build"}
	}
	defer clear(value)
	if len(value) > store.MaxValue {
		return store.Item{}, &store.Error{Class: store.ErrTooLarge, Store: f.dir, Detail: "the value is larger than any", Remedy: "check what it is"}
	}
	return store.Item{Value: store.NewValue(value), Revision: revision(key, data)}, nil
}

func (f *files) decrypt(ctx context.Context, data []byte) ([]byte, error) {
	passphrase, err := f.secret(ctx)
	if err != nil {
		return nil, err
	}
	defer clear(passphrase)
	text, err := open(data, passphrase)
	return text, store.At(err, "", f.dir, store.Key{})
}

// secret reads the passphrase.
func (f *files) secret(ctx context.Context) ([]byte, error) {
	if f.passphrase == "" {
		return nil, &store.Error{Class: store.ErrLocked, Store: f.dir, Detail: "the files are encrypted and no passphrase is known",
			Remedy: "give the profile a variable " + passphraseVariable + " with the path of a file that holds it"}
	}
	text, _, err := durable.ReadFile(ctx, f.passphrase, durable.Limits{MaxSize: 4 << 10, Private: true, Pipes: true})
	if errors.Is(err, store.ErrNotFound) {
		err = &store.Error{Class: store.ErrLocked, Store: f.passphrase, Detail: "there is no such passphrase file", Remedy: "make it, or name another"}
	}
	if line := strings.TrimSuffix(string(text), "\n"); len(line) < len(text) {
		text = text[:len(strings.TrimSuffix(line, "\r"))]
	}
	return text, err
}

func (f *files) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	rev, err := f.put(ctx, key, item, cond)
	return rev, f.At(err, "put", key)
}

func (f *files) put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	if err := f.Enter(ctx, key); err != nil {
		return "", err
	}
	if err := source.CheckItem(item, Files{}.Capabilities()); err != nil {
		return "", err
	}
	if key.Service != f.service {
		return "", source.WrongService(f.dir)
	}
	if _, can := f.path(key); !can {
		return "", &store.Error{Class: store.ErrUnsupported, Detail: "no file can have the account as its name", Remedy: "use a shorter account"}
	}
	path, data, present, err := f.look(ctx, key)
	switch {
	case err != nil:
		return "", err
	case !cond.Holds(present, revision(key, data)):
		return "", source.Conflict(cond)
	}
	token, err := f.encrypt(ctx, key, item.Value, data)
	if err != nil {
		return "", err
	}
	if err := f.place(ctx, path, token, cond); err != nil {
		return "", f.nameless(err)
	}
	return revision(key, token), nil
}

func (f *files) place(ctx context.Context, path string, token []byte, cond store.Condition) error {
	if _, err := os.Stat(f.dir); errors.Is(err, fs.ErrNotExist) {
		if err := durable.MkdirAll(f.dir); err != nil {
			return err
		}
	}
	if cond.IsAbsent() {
		return durable.CreateFile(ctx, path, token, fileMode)
	}
	return durable.WriteFile(ctx, path, token, fileMode)
}

// encrypt returns the token that holds a value in place of the one that is there.
func (f *files) encrypt(ctx context.Context, key store.Key, value store.Value, data []byte) ([]byte, error) {
	passphrase, err := f.secret(ctx)
	if err != nil {
		return nil, err
	}
	defer clear(passphrase)
	var before []byte
	if data != nil {
		if before, err = open(data, passphrase); err != nil {
			return nil, store.At(err, "", f.dir, store.Key{})
		}
		defer clear(before)
	}
	plain := value.Bytes()
	defer clear(plain)
	text, err := object{}.Encode(key, plain, before)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return seal(text, passphrase)
}

func (f *files) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	return f.At(f.delete(ctx, key, cond), "delete", key)
}

func (f *files) delete(ctx context.Context, key store.Key, cond store.Condition) error {
	if err := f.Enter(ctx, key); err != nil {
		return err
	}
	if err := source.CheckDelete(cond); err != nil {
		return err
	}
	path, data, present, err := f.look(ctx, key)
	switch {
	case err != nil:
		return err
	case !present:
		return source.NothingThere(cond, f.dir)
	case !cond.Holds(true, revision(key, data)):
		return source.Conflict(cond)
	}
	return f.nameless(durable.Remove(ctx, path))
}

// List names the files. It needs no passphrase.
func (f *files) List(ctx context.Context, service string) ([]store.Entry, error) {
	if err := f.Usable(ctx); err != nil {
		return nil, f.At(err, "list", store.Key{})
	}
	if service != "" && service != f.service {
		return nil, nil
	}
	all, err := os.ReadDir(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &store.Error{Class: store.ErrDenied, Op: "list", Store: f.Name, Detail: "the folder cannot be read", Err: err,
			Remedy: fmt.Sprintf("make %s readable", f.dir)}
	}
	var out []store.Entry
	for _, e := range all {
		if entry, ok := f.entry(ctx, e); ok {
			out = append(out, entry)
		}
	}
	return out, nil
}

// entry names one file, as the library does: whatever it holds. What is not a
// regular file or has a name that the library would not give is none of its.
func (f *files) entry(ctx context.Context, e fs.DirEntry) (store.Entry, bool) {
	account, ok := unescape(e.Name())
	key := store.Key{Service: f.service, Account: account}
	if !ok || !e.Type().IsRegular() || store.CheckKey(key) != nil {
		return store.Entry{}, false
	}
	data, err := f.content(ctx, filepath.Join(f.dir, e.Name()))
	if errors.Is(err, store.ErrNotFound) { // removed meanwhile
		return store.Entry{}, false
	}
	entry := store.Entry{Key: key}
	if err == nil {
		entry.Revision = revision(key, data)
	}
	return entry, true
}

// Stamp tells cheaply, without reading the file, whether it changed.
func (f *files) Stamp(ctx context.Context, key store.Key) (string, error) {
	if err := f.Enter(ctx, key); err != nil {
		return "", f.At(err, "stamp", key)
	}
	path, can := f.path(key)
	if !can {
		return "absent", nil
	}
	s, err := durable.StampOf(path)
	if errors.Is(err, store.ErrNotFound) {
		return "absent", nil
	}
	return fmt.Sprintf("%x-%x-%x-%x", s.Device, s.File, s.Size, s.Modified), f.At(f.nameless(err), "stamp", key)
}
