package storetest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/kinring/kinring/store"
)

// valueBug changes each value on its way in.
func valueBug(change func([]byte) []byte) func(store.Store) bent {
	return func(s store.Store) bent {
		return bent{Store: s, put: func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			if i.Value.Len() <= store.MaxValue {
				i.Value = store.NewValue(change(i.Value.Bytes()))
			}
			return s.Put(ctx, k, i, cond)
		}}
	}
}

var valueBugs = []bug{
	{name: "trims values", meant: []string{"I1/value-bytes"}, bend: valueBug(bytes.TrimSpace)},
	{name: "truncates at NUL", meant: []string{"I1/value-bytes"}, bend: valueBug(func(b []byte) []byte {
		b, _, _ = bytes.Cut(b, []byte{0})
		return b
	})},
	{name: "mends UTF-8", meant: []string{"I1/value-bytes"}, bend: valueBug(func(b []byte) []byte {
		return bytes.ToValidUTF8(b, []byte(string(utf8.RuneError)))
	})},
	{name: "adds a newline", meant: []string{"I1/value-bytes"}, bend: valueBug(func(b []byte) []byte {
		if len(b) == 0 || bytes.HasSuffix(b, []byte("\n")) {
			return b
		}
		return append(b, '\n')
	})},
	{name: "takes an empty value for absence", meant: []string{"I4/empty-value"}, bend: func(s store.Store) bent {
		return bent{Store: s, get: func(ctx context.Context, k store.Key) (store.Item, error) {
			i, err := s.Get(ctx, k)
			if err == nil && i.Value.Len() == 0 && !i.Record.Present() {
				return store.Item{}, &store.Error{Class: store.ErrNotFound}
			}
			return i, err
		}}
	}},
	{name: "keeps the end of a longer value", meant: []string{"I10/overwrite"}, bend: func(s store.Store) bent {
		return bent{Store: s, put: func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			if old, err := s.Get(ctx, k); err == nil && old.Value.Len() > i.Value.Len() {
				i.Value = store.NewValue(append(i.Value.Bytes(), old.Value.Bytes()[i.Value.Len():]...))
			}
			return s.Put(ctx, k, i, cond)
		}}
	}},
	{name: "reads from a cache", meant: []string{"I10/overwrite", "I2/delete"}, bend: func(s store.Store) bent {
		var cache sync.Map
		return bent{Store: s, get: func(ctx context.Context, k store.Key) (store.Item, error) {
			if i, ok := cache.Load(k); ok {
				return i.(store.Item), nil
			}
			i, err := s.Get(ctx, k)
			if err == nil {
				cache.Store(k, i)
			}
			return i, err
		}, del: func(ctx context.Context, k store.Key, cond store.Condition) error {
			if i, err := s.Get(ctx, k); err == nil {
				cache.Store(k, i)
			}
			return s.Delete(ctx, k, cond)
		}}
	}},
	{name: "reads nothing as an empty value", meant: []string{"I4/missing"}, bend: func(s store.Store) bent {
		return bent{Store: s, get: func(ctx context.Context, k store.Key) (store.Item, error) {
			i, err := s.Get(ctx, k)
			if errors.Is(err, store.ErrNotFound) {
				return store.Item{}, nil
			}
			return i, err
		}}
	}},
	{name: "deletes nothing with success", meant: []string{"I4/missing"}, bend: func(s store.Store) bent {
		return bent{Store: s, del: func(ctx context.Context, k store.Key, cond store.Condition) error {
			return except(s.Delete(ctx, k, cond), store.ErrNotFound)
		}}
	}},
	{name: "deletes what begins alike", meant: []string{"I2/delete"}, bend: func(s store.Store) bent {
		return bent{Store: s, del: func(ctx context.Context, k store.Key, cond store.Condition) error {
			err := s.Delete(ctx, k, cond)
			entries, _ := s.List(ctx, k.Service)
			for _, e := range entries {
				if strings.HasPrefix(e.Key.Account, k.Account) {
					_ = s.Delete(ctx, e.Key, store.Any())
				}
			}
			return err
		}}
	}},
	{name: "deletes by emptying", meant: []string{"I2/delete"}, bend: func(s store.Store) bent {
		return bent{Store: s, del: func(ctx context.Context, k store.Key, cond store.Condition) error {
			if _, err := s.Get(ctx, k); err != nil {
				return err
			}
			_, err := s.Put(ctx, k, store.Item{}, cond)
			return err
		}}
	}},
}

// keyBug changes each key on its way in. What is listed is what was put.
func keyBug(change func(store.Key) store.Key) func(store.Store) bent {
	return func(s store.Store) bent {
		return bent{Store: s,
			get: func(ctx context.Context, k store.Key) (store.Item, error) { return s.Get(ctx, change(k)) },
			put: func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
				return s.Put(ctx, change(k), i, cond)
			},
			del: func(ctx context.Context, k store.Key, cond store.Condition) error {
				return s.Delete(ctx, change(k), cond)
			},
		}
	}
}

// partBug changes service and account alike.
func partBug(change func(string) string) func(store.Store) bent {
	return keyBug(func(k store.Key) store.Key {
		return store.Key{Service: change(k.Service), Account: change(k.Account)}
	})
}

// compose does what Unicode normalisation does to the one letter that tests of
// it use most.
var compose = strings.NewReplacer("e\u0301", "\u00e9")

var keyBugs = []bug{
	{name: "normalises keys", meant: []string{"I1/keys-unicode"}, bend: partBug(compose.Replace)},
	{name: "folds the case of keys", meant: []string{"I1/keys-case"}, bend: partBug(strings.ToLower)},
	{name: "trims keys", meant: []string{"I1/keys-awkward"}, bend: partBug(func(s string) string {
		if t := strings.TrimSpace(s); t != "" {
			return t
		}
		return s
	})},
	{name: "takes percent for an escape", meant: []string{"I1/keys-awkward"},
		bend: partBug(func(s string) string { return strings.ReplaceAll(s, "%2F", "/") })},
	{name: "joins service and account", meant: []string{"I1/keys-boundary"}, bend: keyBug(func(k store.Key) store.Key {
		if k.Service == "" || k.Account == "" {
			return k
		}
		joined := k.Service + ":" + k.Account
		service, account, _ := strings.Cut(joined, ":")
		return store.Key{Service: service, Account: account}
	})},
	{name: "makes up an account", meant: []string{"limit/key-invalid"}, bend: keyBug(func(k store.Key) store.Key {
		if k.Account == "" {
			k.Account = "default"
		}
		return k
	})},
	{name: "cuts keys at NUL", meant: []string{"limit/key-invalid"},
		bend: partBug(func(s string) string { s, _, _ = strings.Cut(s, "\x00"); return s })},
	{name: "cuts long keys", meant: []string{"limit/key"}, bend: partBug(func(s string) string {
		return s[:min(len(s), store.MaxAccount)]
	})},
	{name: "cuts keys short", meant: []string{"limit/key"}, bend: partBug(func(s string) string {
		return s[:min(len(s), 255)]
	})},
}
