package storetest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/kinring/kinring/store"
)

// listBug changes what is listed.
func listBug(change func(service string, entries []store.Entry) []store.Entry) func(store.Store) bent {
	return func(s store.Store) bent {
		return bent{Store: s, list: func(ctx context.Context, service string) ([]store.Entry, error) {
			entries, err := s.List(ctx, service)
			return change(service, entries), err
		}}
	}
}

// listWhere lists everything that the service, by some wrong measure, selects.
func listWhere(selects func(service, of string) bool) func(store.Store) bent {
	return func(s store.Store) bent {
		return bent{Store: s, list: func(ctx context.Context, service string) ([]store.Entry, error) {
			entries, err := s.List(ctx, "")
			return slices.DeleteFunc(entries, func(e store.Entry) bool { return !selects(service, e.Key.Service) }), err
		}}
	}
}

// inPages reads the list in pages by position, each from the store as it is by
// then: what is deleted in between moves the rest up and out of sight.
func inPages(s store.Store) bent {
	const page = 5
	var deletes crossing
	del := func(ctx context.Context, k store.Key, cond store.Condition) error {
		defer deletes.came.Add(1)
		return s.Delete(ctx, k, cond)
	}
	return bent{Store: s, del: del, list: func(ctx context.Context, service string) ([]store.Entry, error) {
		var all []store.Entry
		for at := 0; ; at += page {
			entries, err := s.List(ctx, service)
			if err != nil || at >= len(entries) {
				return all, err
			}
			slices.SortFunc(entries, func(a, b store.Entry) int { return a.Key.Compare(b.Key) })
			all = append(all, entries[at:min(at+page, len(entries))]...)
			deletes.wait()
		}
	}}
}

var listBugs = []bug{
	{name: "lists what was deleted", meant: []string{"I2/delete", "I4/list"}, bend: func(s store.Store) bent {
		var gone sync.Map
		return bent{Store: s,
			del: func(ctx context.Context, k store.Key, cond store.Condition) error {
				gone.Store(k, true)
				return s.Delete(ctx, k, cond)
			},
			list: func(ctx context.Context, service string) ([]store.Entry, error) {
				entries, err := s.List(ctx, service)
				gone.Range(func(k, _ any) bool {
					entries = append(entries, store.Entry{Key: k.(store.Key)})
					return true
				})
				return entries, err
			},
		}
	}},
	{name: "lists thirty at most", meant: []string{"I4/list"}, bend: listBug(func(_ string, e []store.Entry) []store.Entry {
		return e[:min(len(e), 30)]
	})},
	{name: "lists services that begin alike", meant: []string{"I4/list"}, bend: listWhere(func(service, of string) bool {
		return strings.HasPrefix(of, service)
	})},
	{name: "lists services in any case", meant: []string{"I4/list"}, bend: listWhere(func(service, of string) bool {
		return service == "" || strings.EqualFold(of, service)
	})},
	{name: "takes nothing for an error", meant: []string{"I4/list"}, bend: func(s store.Store) bent {
		return bent{Store: s, list: func(ctx context.Context, service string) ([]store.Entry, error) {
			entries, err := s.List(ctx, service)
			if err == nil && len(entries) == 0 {
				err = &store.Error{Class: store.ErrNotFound}
			}
			return entries, err
		}}
	}},
	{name: "lists no markers", meant: []string{"I4/list-markers", "I2/marker"}, bend: listBug(func(_ string, e []store.Entry) []store.Entry {
		return slices.DeleteFunc(e, func(e store.Entry) bool { return e.Record.Kind == store.KindMarker })
	})},
	{name: "lists without records", meant: []string{"I4/list-markers", "I1/record"}, bend: listBug(func(_ string, e []store.Entry) []store.Entry {
		for i := range e {
			e[i].Record = store.Record{}
		}
		return e
	})},
	{name: "lists in pages", meant: []string{"I4/list-while-writing"}, bend: inPages},
	{name: "lists twice", meant: []string{"I4/list"}, bend: listBug(func(_ string, e []store.Entry) []store.Entry { return append(e, e...) })},
	{name: "lists values", meant: []string{"I8/list"}, bend: func(s store.Store) bent {
		return bent{Store: s, list: func(ctx context.Context, service string) ([]store.Entry, error) {
			entries, err := s.List(ctx, service)
			for i := range entries {
				item, _ := s.Get(ctx, entries[i].Key)
				entries[i].Record.Digest = store.Fingerprint(item.Value.Bytes())
			}
			return entries, err
		}}
	}},
}

func tooLarge() error { return &store.Error{Class: store.ErrTooLarge} }

var limitBugs = []bug{
	{name: "refuses a value at the limit", meant: []string{"limit/value"}, bend: putBug(func(s store.Store) putFunc {
		return func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			if i.Value.Len() >= store.MaxValue {
				return "", tooLarge()
			}
			return s.Put(ctx, k, i, cond)
		}
	})},
	{name: "cuts a value at the limit", meant: []string{"limit/value"}, bend: putBug(func(s store.Store) putFunc {
		return func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			i.Value = store.NewValue(i.Value.Bytes()[:min(i.Value.Len(), store.MaxValue)])
			return s.Put(ctx, k, i, cond)
		}
	})},
	{name: "checks the limit after it has written", meant: []string{"limit/value"}, bend: putBug(func(s store.Store) putFunc {
		return func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			if i.Value.Len() > store.MaxValue {
				_, _ = s.Put(ctx, k, store.Item{}, cond)
			}
			return s.Put(ctx, k, i, cond)
		}
	})},
	{name: "checks the limit after it has deleted", meant: []string{"limit/value"}, bend: putBug(func(s store.Store) putFunc {
		return func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			if i.Value.Len() > store.MaxValue {
				_ = s.Delete(ctx, k, cond)
			}
			return s.Put(ctx, k, i, cond)
		}
	})},
	{name: "does not keep its own limit", meant: []string{"limit/value"}, bend: func(s store.Store) bent {
		return bent{Store: s, info: func() store.Info {
			i := s.Info()
			i.Capabilities.MaxValue = 512
			return i
		}}
	}},
	{name: "limits service and account together", meant: []string{"limit/key"}, bend: putBug(func(s store.Store) putFunc {
		return func(ctx context.Context, k store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
			if len(k.Service)+len(k.Account) > store.MaxService {
				return "", tooLarge()
			}
			return s.Put(ctx, k, i, cond)
		}
	})},
	{name: "counts letters", meant: []string{"limit/key"}, bend: partBug(func(s string) string {
		if utf8.RuneCountInString(s) <= store.MaxAccount && len(s) > store.MaxAccount {
			return "long " + s[:100]
		}
		return s
	})},
	{name: "calls a long key not found", meant: []string{"limit/key"}, bend: func(s store.Store) bent {
		return bent{Store: s, get: func(ctx context.Context, k store.Key) (store.Item, error) {
			i, err := s.Get(ctx, k)
			if err != nil && store.CheckKey(k) != nil {
				err = &store.Error{Class: store.ErrNotFound}
			}
			return i, err
		}}
	}},
}
