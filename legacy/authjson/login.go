package authjson

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/kinring/kinring/internal/codexlock"
	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/internal/jsontext"
	"github.com/kinring/kinring/internal/settled"
	"github.com/kinring/kinring/internal/source"
	"github.com/kinring/kinring/store"
)

const (
	loginLayout = "authjson"
	loginFile   = "auth.json"
)

func init() { store.RegisterLayout(Login{}) }

// Login is the layout "authjson": one secret, the whole of auth.json.
type Login struct{}

// Name returns authjson.
func (Login) Name() string { return loginLayout }

// Capabilities says what a source will promise. Put under Absent is atomic even
// against builds that take no locks, because the file is made by a link that
// never replaces. Put and Delete under Match are not: Codex up to 0.145.0 may
// write between the look and the act.
func (Login) Capabilities() store.Capabilities {
	return store.Capabilities{AtomicAbsent: true, Persistent: true}
}

// Canonical returns compact JSON with sorted names.
func (Login) Canonical(value []byte) []byte { return jsontext.Canonical(value) }

// Open returns the source. The profile must assign exactly one key to it.
func (l Login) Open(config store.SourceConfig) (store.Store, error) {
	if len(config.Keys) != 1 {
		return nil, &store.Error{Class: store.ErrInvalid, Op: "open", Store: config.Name,
			Detail: "auth.json holds one secret", Remedy: "assign exactly one key to the source"}
	}
	f, err := newFile(config, loginFile, store.MaxValue)
	if err != nil {
		return nil, err
	}
	return &login{file: f, key: config.Keys[0].Key}, nil
}

// login is an auth.json.
type login struct {
	*file
	key store.Key
	// wrote is the stamp that this source wrote last.
	wrote atomic.Pointer[durable.Stamp]
}

func (l *login) Info() store.Info {
	return store.Info{Kind: loginLayout, ID: l.path, Capabilities: Login{}.Capabilities()}
}

func (l *login) Get(ctx context.Context, key store.Key) (store.Item, error) {
	if err := l.Enter(ctx, key); err != nil {
		return store.Item{}, l.At(err, "get", key)
	}
	if key != l.key {
		return store.Item{}, l.At(source.NothingThere(store.Any(), l.path), "get", key)
	}
	c, rev, err := l.revised(ctx)
	if err != nil {
		return store.Item{}, l.At(err, "get", key)
	}
	defer clear(c.data)
	return store.Item{Value: store.NewValue(c.data), Revision: rev}, nil
}

const (
	// tick is longer than the steps of a system's file times: 10 ms on a Linux
	// kernel built with HZ=100.
	tick = 20 * time.Millisecond
	// ticks is how many of them a read waits for a file that is in use.
	ticks = 2
)

// revised reads the file and names its revision. A file that was written in
// place within the last tick can be written once more and keep its stamp, so
// that one is read again a tick later. If it is still being written then, its
// content has no revision, which no match holds on.
func (l *login) revised(ctx context.Context) (content, store.Revision, error) {
	for n := 0; ; n++ {
		c, err := l.read(ctx)
		switch {
		case err != nil:
			return content{}, "", err
		case l.aged(c.stamp):
			return c, revision(c.stamp), nil
		case n == ticks || !settled.Pause(ctx, tick):
			return c, "", nil
		}
		clear(c.data)
	}
}

// aged reports whether no later write can show the same stamp: because it is
// old enough, or because this source gave the file a finer time than the
// system's.
func (l *login) aged(s durable.Stamp) bool {
	if own := l.wrote.Load(); own != nil && *own == s {
		return true
	}
	age := time.Since(time.Unix(0, s.Modified))
	return age < 0 || age >= tick
}

func (l *login) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	rev, err := l.put(ctx, key, item, cond)
	return rev, l.At(err, "put", key)
}

func (l *login) put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (rev store.Revision, err error) {
	if err := l.Enter(ctx, key); err != nil {
		return "", err
	}
	if err := checkItem(item, Login{}.Capabilities()); err != nil {
		return "", err
	}
	if key != l.key {
		return "", &store.Error{Class: store.ErrUnsupported, Store: l.path, Detail: "the file holds another key's secret only",
			Remedy: "assign the key to another source"}
	}
	if _, err := l.check(ctx, cond); err != nil { // then no lock file is made
		return "", err
	}
	if err := codexlock.MakeHome(l.home); err != nil {
		return "", err
	}
	err = codexlock.With(ctx, codexlock.Login(l.home, l.path), func(ctx context.Context) error {
		if _, err := l.check(ctx, cond); err != nil {
			return err
		}
		rev, err = l.replace(ctx, item.Value, cond.IsAbsent())
		return err
	})
	return rev, err
}

// check reads the file and checks the condition. Whatever keeps the file from
// being read keeps it from being written.
func (l *login) check(ctx context.Context, cond store.Condition) (present bool, err error) {
	c, rev, err := l.revised(ctx)
	defer clear(c.data)
	present = !errors.Is(err, store.ErrNotFound)
	switch {
	case present && err != nil:
		return false, err
	case !cond.Holds(present, rev):
		return false, source.Conflict(cond)
	}
	return present, nil
}

func (l *login) replace(ctx context.Context, v store.Value, mustBeAbsent bool) (rev store.Revision, err error) {
	v.View(func(value []byte) {
		var stamp durable.Stamp
		if stamp, err = l.write(ctx, value, mustBeAbsent); err == nil {
			rev = revision(stamp)
			l.wrote.Store(&stamp)
		}
	})
	return rev, err
}

func (l *login) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	return l.At(l.delete(ctx, key, cond), "delete", key)
}

func (l *login) delete(ctx context.Context, key store.Key, cond store.Condition) error {
	if err := l.Enter(ctx, key); err != nil {
		return err
	}
	if err := source.CheckDelete(cond); err != nil {
		return err
	}
	if key != l.key {
		return source.NothingThere(cond, l.path)
	}
	if err := l.checkThere(ctx, cond); err != nil { // then no lock file is made
		return err
	}
	return codexlock.With(ctx, codexlock.Login(l.home, l.path), func(ctx context.Context) error {
		if err := l.checkThere(ctx, cond); err != nil {
			return err
		}
		return durable.Remove(ctx, l.path)
	})
}

// checkThere is check for what needs a file.
func (l *login) checkThere(ctx context.Context, cond store.Condition) error {
	present, err := l.check(ctx, cond)
	if err == nil && !present {
		err = source.NothingThere(cond, l.path)
	}
	return err
}

func (l *login) List(ctx context.Context, service string) ([]store.Entry, error) {
	if err := l.Usable(ctx); err != nil {
		return nil, l.At(err, "list", store.Key{})
	}
	if service != "" && service != l.key.Service {
		return nil, nil
	}
	c, rev, err := l.revised(ctx)
	defer clear(c.data)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, l.At(err, "list", store.Key{})
	}
	return []store.Entry{{Key: l.key, Revision: rev}}, nil
}
