package codexsecrets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/kinring/kinring/internal/codexlock"
	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/internal/source"
	"github.com/kinring/kinring/store"
)

// fileMode is private, where Codex leaves what the umask allows.
const fileMode = 0o600

// secrets is one of Codex's encrypted files.
type secrets struct {
	source.Door
	layout  Layout
	home    string
	path    string
	service string
	only    store.Key // of a file that holds one
	keyring store.Store

	mu    sync.Mutex
	users int    // batches under way
	last  opened // for as long as a batch runs
}

// opened is a file's content.
type opened struct {
	file       []byte // as it is on disk; nil if there is none
	passphrase string
	entries    entries
}

func (s *secrets) Info() store.Info {
	return store.Info{Kind: s.layout.kind, ID: s.path, Capabilities: s.layout.Capabilities()}
}

// Close closes the keyring too.
func (s *secrets) Close() error {
	_ = s.Door.Close() // never fails
	return s.keyring.Close()
}

// Batch keeps what was opened until the last batch ends: opening the file for
// each of many entries would take a second each.
func (s *secrets) Batch() (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.users--; s.users == 0 {
			s.last = opened{}
		}
	}
}

// read opens the file. Without one there are no entries, and that takes no
// passphrase.
func (s *secrets) read(ctx context.Context) (opened, error) {
	file, _, err := durable.ReadFile(ctx, s.path, durable.Limits{MaxSize: fileLimit})
	if errors.Is(err, store.ErrNotFound) {
		return opened{}, nil
	}
	if err != nil {
		return opened{}, err
	}
	if o, kept := s.kept(file); kept {
		return o, nil
	}
	o := opened{file: file}
	if o.passphrase, err = s.passphrase(ctx); err != nil {
		return opened{}, err
	}
	o.entries, err = patiently(ctx, func() (entries, error) { return open(file, o.passphrase) })
	if err != nil {
		return opened{}, store.At(err, "", s.path, store.Key{})
	}
	s.keep(o)
	return o, nil
}

func (s *secrets) kept(file []byte) (opened, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, s.last.file != nil && bytes.Equal(s.last.file, file)
}

func (s *secrets) keep(o opened) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users > 0 {
		s.last = o
	}
}

// passphrase reads the item in the keyring. That there is none does not mean
// that there is no secret.
func (s *secrets) passphrase(ctx context.Context) (string, error) {
	item, err := s.keyring.Get(ctx, passphraseKey(s.home))
	if errors.Is(err, store.ErrNotFound) {
		return "", &store.Error{Class: store.ErrLocked, Store: s.path, Detail: "it is encrypted, and its passphrase is not in the keyring",
			Remedy: "restore the keyring's item of the service codex, or sign in again with Codex"}
	}
	return string(item.Value.Bytes()), err
}

// revision names an entry by its text.
func revision(name, text string) store.Revision { return source.Revision([]byte(name), []byte(text)) }

func (s *secrets) Get(ctx context.Context, key store.Key) (store.Item, error) {
	item, err := s.get(ctx, key)
	return item, s.At(err, "get", key)
}

func (s *secrets) get(ctx context.Context, key store.Key) (store.Item, error) {
	if err := s.Enter(ctx, key); err != nil {
		return store.Item{}, err
	}
	name := s.layout.name(s, key)
	if name == "" {
		return store.Item{}, source.NothingThere(store.Any(), s.path)
	}
	o, err := s.read(ctx)
	text, there := o.entries[name]
	switch {
	case err != nil:
		return store.Item{}, err
	case !there:
		return store.Item{}, source.NothingThere(store.Any(), s.path)
	case len(text) > store.MaxValue:
		return store.Item{}, &store.Error{Class: store.ErrTooLarge, Store: s.path, Detail: "the secret is larger than any value", Remedy: "check what it is"}
	}
	return store.Item{Value: store.NewValue([]byte(text)), Revision: revision(name, text)}, nil
}

func (s *secrets) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	rev, err := s.put(ctx, key, item, cond)
	return rev, s.At(err, "put", key)
}

func (s *secrets) put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	if err := s.Enter(ctx, key); err != nil {
		return "", err
	}
	if err := source.CheckItem(item, s.layout.Capabilities()); err != nil {
		return "", err
	}
	name, text := s.layout.name(s, key), string(item.Value.Bytes())
	switch {
	case name == "":
		return "", source.WrongService(s.path)
	case text == "": // Codex refuses the whole file for it
		return "", &store.Error{Class: store.ErrInvalid, Detail: "Codex keeps no empty secrets", Remedy: "give a value, or delete the key"}
	}
	err := s.change(ctx, key, cond, func(e entries) error {
		e[name] = text
		return nil
	})
	return revision(name, text), err
}

