package profile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kinring/kinring/store"
)

// Environment is what a profile is resolved in. Its functions are those of the
// packages os and path/filepath.
type Environment struct {
	OS string // as Go calls it

	Getenv   func(string) string
	HomeDir  func() (string, error)
	Realpath func(string) (string, error)
	// ReadFile returns a small file of the product's own; nil means that none can
	// be read.
	ReadFile func(string) ([]byte, error)
}

// Family is a profile with its variables resolved and the legacy sources of one
// system: it turns names of keys into keys and back.
type Family struct {
	Profile
	// Unshared: the product names no service to share secrets under.
	Unshared bool

	paths    map[string]string // of the variables
	forms    map[string]string // as accounts are written with them
	patterns []aliasPattern
}

type aliasPattern struct {
	alias         string
	key           Key
	service       string
	accountFormat string
	names         pattern // of the alias
	accounts      pattern // of the account, to find the alias of a key
}

// Resolve checks the profile and resolves its variables.
func (p Profile) Resolve(env Environment) (*Family, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	f := &Family{Profile: p, paths: map[string]string{}, forms: map[string]string{}}
	f.Legacy = p.legacyOn(env.OS)
	for name, v := range p.Vars {
		path, err := v.path(name, env)
		if err != nil {
			return nil, err
		}
		f.paths[name], f.forms[name] = path, v.form(path)
	}
	if err := f.resolveService(env); err != nil {
		return nil, err
	}
	for _, alias := range slices.Sorted(maps.Keys(p.Keys)) {
		a, err := f.pattern(alias, p.Keys[alias])
		if err != nil {
			return nil, err
		}
		f.patterns = append(f.patterns, a)
	}
	return f, nil
}

// path returns the variable's path, absolute and with symbolic links resolved;
// as it is, if it does not exist, since that is what older builds do.
func (v Var) path(name string, env Environment) (string, error) {
	p := v.chosen(env)
	if p == "" && v.Env == "" {
		return "", invalid("vars."+name, "it has no place on "+env.OS, "give it one")
	}
	if p == "" {
		return "", invalid("vars."+name, v.Env+" is not set", "set "+v.Env)
	}
	if rest, home := strings.CutPrefix(p, "~"); home && (rest == "" || rest[0] == '/') {
		dir, err := env.HomeDir()
		if err != nil {
			return "", invalid("vars."+name, "the home directory is not known: "+err.Error(), "set "+v.Env)
		}
		p = filepath.Join(dir, rest)
	}
	p, err := filepath.Abs(p)
	if err != nil {
		return "", invalid("vars."+name, err.Error(), "give an absolute path")
	}
	if real, err := env.Realpath(p); err == nil {
		return real, nil
	}
	return p, nil
}

func (v Var) form(path string) string {
	if v.Form != FormRealpathSHA25616 {
		return path
	}
	sum := sha256.Sum256([]byte(strings.ToValidUTF8(path, "\uFFFD")))
	return hex.EncodeToString(sum[:8])
}

func (f *Family) pattern(alias string, k Key) (aliasPattern, error) {
	a := aliasPattern{alias: alias, key: k, service: k.Service, accountFormat: k.Account}
	if a.service == "" {
		a.service = f.Service
	}
	var err error
	if a.names, err = parsePattern(alias); err != nil {
		return a, err
	}
	// Variables are constant by now; what is left are the alias's placeholders.
	a.accountFormat = fill(k.Account, f.forms)
	a.accounts, err = parsePattern(a.accountFormat)
	return a, err
}

// Paths returns the variables' paths by name.
func (f *Family) Paths() map[string]string { return maps.Clone(f.paths) }

// Path fills variables into a path of the profile.
func (f *Family) Path(template string) string { return fill(template, f.paths) }

// Options fills variables into a source's options.
func (f *Family) Options(l Legacy) map[string]string {
	options := map[string]string{}
	for name, text := range l.Options {
		options[name] = f.Path(text)
	}
	return options
}

