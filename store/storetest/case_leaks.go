package storetest

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/kinring/kinring/store"
)

// secret and private are what must show nowhere: a value, and the end of an
// account, which may name a person.
const (
	secret  = "sentinel-4f1d-of-a-secret-value"
	private = "sentinel-77ce@of.a.person"
)

// spellings returns the ways in which a text may slip out.
func spellings(text string) []string {
	return []string{text, fmt.Sprint([]byte(text)), hex.EncodeToString([]byte(text)), strings.ToUpper(hex.EncodeToString([]byte(text))),
		base64.StdEncoding.EncodeToString([]byte(text)), base64.RawURLEncoding.EncodeToString([]byte(text))}
}

// errorTexts returns everything that an error says of itself and its causes.
func errorTexts(err error) []string {
	var texts []string
	for err != nil {
		for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
			texts = append(texts, fmt.Sprintf(verb, err))
		}
		if b, failed := json.Marshal(err); failed == nil {
			texts = append(texts, string(b))
		}
		var own *store.Error
		if errors.As(err, &own) && own == err {
			err = own.Cause()
			continue
		}
		err = errors.Unwrap(err)
	}
	return texts
}

// clean sees that no text holds the secret or the private end of the account.
func (p *trial) clean(what string, texts ...string) {
	p.Helper()
	for name, sentinel := range map[string]string{"the value": secret, "the whole account": private} {
		for _, s := range spellings(sentinel) {
			for _, t := range texts {
				if strings.Contains(t, s) {
					p.Errorf("%s shows %s", what, name)
				}
			}
		}
	}
}

// errorsShowNothing provokes every failure that it can and reads what is said.
func errorsShowNothing(p *trial) {
	k := key("name " + private)
	long := strings.Repeat(secret, p.caps.ValueLimit()/len(secret)+1)
	if !p.caps.ReadOnly {
		p.putValue(k, secret)
	}
	ended, cancel := context.WithCancel(p.ctx)
	cancel()
	put := func(ctx context.Context, k store.Key, v string, cond store.Condition) error {
		_, err := p.s.Put(ctx, k, value(v), cond)
		return err
	}
	provoked := map[string]error{
		"a put that conflicts":              put(p.ctx, k, secret, store.Match("stale")),
		"a put over something":              put(p.ctx, k, secret, store.Absent()),
		"a put of too much":                 put(p.ctx, k, long, store.Any()),
		"a put that was cancelled":          put(ended, k, secret, store.Any()),
		"a put under half a key":            put(p.ctx, store.Key{Account: k.Account}, secret, store.Any()),
		"a put under a key with a NUL":      put(p.ctx, store.Key{Service: "s", Account: k.Account + "\x00"}, secret, store.Any()),
		"a put of a long record":            p.putLongRecord(k),
		"a delete that conflicts":           p.s.Delete(p.ctx, k, store.Match("stale")),
		"a delete under absent":             p.s.Delete(p.ctx, k, store.Absent()),
		"a delete of nothing":               p.s.Delete(p.ctx, key("none "+private), store.Any()),
		"a get of nothing":                  second(p.s.Get(p.ctx, key("none "+private))),
		"a get that was cancelled":          second(p.s.Get(ended, k)),
		"a list that was cancelled":         second(p.s.List(ended, k.Service)),
		"a get under a key that is no text": second(p.s.Get(p.ctx, store.Key{Service: "s", Account: k.Account + "\xff"})),
	}
	if err := p.s.Close(); err != nil {
		p.Errorf("close: %v", err)
	}
	provoked["a put after close"] = put(p.ctx, k, secret, store.Any())
	provoked["a get after close"] = second(p.s.Get(p.ctx, k))
	for what, err := range provoked {
		if err == nil {
			p.Errorf("%s is no error", what)
		}
		p.clean("the error of "+what, errorTexts(err)...)
	}
}

func (p *trial) putLongRecord(k store.Key) error {
	i := value(secret)
	i.Record = recordOf(store.MaxRecord + 1)
	_, err := p.s.Put(p.ctx, k, i, store.Any())
	return err
}

func second[T any](_ T, err error) error { return err }

// listShowsNothing: a list names items and shows no value, in no field.
func listShowsNothing(p *trial) {
	k := key("listed")
	p.putValue(k, secret)
	e, ok := p.list(k.Service)[k]
	if !ok {
		p.Errorf("list leaves out %s", show(k))
	}
	p.clean("the list", fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e), e.Record.String(), string(e.Revision))
	p.clean("the description of the store", fmt.Sprintf("%+v", p.s.Info()))
}

// errorsNameThePlace: an error says what was done, where, and to which key, and
// has one class however it is wrapped.
func errorsNameThePlace(p *trial) {
	k := key("never written, with a long name")
	ended, cancel := context.WithCancel(p.ctx)
	cancel()
	for what, err := range map[string]error{
		"get":    second(p.s.Get(p.ctx, k)),
		"put":    second(p.s.Put(ended, k, value("late"), store.Any())),
		"delete": p.s.Delete(ended, k, store.Any()),
	} {
		var own *store.Error
		if !errors.As(err, &own) {
			p.Errorf("%s fails with %T, want *store.Error", what, err)
			continue
		}
		if own.Op != what || own.Store == "" || own.Key != k.Redacted() {
			p.Errorf("the error of %s names operation %q, store %q and key %q, want %[1]q, some store and %[5]q", what, own.Op, own.Store, own.Key, k.Redacted())
		}
		p.oneClass(what, fmt.Errorf("wrapped: %w", err))
	}
}

func (p *trial) oneClass(what string, err error) {
	p.Helper()
	var matched []*store.Class
	for _, c := range store.Classes() {
		if errors.Is(err, c) {
			matched = append(matched, c)
		}
	}
	if len(matched) != 1 || matched[0] != store.ClassOf(err) {
		p.Errorf("the error of %s has the classes %v, want one", what, matched)
	}
}
