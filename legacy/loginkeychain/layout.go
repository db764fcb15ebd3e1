package loginkeychain

import (
	"errors"
	"strings"

	"github.com/kinring/kinring/internal/mac"
	legacy "github.com/kinring/kinring/internal/source"
	"github.com/kinring/kinring/store"
)

// Options say whose login keychain it is. The zero Options are right for every
// program; only kinring itself can give others.
type Options struct {
	Program *mac.Program // nil means this process on this Mac
	Tool    string       // path of the security command; empty means /usr/bin/security
}

// naming is how one kind of older build files its items.
type naming struct {
	layout string
	// accounts returns the accounts of a key's item, in the older build's reading
	// order. Its service is the key's.
	accounts func(account string) []string
	// label is what a new item shows in Keychain Access.
	label    func(store.Key) string
	readOnly bool
	// tool: the values belong to /usr/bin/security.
	tool bool
}

func itself(account string) []string { return []string{account} }
func serviceOf(key store.Key) string { return key.Service }
func accountOf(key store.Key) string { return key.Account }
func noLabel(store.Key) string       { return "" }

var namings = []naming{
	// The keyring crate 3.6.3 adds through SecKeychainAddGenericPassword, which
	// labels an item with its service.
	{layout: "mackeyring", accounts: itself, label: serviceOf},
	{layout: "mackeyring99", accounts: itself, label: accountOf},
	{layout: "macgokeyring", accounts: itself, label: noLabel, tool: true},
	safeKey,
}

// safeKey: the key is what other data of the app is encrypted with. A program that
// removed or replaced it would destroy that data.
var safeKey = naming{layout: "macsafekey", accounts: safeStorageAccounts, label: noLabel, readOnly: true}

// safeStorageAccounts: Electron since 2022 (PR #35864) has the account "<App>
// Key"; before, and in Chromium, it is "<App>".
func safeStorageAccounts(account string) []string {
	if app, ok := strings.CutSuffix(account, " Key"); ok {
		return []string{account, app}
	}
	return []string{account}
}

// SafeStorageKey returns the key under which the layout macsafekey finds the
// Safe Storage password of an app, by its name as the system shows it.
func SafeStorageKey(app string) store.Key {
	return store.Key{Service: app + " Safe Storage", Account: app + " Key"}
}

// Layouts returns the layouts with these options.
func Layouts(o Options) []store.Layout {
	var out []store.Layout
	for _, n := range namings {
		out = append(out, layout{n, o})
	}
	return out
}

func init() {
	for _, l := range Layouts(Options{}) {
		store.RegisterLayout(l)
	}
}

type layout struct {
	naming
	options Options
}

// Name is what a profile calls the layout.
func (l layout) Name() string { return l.layout }

// Capabilities says what a source promises. Nothing is declared atomic: the
// keychain compares nothing as it writes, and its dates do not tell two writes of
// one second apart.
func (l layout) Capabilities() store.Capabilities {
	caps := store.Capabilities{ReadOnly: l.readOnly, Persistent: true, MayPrompt: true}
	if l.tool {
		caps.MaxValue = maxToolValue
	}
	return caps
}

// Canonical returns the value as it is.
func (layout) Canonical(value []byte) []byte { return value }

// Open returns the source. It touches no keychain.
func (l layout) Open(config store.SourceConfig) (store.Store, error) {
	s := &source{Door: legacy.Door{Name: config.Name}, layout: l, services: config.Services, program: l.options.Program}
	if s.program == nil {
		s.program, s.absence = mac.System()
	}
	if errors.Is(s.absence, store.ErrAbsentByDesign) {
		return nil, &store.Error{Class: store.ErrUnsupported, Op: "open", Store: config.Name, Err: s.absence,
			Detail: "the layout " + l.layout + " is for macOS", Remedy: `give the source os = ["darwin"]`}
	}
	s.values = native{s}
	if l.tool {
		s.values = tool{s, l.options.Tool}
	}
	return s, nil
}
