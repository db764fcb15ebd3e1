package kinringtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/internal/filelock"
	"github.com/kinring/kinring/internal/source"
	"github.com/kinring/kinring/store"
)

// folderLayout is the layout of a test's legacy sources: a folder with a file for
// each key.
const folderLayout = "testfolder"

func init() { store.RegisterLayout(layout{}) }

type layout struct{}

func (layout) Name() string                     { return folderLayout }
func (layout) Capabilities() store.Capabilities { return store.Capabilities{Persistent: true} }
func (layout) Canonical(value []byte) []byte    { return value }

func (layout) Open(c store.SourceConfig) (store.Store, error) {
	if !filepath.IsAbs(c.Path) {
		return nil, &store.Error{Class: store.ErrInvalid, Op: "open", Store: c.Name, Detail: "the folder is not absolute",
			Remedy: "let kinringtest.New make the ring"}
	}
	return newFolder(c.Name, c.Path), nil
}

// folder is a legacy source.
type folder struct {
	source.Door
	dir string
}

func newFolder(name, dir string) *folder { return &folder{source.Door{Name: name}, dir} }

// file is the content of one file. Nobody but this package reads it.
type file struct {
	Service  string
	Account  string
	Value    []byte
	Revision string
}

const (
	fileTail = ".json"
	// maxFile is more than a value of the largest size takes in base64.
	maxFile = 2 * store.MaxValue
)

func (f *folder) Info() store.Info {
	return store.Info{Kind: folderLayout, ID: f.dir, Capabilities: layout{}.Capabilities()}
}

func (f *folder) path(key store.Key) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s", len(key.Service), key.Service, key.Account))
	return filepath.Join(f.dir, hex.EncodeToString(sum[:])+fileTail)
}

func (f *folder) read(ctx context.Context, path string) (file, error) {
	text, _, err := durable.ReadFile(ctx, path, durable.Limits{MaxSize: maxFile})
	if err != nil {
		return file{}, err
	}
	var content file
	if err := json.Unmarshal(text, &content); err != nil {
		return file{}, &store.Error{Class: store.ErrCorrupt, Detail: path + " is not a file of kinringtest", Remedy: "leave its folder alone"}
	}
	return content, nil
}

// Get returns the item that the key names.
func (f *folder) Get(ctx context.Context, key store.Key) (store.Item, error) {
	err := f.Enter(ctx, key)
	var content file
	if err == nil {
		content, err = f.read(ctx, f.path(key))
	}
	if err != nil {
		return store.Item{}, f.At(err, "get", key)
	}
	return store.Item{Value: store.NewValue(content.Value), Revision: store.Revision(content.Revision)}, nil
}

// Put writes the item if the condition holds.
func (f *folder) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	content := file{key.Service, key.Account, item.Value.Bytes(), rand.Text()}
	err := f.change(ctx, key, item, cond, func(path string, _ bool) error {
		text, err := json.Marshal(content)
		if err != nil {
			return err
		}
		return durable.WriteFile(ctx, path, text, 0o600)
	})
	if err != nil {
		return "", f.At(err, "put", key)
	}
	return store.Revision(content.Revision), nil
}

// Delete removes the item if the condition holds.
func (f *folder) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	if err := source.CheckDelete(cond); err != nil {
		return f.At(err, "delete", key)
	}
	err := f.change(ctx, key, store.Item{}, cond, func(path string, present bool) error {
		if !present {
			return &store.Error{Class: store.ErrNotFound}
		}
		return durable.Remove(ctx, path)
	})
	return f.At(err, "delete", key)
}

// change makes a change under the folder's lock if the condition holds.
func (f *folder) change(ctx context.Context, key store.Key, item store.Item, cond store.Condition, do func(path string, present bool) error) error {
	if err := f.Enter(ctx, key); err != nil {
		return err
	}
	if err := source.CheckItem(item, layout{}.Capabilities()); err != nil {
		return err
	}
	if err := durable.MkdirAll(f.dir); err != nil {
		return err
	}
	lock, err := filelock.Acquire(ctx, filepath.Join(f.dir, "lock"), filelock.Options{Mode: 0o600})
	if err != nil {
		return err
	}
	defer lock.Unlock()
	old, err := f.read(ctx, f.path(key))
	present := !errors.Is(err, store.ErrNotFound)
	switch {
	case present && err != nil:
		return err
	case !cond.Holds(present, store.Revision(old.Revision)):
		return source.Conflict(cond)
	}
	return do(f.path(key), present)
}

// List names the items of a service, or all.
func (f *folder) List(ctx context.Context, service string) ([]store.Entry, error) {
	entries, err := f.list(ctx, service)
	return entries, f.At(err, "list", store.Key{})
}

func (f *folder) list(ctx context.Context, service string) ([]store.Entry, error) {
	if err := f.Usable(ctx); err != nil {
		return nil, err
	}
	names, err := os.ReadDir(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &store.Error{Class: store.ErrDenied, Detail: "the folder cannot be listed", Err: err, Remedy: "leave it alone"}
	}
	var all []store.Entry
	for _, n := range names {
		if !strings.HasSuffix(n.Name(), fileTail) {
			continue
		}
		content, err := f.read(ctx, filepath.Join(f.dir, n.Name()))
		switch {
		case errors.Is(err, store.ErrNotFound): // removed since
		case err != nil:
			return nil, err
		case service == "" || service == content.Service:
			all = append(all, store.Entry{Key: store.Key{Service: content.Service, Account: content.Account},
				Revision: store.Revision(content.Revision)})
		}
	}
	return all, nil
}