func (s *secrets) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	return s.At(s.delete(ctx, key, cond), "delete", key)
}

func (s *secrets) delete(ctx context.Context, key store.Key, cond store.Condition) error {
	if err := s.Enter(ctx, key); err != nil {
		return err
	}
	if err := source.CheckDelete(cond); err != nil {
		return err
	}
	name := s.layout.name(s, key)
	if name == "" {
		return source.NothingThere(cond, s.path)
	}
	return s.change(ctx, key, cond, func(e entries) error {
		if _, there := e[name]; !there {
			return source.NothingThere(cond, s.path)
		}
		delete(e, name)
		return nil
	})
}

// attempts bounds how often a change is prepared again because Codex wrote the
// file meanwhile.
const attempts = 4

// errMoved says that the file is another one by now.
var errMoved = errors.New("the file was written meanwhile")

// change prepares another file if the condition holds, and puts it in the place
// of the one that it was made from.
func (s *secrets) change(ctx context.Context, key store.Key, cond store.Condition, edit func(entries) error) error {
	for range attempts {
		file, err := s.changeOnce(ctx, key, cond, edit)
		if err == nil {
			err = s.place(ctx, key, file)
		}
		if !errors.Is(err, errMoved) {
			return err
		}
	}
	return &store.Error{Class: store.ErrConflict, Store: s.path, Detail: "Codex writes the file again and again", Remedy: "try again"}
}

// prepared is a file and what it was made from.
type prepared struct{ before, after []byte }

func (s *secrets) changeOnce(ctx context.Context, key store.Key, cond store.Condition, edit func(entries) error) (prepared, error) {
	o, err := s.read(ctx)
	if err != nil {
		return prepared{}, err
	}
	name := s.layout.name(s, key)
	text, there := o.entries[name]
	if !cond.Holds(there, revision(name, text)) {
		return prepared{}, source.Conflict(cond)
	}
	next := entries{}
	for n, t := range o.entries {
		next[n] = t
	}
	if err := edit(next); err != nil {
		return prepared{}, err
	}
	factor := newWork
	if o.file == nil {
		o.passphrase, err = s.passphrase(ctx)
	} else {
		factor, err = work(o.file)
	}
	if err != nil {
		return prepared{}, err
	}
	after, err := patiently(ctx, func() ([]byte, error) { return seal(next, o.passphrase, factor) })
	return prepared{o.file, after}, err
}

// place puts a prepared file in place under Codex's locks.
func (s *secrets) place(ctx context.Context, key store.Key, p prepared) error {
	if err := codexlock.MakeHome(filepath.Dir(s.path)); err != nil {
		return err
	}
	locks, err := s.layout.locks(s, key)
	if err != nil {
		return err
	}
	return codexlock.With(ctx, locks, func(ctx context.Context) error {
		now, _, err := durable.ReadFile(ctx, s.path, durable.Limits{MaxSize: fileLimit})
		switch {
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		case !bytes.Equal(now, p.before):
			return errMoved
		case p.before == nil:
			return durable.CreateFile(ctx, s.path, p.after, fileMode)
		}
		return durable.WriteFile(ctx, s.path, p.after, fileMode)
	})
}

// List names the secrets. Their names are in the encrypted part, so that it takes
// the passphrase to tell more than that there is no file.
func (s *secrets) List(ctx context.Context, service string) ([]store.Entry, error) {
	out, err := s.list(ctx, service)
	return out, s.At(err, "list", store.Key{})
}

func (s *secrets) list(ctx context.Context, service string) ([]store.Entry, error) {
	if err := s.Usable(ctx); err != nil {
		return nil, err
	}
	if service != "" && service != s.service {
		return nil, nil
	}
	o, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var out []store.Entry
	unnamed := 0
	for name, text := range o.entries {
		key, ok := s.layout.key(s, name, text)
		if !ok || store.CheckKey(key) != nil {
			unnamed++
			continue
		}
		out = append(out, store.Entry{Key: key, Revision: revision(name, text)})
	}
	if unnamed > 0 {
		err = &store.Error{Class: store.ErrUnsupported, Store: s.path, Detail: fmt.Sprintf("%d secrets do not tell what they are", unnamed),
			Remedy: "update this program"}
	}
	return out, err
}

// Stamp tells cheaply, without opening the file, whether it changed: Codex
// replaces it with each write.
func (s *secrets) Stamp(ctx context.Context, key store.Key) (string, error) {
	if err := s.Enter(ctx, key); err != nil {
		return "", s.At(err, "stamp", key)
	}
	t, err := durable.StampOf(s.path)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return "absent", nil
	}
	return fmt.Sprintf("%x-%x-%x-%x", t.Device, t.File, t.Size, t.Modified), s.At(err, "stamp", key)
}
