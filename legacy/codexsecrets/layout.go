package codexsecrets

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kinring/kinring/internal/codexlock"
	"github.com/kinring/kinring/internal/jsontext"
	"github.com/kinring/kinring/internal/source"
	"github.com/kinring/kinring/legacy/internal/crate"
	"github.com/kinring/kinring/store"
)

const (
	// homeVariable is the profile's variable that holds Codex's folder.
	homeVariable = "home"
	folder       = "secrets"
	loginFile    = "codex_auth.age"
	entriesFile  = "mcp_oauth.age"
	// global begins the names of secrets that belong to no project.
	global       = "global/"
	loginName    = global + "CODEX_AUTH"
	entriesStart = global + "MCP_OAUTH_"
	// keyringService and accountStart name the passphrase's item.
	keyringService = "codex"
	accountStart   = "secrets|"
)

func init() {
	store.RegisterLayout(Login)
	store.RegisterLayout(Entries)
}

// Layout is one of the two layouts.
type Layout struct {
	kind, file string
	// name returns the name under which a key's secret is kept; empty if it is not
	// one of this file's.
	name func(s *secrets, key store.Key) string
	// key returns the key of a named secret, and whether it can be told.
	key func(s *secrets, name, text string) (store.Key, bool)
	// locks are those around a change of a key's secret.
	locks func(s *secrets, key store.Key) ([]codexlock.File, error)
}

// Login is the layout "codexsecrets": one secret, the login.
var Login = Layout{kind: "codexsecrets", file: loginFile,
	name: func(s *secrets, key store.Key) string {
		if key != s.only {
			return ""
		}
		return loginName
	},
	key: func(s *secrets, name, _ string) (store.Key, bool) { return s.only, name == loginName },
	locks: func(s *secrets, _ store.Key) ([]codexlock.File, error) {
		return codexlock.Login(s.home, filepath.Join(s.home, "auth.json")), nil
	},
}

// Entries is the layout "codexmcpsecrets": one secret a server.
var Entries = Layout{kind: "codexmcpsecrets", file: entriesFile,
	name: func(s *secrets, key store.Key) string {
		if key.Service != s.service {
			return ""
		}
		return entryName(key.Account)
	},
	key: func(s *secrets, name, text string) (store.Key, bool) {
		account := accountOf(text)
		return store.Key{Service: s.service, Account: account}, account != "" && entryName(account) == name
	},
	locks: func(s *secrets, key store.Key) ([]codexlock.File, error) {
		return codexlock.Entry(s.home, key.Account, codexlock.SecretsFile), codexlock.MakeEntryLocks(s.home)
	},
}

// entryName is the name of a server's secret: names have few letters, so that
// Codex takes a digest of the account.
func entryName(account string) string {
	sum := sha256.Sum256([]byte(account))
	return entriesStart + strings.ToUpper(hex.EncodeToString(sum[:16]))
}

// accountOf makes the account of a server's credentials from what they say of
// the server, as Codex does: its name, and a digest of how it is reached. It is
// empty if they do not say so.
func accountOf(text string) string {
	var c struct {
		Name string `json:"server_name"`
		URL  string `json:"url"`
	}
	if json.Unmarshal([]byte(text), &c) != nil || c.Name == "" || c.URL == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(`{"type":"http","url":` + string(jsontext.Quote(c.URL)) + `,"headers":{}}`))
	return c.Name + "|" + hex.EncodeToString(sum[:8])
}

// Name returns what a profile calls the layout.
func (l Layout) Name() string { return l.kind }

// Capabilities says what a source will promise. Codex writes under the same
// locks, but up to 0.145.0 it takes none.
func (Layout) Capabilities() store.Capabilities {
	return store.Capabilities{Persistent: true, Unlocks: true, MayPrompt: runtime.GOOS == "darwin"}
}

// Canonical returns compact JSON with sorted names.
func (Layout) Canonical(value []byte) []byte { return jsontext.Canonical(value) }

// Open returns the source. The profile must say where Codex's folder is.
func (l Layout) Open(config store.SourceConfig) (store.Store, error) {
	home := config.Vars[homeVariable]
	refuse := func(what, remedy string) error {
		return &store.Error{Class: store.ErrInvalid, Op: "open", Store: config.Name, Detail: what, Remedy: remedy}
	}
	switch {
	case !filepath.IsAbs(home):
		return nil, refuse("it is not said where Codex's folder is", "give the profile an absolute variable "+homeVariable)
	case l.kind == Login.kind && len(config.Keys) != 1:
		return nil, refuse("the file holds one login", "assign exactly one key to the source")
	case config.Service == "":
		return nil, refuse("it is not said which service the secrets belong to", "give the profile a service")
	}
	s := &secrets{Door: source.Door{Name: config.Name}, layout: l, home: home, path: filepath.Join(home, folder, l.file), service: config.Service}
	if len(config.Keys) == 1 {
		s.only = config.Keys[0].Key
	}
	var err error
	s.keyring, err = openKeyring(config)
	return s, err
}

// openKeyring returns where the passphrase is.
func openKeyring(config store.SourceConfig) (store.Store, error) {
	l, err := crate.Layout()
	if err != nil {
		return nil, store.At(err, "open", config.Name, store.Key{})
	}
	return l.Open(store.SourceConfig{Family: config.Family, Name: config.Name, Service: keyringService, Services: []string{keyringService}})
}

// passphraseKey names the passphrase's item.
func passphraseKey(home string) store.Key {
	sum := sha256.Sum256([]byte(strings.ToValidUTF8(home, "\uFFFD")))
	return store.Key{Service: keyringService, Account: accountStart + hex.EncodeToString(sum[:8])}
}
