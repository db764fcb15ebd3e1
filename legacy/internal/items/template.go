package items

import (
	"maps"
	"strings"

	"github.com/kinring/kinring/store"
)

// The placeholders of templates.
const (
	Service = "{service}"
	Account = "{account}"
)

// Attributes are templates of an item's attributes by name. A value may hold
// one of the placeholders, once.
type Attributes map[string]string

// fill puts a key into a template, in one pass: what the key itself holds is no
// template.
func fill(template string, key store.Key) string {
	return strings.NewReplacer(Service, key.Service, Account, key.Account).Replace(template)
}

// of returns the attributes of a key's item.
func (a Attributes) of(key store.Key) map[string]string {
	out := make(map[string]string, len(a))
	for name, template := range a {
		out[name] = fill(template, key)
	}
	return out
}

// ofService returns those attributes that all items of a service have.
func (a Attributes) ofService(service string) map[string]string {
	out := map[string]string{}
	for name, template := range a {
		if !strings.Contains(template, Account) {
			out[name] = fill(template, store.Key{Service: service})
		}
	}
	return out
}

// account reads the account from an item's attributes. It reports false if the
// item has no attribute for it, or one of another form.
func (a Attributes) account(found map[string]string) (string, bool) {
	for name, template := range a {
		before, after, holds := strings.Cut(template, Account)
		if !holds {
			continue
		}
		text, there := found[name]
		rest, begins := strings.CutPrefix(text, before)
		account, ends := strings.CutSuffix(rest, after)
		return account, there && begins && ends && account != ""
	}
	return "", false
}

// Placed returns the attributes that have a placeholder.
func (a Attributes) Placed() Attributes {
	out := maps.Clone(a)
	maps.DeleteFunc(out, func(_, template string) bool {
		return !strings.Contains(template, Service) && !strings.Contains(template, Account)
	})
	return out
}
