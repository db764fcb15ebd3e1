// Package codexkeyring reads and writes the login that the OpenAI Codex CLI keeps
// in the system's keyring, as a legacy source of the layout "codexkeyring".
// Importing it registers the layout.
//
// The item is one of the Rust crate keyring (legacy/rustkeyring, or mackeyring of
// legacy/loginkeychain on a Mac), and so the layout of that has to be linked too.
// What this one adds are Codex's lock files: Codex 0.169.0 takes auth.lock and
// auth.json.lock in its folder around a change of the login also when it is not in
// a file, and reads it again under them. A change here is made under the same
// locks, briefly: whatever a person is asked, they are asked before. Credentials
// of MCP servers in the keyring have no locks, and need no layout but the crate's.
package codexkeyring

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/kinring/kinring/internal/codexlock"
	"github.com/kinring/kinring/internal/jsontext"
	"github.com/kinring/kinring/internal/source"
	"github.com/kinring/kinring/legacy/internal/crate"
	"github.com/kinring/kinring/store"
)

const (
	kind = "codexkeyring"
	// homeVariable is the profile's variable that holds Codex's folder.
	homeVariable = "home"
)

func init() { store.RegisterLayout(Layout{}) }

// Layout is the layout "codexkeyring".
type Layout struct{}

// Name returns codexkeyring.
func (Layout) Name() string { return kind }

// Capabilities says what a source will promise: no more than the keyring, since
// Codex up to 0.145.0 takes no locks.
func (Layout) Capabilities() store.Capabilities {
	if items, err := crate.Layout(); err == nil {
		return items.Capabilities()
	}
	return store.Capabilities{Persistent: true}
}

// Canonical returns compact JSON with sorted names.
func (Layout) Canonical(value []byte) []byte { return jsontext.Canonical(value) }

// Open returns the source. The profile must say where Codex's folder is.
func (Layout) Open(config store.SourceConfig) (store.Store, error) {
	home := config.Vars[homeVariable]
	if !filepath.IsAbs(home) {
		return nil, &store.Error{Class: store.ErrInvalid, Op: "open", Store: config.Name,
			Detail: "it is not said where Codex's folder is", Remedy: "give the profile an absolute variable " + homeVariable}
	}
	l, err := crate.Layout()
	if err != nil {
		return nil, store.At(err, "open", config.Name, store.Key{})
	}
	inner, err := l.Open(config)
	if err != nil {
		return nil, err
	}
	return &login{Store: inner, Door: &source.Door{Name: config.Name}, home: home}, nil
}

// login is the keyring's item, which is changed under locks.
type login struct {
	store.Store
	*source.Door
	home string
}

func (l *login) Info() store.Info {
	info := l.Store.Info()
	info.Kind = kind
	return info
}

// Close closes the keyring.
func (l *login) Close() error { return l.Store.Close() }

// Stamp tells cheaply whether the item may have changed.
func (l *login) Stamp(ctx context.Context, key store.Key) (string, error) {
	s, ok := l.Store.(interface {
		Stamp(context.Context, store.Key) (string, error)
	})
	if !ok {
		return "", nil
	}
	return s.Stamp(ctx, key)
}

func (l *login) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (rev store.Revision, err error) {
	err = l.locked(ctx, key, cond, func(ctx context.Context) error {
		rev, err = l.Store.Put(ctx, key, item, cond)
		return err
	})
	return rev, l.At(err, "put", key)
}

func (l *login) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	err := source.CheckDelete(cond)
	if err == nil {
		err = l.locked(ctx, key, cond, func(ctx context.Context) error { return l.Store.Delete(ctx, key, cond) })
	}
	return l.At(err, "delete", key)
}

// locked makes a change under Codex's locks. What would be refused anyway is
// refused before a lock file is made.
func (l *login) locked(ctx context.Context, key store.Key, cond store.Condition, change func(context.Context) error) error {
	asks := l.Store.Info().Capabilities.MayPrompt
	look := ctx
	if asks {
		look = store.WithInteraction(ctx, store.Never)
	}
	got, err := l.Store.Get(look, key)
	absent := errors.Is(err, store.ErrNotFound)
	switch {
	case absent || err == nil:
		if !cond.Holds(!absent, got.Revision) {
			return source.Conflict(cond)
		}
	case errors.Is(err, store.ErrTooLarge): // and can be changed
	case !asks || !forbidden(err):
		return err
	}
	if err := codexlock.MakeHome(l.home); err != nil {
		return err
	}
	if !asks {
		return l.under(ctx, change)
	}
	return l.quietly(ctx, key, change)
}

func (l *login) under(ctx context.Context, change func(context.Context) error) error {
	return codexlock.With(ctx, codexlock.Login(l.home, filepath.Join(l.home, "auth.json")), change)
}

// quietly makes a change under the locks without asking anybody. Where that is
// refused it lets go of them, since Codex waits for seconds and people think for
// longer, asks by reading the item, and tries once more.
func (l *login) quietly(ctx context.Context, key store.Key, change func(context.Context) error) error {
	silent := func(ctx context.Context) error { return change(store.WithInteraction(ctx, store.Never)) }
	err := l.under(ctx, silent)
	if i, _ := store.InteractionOf(ctx); i == store.Never || !forbidden(err) {
		return err
	}
	if _, err := l.Store.Get(ctx, key); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return l.under(ctx, silent)
}

// forbidden reports whether an error is one that asking a person may cure.
func forbidden(err error) bool {
	return errors.Is(err, store.ErrLocked) || errors.Is(err, store.ErrDenied)
}
