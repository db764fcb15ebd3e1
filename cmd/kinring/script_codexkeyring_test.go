package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kinring/kinring/internal/codextest"
	"github.com/kinring/kinring/internal/keyringtest"
)

func needCodexAndKeyring(t *testing.T) {
	codextest.Find(t)
	needKeyring(t)
}

// codexMode is one way in which Codex is told to keep its login, with the
// keyring as it then is.
type codexMode struct {
	name   string
	config string // the value of both settings
	// where the login then lies: the name of the legacy source.
	where string
	// keyring is what the session's keyring is: working, locked or none.
	keyring string
	shared  []string // the shared stores that it is tried with
}

var (
	vaultOnly  = []string{"vault"}
	bothStores = []string{"vault", "secret-service"}
)

var codexModes = []codexMode{
	{"file", "file", "authjson", "working", bothStores},
	{"keyring", "keyring", "keyring", "working", bothStores},
	{"auto", "auto", "keyring", "working", bothStores},
	{"auto-locked", "auto", "authjson", "locked", vaultOnly},
	{"auto-none", "auto", "authjson", "none", vaultOnly},
	{"secrets", "keyring", "secrets", "working", vaultOnly},
}

// encrypts makes Codex keep its login in an encrypted file, with the file's
// passphrase in the keyring.
const encrypts = "[features]\nsecret_auth_storage = true\n"

// TestCodexKeyringScripts runs each script in every mode of Codex, with each
// shared store.
func TestCodexKeyringScripts(t *testing.T) {
	for _, mode := range codexModes {
		for _, shared := range mode.shared {
			if testing.Short() && (shared != mode.shared[0] || mode.where == "secrets") {
				continue // of programs that take seconds, or the same again
			}
			t.Run(mode.name+" "+shared, func(t *testing.T) { mode.run(t, shared) })
		}
	}
}

func (m codexMode) run(t *testing.T, shared string) {
	params := scriptParams(t, "codexkeyring")
	sessions := &sessions{t: t, by: map[string]*session{}}
	params.Setup = func(e *testscript.Env) error {
		if err := sessions.setup(e); err != nil {
			return err
		}
		m.begin(t, sessions.by[e.WorkDir])
		e.Setenv("KINRING_STORE", shared)
		e.Setenv("KINRING_VAULT", filepath.Join(e.WorkDir, "vault.db"))
		e.Setenv("KINRING_KEY_FILE", filepath.Join(e.WorkDir, "vault.key"))
		e.Setenv("SOURCE", m.where)
		e.Setenv("SECRETS_ACCOUNT", codexAccount("secrets", e.Getenv("CODEX_HOME")))
		config := fmt.Sprintf("cli_auth_credentials_store = %q\nmcp_oauth_credentials_store = %[1]q\n", m.config)
		if m.where == "secrets" {
			config += encrypts
		}
		return os.WriteFile(filepath.Join(e.WorkDir, "home", ".codex", "config.toml"), []byte(config), 0o600)
	}
	params.Condition = func(name string) (bool, error) {
		switch name {
		case "vault", "secret-service":
			return name == shared, nil
		case "authjson", "keyring", "secrets":
			return name == m.where, nil
		case "working", "locked", "none":
			return name == m.keyring, nil
		}
		return condition(name)
	}
	params.Cmds["keyring"] = sessions.command
	params.Cmds["items"] = sessions.items
	testscript.Run(t, params)
}

// codexAccount is the account that Codex gives something of its folder.
func codexAccount(kind, home string) string {
	if real, err := filepath.EvalSymlinks(home); err == nil {
		home = real
	}
	sum := sha256.Sum256([]byte(home))
	return fmt.Sprintf("%s|%x", kind, sum[:8])
}

func (m codexMode) begin(t *testing.T, s *session) {
	switch m.keyring {
	case "working":
		s.gnome = s.bus.StartGNOME(t)
	case "locked":
		s.bus.StartGNOME(t).Lock(t)
	}
}

// items FILE writes what other programs keep in the keyring, with all that it
// shows; kinring's own items are not among them. Where the keyring does not work
// the file is empty.
func (s *sessions) items(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: items FILE")
	}
	s.mu.Lock()
	this := s.by[ts.Getenv("WORK")]
	s.mu.Unlock()
	var out strings.Builder
	if this.gnome != nil {
		for _, e := range keyringtest.Dump(s.t, this.bus) {
			if !isOwn(e) {
				ts.Check(json.NewEncoder(&out).Encode(e))
			}
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(out.String()), 0o600))
}

// isOwn reports whether an item is kinring's.
func isOwn(e keyringtest.Entry) bool {
	for name := range e.Attributes {
		if strings.HasPrefix(name, "kinring:") {
			return true
		}
	}
	return false
}