// Services returns the services of the family's keys, sorted.
func (f *Family) Services() []string {
	set := map[string]bool{f.Service: true}
	for _, a := range f.patterns {
		set[a.service] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// Literal returns the aliases without placeholders, and their keys.
func (f *Family) Literal() map[string]store.Key {
	out := map[string]store.Key{}
	for _, a := range f.patterns {
		if len(a.names.names) == 0 {
			out[a.alias] = store.Key{Service: a.service, Account: a.accountFormat}
		}
	}
	return out
}

// Key returns the key that a name stands for: an alias of the profile; else
// SERVICE/ACCOUNT, each part percent-encoded; else an account in the profile's
// service. A name whose first byte is encoded matches no alias that begins with a
// placeholder: so a key can be named that looks like one.
func (f *Family) Key(name string) (store.Key, error) {
	keys := map[store.Key]string{}
	for _, a := range f.patterns {
		if values, ok := a.matchName(name); ok {
			keys[store.Key{Service: a.service, Account: a.account(values)}] = a.alias
		}
	}
	switch len(keys) {
	case 1:
		for key := range keys {
			return key, store.CheckKey(key)
		}
	case 0:
		return f.plainKey(name)
	}
	return store.Key{}, &store.Error{Class: store.ErrAmbiguous, Detail: "the key matches the aliases " +
		strings.Join(slices.Sorted(maps.Values(keys)), " and "), Remedy: "name service and account"}
}

// matchName returns what the placeholders of an alias stand for in a name.
func (a aliasPattern) matchName(name string) (map[string]string, bool) {
	if len(a.names.names) > 0 && a.names.literals[0] == "" && strings.HasPrefix(name, "%") {
		return nil, false
	}
	return a.names.match(name)
}

func (f *Family) plainKey(name string) (store.Key, error) {
	key := store.Key{Service: f.Service, Account: name}
	if service, account, ok := strings.Cut(name, "/"); ok && !strings.Contains(account, "/") {
		var err, err2 error
		key.Service, err = url.PathUnescape(service)
		key.Account, err2 = url.PathUnescape(account)
		if err := errors.Join(err, err2); err != nil {
			return store.Key{}, &store.Error{Class: store.ErrInvalid, Detail: "the key is not percent-encoded: " + err.Error(),
				Remedy: "write it as SERVICE/ACCOUNT with % as %25 and / as %2F"}
		}
	}
	return key, store.CheckKey(key)
}

// KeyName returns the shortest name that Key turns back into the key.
func (f *Family) KeyName(key store.Key) string {
	for _, a := range f.patterns {
		if a.service != key.Service {
			continue
		}
		if values, ok := a.matchAccount(key.Account); ok {
			if name := fill(a.alias, values); plain(name) && f.means(name, key) {
				return name
			}
		}
	}
	if key.Service == f.Service && plain(key.Account) && f.means(key.Account, key) {
		return key.Account
	}
	if name := url.PathEscape(key.Service) + "/" + url.PathEscape(key.Account); plain(name) && f.means(name, key) {
		return name
	}
	// An alias looks the same: spell the first byte so that none does.
	return fmt.Sprintf("%%%02X", key.Service[0]) + url.PathEscape(key.Service[1:]) + "/" + url.PathEscape(key.Account)
}

// plain reports whether a name can stand alone in a line and as an argument.
func plain(name string) bool {
	return !strings.HasPrefix(name, "-") && !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsGraphic(r) || unicode.IsSpace(r)
	})
}

func (f *Family) means(name string, key store.Key) bool {
	k, err := f.Key(name)
	return err == nil && k == key
}

// Describe returns what the profile says of a key, and the alias that it falls
// under; none and the zero Key if it says nothing.
func (f *Family) Describe(key store.Key) (alias string, k Key) {
	for _, a := range f.patterns {
		if a.service != key.Service {
			continue
		}
		if _, ok := a.matchAccount(key.Account); ok {
			return a.alias, a.key
		}
	}
	return "", Key{}
}

// Shared reports whether the profile shares the key.
func (f *Family) Shared(key store.Key) bool {
	if len(f.Share) == 0 || slices.Contains(f.Share, "*") {
		return true
	}
	alias, _ := f.Describe(key)
	return alias != "" && slices.Contains(f.Share, alias)
}

// Serves reports whether a legacy source can hold the key.
func (f *Family) Serves(l Legacy, key store.Key) bool {
	if len(l.Keys) == 0 {
		return true
	}
	alias, _ := f.Describe(key)
	return alias != "" && slices.Contains(l.Keys, alias)
}

// ServiceOf returns the service of the keys that a legacy source holds.
func (f *Family) ServiceOf(l Legacy) string {
	for _, alias := range l.Keys {
		if s := f.Keys[alias].Service; s != "" {
			return s
		}
	}
	return f.Service
}

// ServicesOf returns the services of all keys that a legacy source can hold,
// sorted.
func (f *Family) ServicesOf(l Legacy) []string {
	if len(l.Keys) == 0 {
		return f.Services()
	}
	set := map[string]bool{}
	for _, a := range f.patterns {
		if slices.Contains(l.Keys, a.alias) {
			set[a.service] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// CheckValue returns a function that refuses values that are not of the kind
// that the profile names; nil if it names none.
func (k Key) CheckValue() func([]byte) error {
	switch k.Value {
	case ValueUTF8:
		return func(b []byte) error { return unless(utf8.Valid(b), "it is not UTF-8") }
	case ValueJSON:
		return func(b []byte) error { return unless(json.Valid(b), "it is not JSON") }
	}
	return nil
}

func unless(ok bool, what string) error {
	if ok {
		return nil
	}
	return errors.New(what)
}
