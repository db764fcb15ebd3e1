package codexconfig

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/codextest"
	"github.com/kinring/kinring/internal/tomltext"
	"github.com/kinring/kinring/store"
)

// configured makes a home with a config.toml of long ago.
func configured(t testing.TB, text string) (home string) {
	t.Helper()
	home = t.TempDir()
	write(t, home, text)
	return home
}

func write(t testing.TB, home, text string) {
	t.Helper()
	path := filepath.Join(home, fileName)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
}

func mode(t testing.TB, s store.Selector, home string) (string, error) {
	t.Helper()
	return s.Mode(t.Context(), map[string]string{"home": home})
}

func TestRegistered(t *testing.T) {
	for _, name := range []string{"codex-config", "codex-mcp-config"} {
		s, err := store.SelectorFor(name)
		if err != nil || s.Name() != name {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}

// unencrypted is a selector on a system where the feature is off unless
// configured.
func unencrypted(s Selector) Selector {
	s.encrypts = false
	return s
}

// TestFeatureIsOn: where the feature is on unless configured, the configuration
// can still turn it off.
func TestFeatureIsOn(t *testing.T) {
	s := Login
	s.encrypts = true
	for text, want := range map[string]string{"": "file", "cli_auth_credentials_store = 'auto'": "auto-secrets",
		"cli_auth_credentials_store = 'auto'\n[features]\nsecret_auth_storage = false": "auto"} {
		if got, err := mode(t, s, configured(t, text)); got != want || err != nil {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

// TestManyKeys: what would keep the decoder for minutes is refused at once.
func TestManyKeys(t *testing.T) {
	home := configured(t, strings.Repeat("[[a]]\n", tomltext.MaxKeys+1))
	if _, err := mode(t, Login, home); !errors.Is(err, store.ErrTooLarge) || !strings.Contains(err.Error(), filepath.Join(home, fileName)) {
		t.Error(err)
	}
}

func TestModes(t *testing.T) {
	for _, c := range []struct{ name, text, login, mcp string }{
		{"empty", "", "file", "auto"},
		{"a byte order mark", "\ufeffcli_auth_credentials_store = 'keyring'\n", "keyring", "auto"},
		{"other settings", "model = \"x\"\n[mcp_servers.a]\nurl = \"https://a.invalid\"\n", "file", "auto"},
		{"file", "cli_auth_credentials_store = \"file\"\nmcp_oauth_credentials_store = \"file\"", "file", "file"},
		{"keyring", "cli_auth_credentials_store = 'keyring'\r\nmcp_oauth_credentials_store = 'keyring'\r\n", "keyring", "keyring"},
		{"auto", "cli_auth_credentials_store=\"auto\" # as\nmcp_oauth_credentials_store=\"auto\"", "auto", "auto"},
		{"ephemeral", "cli_auth_credentials_store = \"\"\"ephemeral\"\"\"", "ephemeral", "auto"},
		{"quoted name", "\"cli_auth_credentials_store\" = \"auto\"", "auto", "auto"},
		{"feature on", "[features]\nsecret_auth_storage = true", "file", "auto-secrets"},
		{"feature off", "features.secret_auth_storage = false", "file", "auto"},
		{"feature on, keyring", "cli_auth_credentials_store = 'keyring'\nmcp_oauth_credentials_store = 'keyring'\nfeatures = { secret_auth_storage = true }", "keyring-secrets", "keyring-secrets"},
		{"feature on, auto", "cli_auth_credentials_store = 'auto'\n[features]\nsecret_auth_storage = true", "auto-secrets", "auto-secrets"},
		{"feature on, file", "cli_auth_credentials_store = 'file'\nmcp_oauth_credentials_store = 'file'\n[features]\nsecret_auth_storage = true", "file", "file"},
		{"in another table", "[profiles.x]\ncli_auth_credentials_store = \"zzz\"", "file", "auto"},
	} {
		home := configured(t, c.text)
		login, err1 := mode(t, unencrypted(Login), home)
		mcp, err2 := mode(t, unencrypted(MCP), home)
		if login != c.login || mcp != c.mcp || err1 != nil || err2 != nil {
			t.Errorf("%s: %q, %v and %q, %v; want %q and %q", c.name, login, err1, mcp, err2, c.login, c.mcp)
		}
	}
}

func TestMistakes(t *testing.T) {
	const key = "cli_auth_credentials_store"
	for _, c := range []struct{ name, text, where, say string }{
		{"no TOML", "a = 1\n\nb =\n", ":3:", "not TOML"},
		{"named twice", key + " = \"file\"\n" + key + " = \"auto\"\n", ":2:", "not TOML"},
		{"not UTF-8", "a = \"\xff\"\n", ":1:", "not TOML"},
		{"unknown mode", "# c\na = 1\n\n" + key + " = \"vault\"\n", ":4:", `"vault"`},
		{"capitals", key + " = \"File\"\n", ":1:", `"File"`},
		{"empty mode", key + " = \"\"\n", ":1:", `""`},
		{"long mode", key + " = \"" + strings.Repeat("x", 100) + "\"\n", ":1:", "another mode"},
		{"a number", "\n" + key + " = 5\n", ":2:", "no text"},
		{"a table", "a = 1\n[" + key + "]\nb = 1\n", ":2:", "no text"},
		{"feature of another kind", "a = 1\n[features]\nb = true\nsecret_auth_storage = \"on\"\n", ":4:", "neither true nor false"},
		{"MCP's mode only", "mcp_oauth_credentials_store = \"ephemeral\"\n" + key + " = \"file\"\n", "", ""},
	} {
		home := configured(t, c.text)
		got, err := mode(t, Login, home)
		if c.where == "" {
			if _, mcp := mode(t, MCP, home); got != "file" || err != nil || !errors.Is(mcp, store.ErrCorrupt) {
				t.Errorf("%s: %q, %v and %v", c.name, got, err, mcp)
			}
			continue
		}
		if got != "" || !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %q, %v; want %v", c.name, got, err, store.ErrCorrupt)
			continue
		}
		if s := err.Error(); !strings.Contains(s, filepath.Join(home, fileName)+c.where) || !strings.Contains(s, c.say) {
			t.Errorf("%s: %v; want the file, line %s and %s", c.name, err, c.where, c.say)
		}
	}
}

// TestNoLeaks: a configuration can hold keys of servers, which errors must not
// quote.
func TestNoLeaks(t *testing.T) {
	const secret = "sk-test-in-config"
	for _, text := range []string{
		"a = \"" + secret, secret + "\n", "[a]\n" + secret + " = " + secret, "a = {k=\"" + secret + "\"", "x = \"" + secret + "\"\n" + "cli_auth_credentials_store = [\"" + secret + "\"]",
	} {
		if _, err := mode(t, Login, configured(t, text)); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestFiles(t *testing.T) {
	missing := t.TempDir()
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, fileName), 0o700); err != nil {
		t.Fatal(err)
	}
	large := configured(t, strings.Repeat("#\n", fileLimit/2)+"#")
	for _, c := range []struct {
		name, home string
		want       error
	}{
		{"no file", missing, nil},
		{"no home", filepath.Join(missing, "none"), nil},
		{"a folder", folder, store.ErrCorrupt},
		{"too large", large, store.ErrTooLarge},
		{"a relative home", "codex", store.ErrInvalid},
		{"an unknown home", "", store.ErrInvalid},
	} {
		got, err := mode(t, Login, c.home)
		if !errors.Is(err, c.want) || (err == nil) != (got == "file") {
			t.Errorf("%s: %q, %v; want %v", c.name, got, err, c.want)
		}
	}
}

func TestSymlinks(t *testing.T) {
	elsewhere := configured(t, "cli_auth_credentials_store = \"keyring\"")
	for _, c := range []struct {
		name, target, want string
		err                error
	}{
		{"to a file", filepath.Join(elsewhere, fileName), "keyring", nil},
		{"to nothing", filepath.Join(elsewhere, "none"), "file", nil},
		{"to itself", fileName, "", store.ErrDenied},
	} {
		home := t.TempDir()
		if err := os.Symlink(c.target, filepath.Join(home, fileName)); err != nil {
			t.Skipf("no symlinks here: %v", err)
		}
		if got, err := mode(t, Login, home); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v; want %q, %v", c.name, got, err, c.want, c.err)
		}
	}
}

func TestContext(t *testing.T) {
	home := configured(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := Login.Mode(ctx, map[string]string{"home": home}); got != "" || !errors.Is(err, store.ErrCancelled) {
		t.Errorf("%q, %v; want %v", got, err, store.ErrCancelled)
	}
}

// TestJustWritten: a file that was written a moment ago may be half of what it
// will be, and is not taken for a configuration without the setting.
func TestJustWritten(t *testing.T) {
	home := configured(t, "")
	patient := Login
	patient.quiet = 24 * time.Hour // so that the file of an hour ago is new
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if got, err := patient.Mode(ctx, map[string]string{"home": home}); got != "" || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("%q, %v; want %v", got, err, store.ErrUnavailable)
	}
	if Login.quiet == 0 || MCP.quiet == 0 {
		t.Error("the selectors do not wait")
	}
}

// FuzzFind: a mode is one of the known ones, and an error names a line of the
// text.
func FuzzFind(f *testing.F) {
	for _, seed := range []string{"", "cli_auth_credentials_store = \"keyring\"", "[cli_auth_credentials_store]", "a.b = [1,\n2", "cli_auth_credentials_store = 'x'", "a=\"\"\"\n\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := Login.find(text)
		var wrong *problem
		switch {
		case err == nil && slices.Contains(Login.modes, got):
		case errors.As(err, &wrong) && got == "" && wrong.line >= 1 && wrong.line <= bytes.Count(text, []byte("\n"))+1:
		default:
			t.Fatalf("%q: %q, %v", text, got, err)
		}
	})
}

// TestAsCodex holds the selector against the real Codex: both refuse the same
// configurations, and where Codex writes a login tells its mode.
func TestAsCodex(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"none", ""},
		{"file", "cli_auth_credentials_store = \"file\"\n"},
		{"ephemeral", "cli_auth_credentials_store = \"ephemeral\"\n"},
		{"unknown", "cli_auth_credentials_store = \"vault\"\n"},
		{"capitals", "cli_auth_credentials_store = \"File\"\n"},
		{"a number", "cli_auth_credentials_store = 5\n"},
		{"no TOML", "model =\n"},
		{"in another table", "[profiles.x]\ncli_auth_credentials_store = \"vault\"\n"},
		{"unknown, MCP", "mcp_oauth_credentials_store = \"vault\"\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := codextest.New(t)
			h.Configure(t, c.text)
			r := h.Run(t, "sk-test-as-codex-01", "login", "--with-api-key")
			got, err := mode(t, Login, h.Dir)
			_, mcp := mode(t, MCP, h.Dir)
			if refused := r.Code != 0; refused != (err != nil || mcp != nil) {
				t.Fatalf("codex: exit %d, %s; selectors: %v, %v", r.Code, r.Stderr, err, mcp)
			}
			_, statErr := os.Stat(h.Path("auth.json"))
			if written := statErr == nil; err == nil && mcp == nil && written != (got == "file") {
				t.Errorf("the mode is %q; codex wrote auth.json: %v", got, written)
			}
		})
	}
}
