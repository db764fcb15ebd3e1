package codexsecrets

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/codextest"
	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/legacy/internal/crate"
	_ "github.com/kinring/kinring/legacy/rustkeyring"
	"github.com/kinring/kinring/store"
)

const (
	firstKey  = "sk-test-first-aaaa0001"
	secondKey = "sk-test-second-bbbb0002"

	features = `cli_auth_credentials_store = "keyring"
mcp_oauth_credentials_store = "keyring"
[features]
secret_auth_storage = true
[mcp_servers.linear]
url = "https://mcp.linear.app/mcp"
`
)

var (
	loginKey = store.Key{Service: "Codex Auth", Account: "cli|0123456789abcdef"}
	// The account is the one that Codex was seen to give this server.
	serverKey = store.Key{Service: "Codex MCP Credentials", Account: "linear|638130d5ab3558f4"}
)

const server = `{"server_name":"linear","url":"https://mcp.linear.app/mcp","client_id":"made-up","token_response":{"access_token":"made-up","token_type":"bearer"}}`

func login(key string) string { return `{"auth_mode":"apikey","OPENAI_API_KEY":"` + key + `"}` }

// desk is a session with a keyring, and a home of Codex's in it.
type desk struct {
	t       *testing.T
	keyring *keyringtest.GNOME
	home    string
}

func newDesk(t *testing.T) desk {
	keyring := keyringtest.NewGNOME(t)
	keyring.Bus.Setenv(t)
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return desk{t, keyring, home}
}

func (d desk) open(l Layout, key store.Key) store.Store {
	d.t.Helper()
	s, err := l.Open(store.SourceConfig{Name: "older", Service: key.Service, Vars: map[string]string{homeVariable: d.home}, Keys: []store.SourceKey{{Key: key}}})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { s.Close() })
	return s
}

// passphrase puts a passphrase into the keyring, as Codex does.
func (d desk) passphrase(text string) {
	d.t.Helper()
	l, err := crate.LayoutOn("linux")
	if err != nil {
		d.t.Fatal(err)
	}
	s, err := l.Open(store.SourceConfig{Name: "passphrase", Service: keyringService})
	if err != nil {
		d.t.Fatal(err)
	}
	defer s.Close()
	if text == "" {
		err = s.Delete(d.t.Context(), passphraseKey(d.home), store.Any())
	} else {
		_, err = s.Put(d.t.Context(), passphraseKey(d.home), item(text), store.Any())
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

func item(value string) store.Item { return store.Item{Value: store.NewValue([]byte(value))} }

// quick makes a file that asks for little work.
func (d desk) quick(file, passphrase string, e entries) string {
	d.t.Helper()
	path := filepath.Join(d.home, folder, file)
	data, err := seal(e, passphrase, 2)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return path
}

func want(t *testing.T, s store.Store, key store.Key, value string) {
	t.Helper()
	if got, err := s.Get(t.Context(), key); err != nil || string(got.Value.Bytes()) != value {
		t.Errorf("get: %q, %v; want %q", got.Value.Bytes(), err, value)
	}
}

// TestCodex has the real Codex write, read and delete beside the source.
func TestCodex(t *testing.T) {
	h := codextest.New(t)
	d := newDesk(t)
	d.home = h.Dir
	h.OnBus(d.keyring.Bus.Address)
	h.Configure(t, features)
	s := d.open(Login, loginKey)
	if _, err := s.Get(t.Context(), loginKey); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get before the login: %v", err)
	}
	h.Login(t, firstKey)
	file, items := readFile(t, h.Path("secrets/"+loginFile)), keyringtest.Dump(t, d.keyring.Bus)
	want(t, s, loginKey, login(firstKey))
	if after := readFile(t, h.Path("secrets/"+loginFile)); !bytes.Equal(after, file) {
		t.Error("reading changed the file")
	}
	if _, err := s.Put(t.Context(), loginKey, item(login(secondKey)), store.Any()); err != nil {
		t.Fatal(err)
	}
	if in, said := h.LoggedIn(t); !in || !strings.Contains(said, "b0002") {
		t.Errorf("Codex reads %v, %s", in, said)
	}
	if err := s.Delete(t.Context(), loginKey, store.Any()); err != nil {
		t.Fatal(err)
	}
	if in, said := h.LoggedIn(t); in {
		t.Errorf("after a delete Codex is signed in: %s", said)
	}
	if left := keyringtest.Dump(t, d.keyring.Bus); len(left) != 1 || left[0].Secret != items[0].Secret || left[0].Modified != items[0].Modified {
		t.Errorf("the passphrase is %+v, was %+v", left, items)
	}
	if all, err := s.List(t.Context(), ""); err != nil || len(all) != 0 {
		t.Errorf("list: %v, %v", all, err)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestCodexEntries: Codex finds the entry that we put, under the name that it
// makes itself, and what it leaves is read. Codex signs in to a server only
// through the network, so that the entry is written by kinring.
func TestCodexEntries(t *testing.T) {
	h := codextest.New(t)
	d := newDesk(t)
	d.home = h.Dir
	h.OnBus(d.keyring.Bus.Address)
	h.Configure(t, features)
	d.passphrase("made-up")
	d.quick(entriesFile, "made-up", entries{})
	s := d.open(Entries, serverKey)
	if _, err := s.Put(t.Context(), serverKey, item(server), store.Absent()); err != nil {
		t.Fatal(err)
	}
	if all, err := s.List(t.Context(), ""); err != nil || len(all) != 1 || all[0].Key != serverKey {
		t.Errorf("list: %v, %v; want the account that Codex gives the server", all, err)
	}
	if r := h.Run(t, "", "mcp", "logout", "linear"); r.Code != 0 || !strings.Contains(r.Stdout, "Removed OAuth credentials") {
		t.Errorf("codex mcp logout: exit %d, %s%s", r.Code, r.Stdout, r.Stderr)
	}
	if _, err := s.Get(t.Context(), serverKey); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get after codex mcp logout: %v", err)
	}
}

// TestI4LockedIsNotAbsent: a file that nobody can open is locked, and stays as it
// is.
func TestI4LockedIsNotAbsent(t *testing.T) {
	for _, c := range []struct {
		name  string
		begin func(desk)
		want  error
	}{
		{"no passphrase", func(d desk) { d.passphrase("made-up"); d.passphrase("") }, store.ErrLocked},
		{"another passphrase", func(d desk) { d.passphrase("another") }, store.ErrLocked},
		{"locked keyring", func(d desk) { d.passphrase("made-up"); d.keyring.Lock(d.t) }, store.ErrLocked},
		{"no keyring", func(d desk) { d.keyring.Stop(d.t) }, store.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDesk(t)
			path := d.quick(loginFile, "made-up", entries{loginName: login(firstKey)})
			before := readFile(t, path)
			c.begin(d)
			s := d.open(Login, loginKey)
			_, get := s.Get(t.Context(), loginKey)
			_, put := s.Put(t.Context(), loginKey, item("{}"), store.Any())
			_, list := s.List(t.Context(), "")
			for verb, err := range map[string]error{"get": get, "put": put, "list": list, "delete": s.Delete(t.Context(), loginKey, store.Any())} {
				if !errors.Is(err, c.want) {
					t.Errorf("%s: %v; want %v", verb, err, c.want)
				}
			}
			if !bytes.Equal(readFile(t, path), before) {
				t.Error("the file was changed")
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Get(t.Context(), loginKey); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("without a file: %v", err)
			}
		})
	}
}

// TestStates walks what a file can be.
func TestStates(t *testing.T) {
	d := newDesk(t)
	d.passphrase("made-up")
	s := d.open(Login, loginKey)
	sealed := func(text string) []byte {
		data, err := sealText(t, text)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	good := sealed(`{"version":1,"secrets":{}}`)
	for _, c := range []struct {
		name string
		file []byte
		want error
	}{
		{"empty", nil, store.ErrCorrupt},
		{"no age file", []byte("secrets"), store.ErrCorrupt},
		{"half a file", good[:len(good)-9], store.ErrCorrupt},
		{"a bit flipped", append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1), store.ErrCorrupt},
		{"no JSON", sealed("secrets"), store.ErrCorrupt},
		{"no object of secrets", sealed(`{"version":1}`), store.ErrCorrupt},
		{"of a newer Codex", sealed(`{"version":2,"secrets":{}}`), store.ErrUnsupported},
		{"too much work", bytes.Replace(good, []byte(" 2\n"), []byte(" 23\n"), 1), store.ErrTooLarge},
		{"of the first builds", sealed(`{"version":0,"secrets":{"global/CODEX_AUTH":"{}"}}`), nil},
	} {
		path := d.quick(loginFile, "made-up", entries{})
		if err := os.WriteFile(path, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := s.Get(t.Context(), loginKey)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v; want %v", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "made-up") {
			t.Errorf("%s: the error shows the passphrase: %v", c.name, err)
		}
	}
}

// TestWrites: conditions hold, other entries stay, and the file is as hard to
// open as it was and nobody else's to read.
func TestWrites(t *testing.T) {
	d := newDesk(t)
	d.passphrase("made-up")
	path := d.quick(loginFile, "made-up", entries{loginName: login(firstKey), "global/OTHER": "<&>"})
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	s := d.open(Login, loginKey)
	got, err := s.Get(t.Context(), loginKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cond  store.Condition
		value string
		want  error
	}{
		"absent": {store.Absent(), "{}", store.ErrConflict}, "stale": {store.Match("stale"), "{}", store.ErrConflict},
		"empty": {store.Any(), "", store.ErrInvalid},
	} {
		if _, err := s.Put(t.Context(), loginKey, item(c.value), c.cond); !errors.Is(err, c.want) {
			t.Errorf("put under %s: %v", name, err)
		}
	}
	if err := s.Delete(t.Context(), loginKey, store.Match("stale")); !errors.Is(err, store.ErrConflict) {
		t.Errorf("delete of a stale revision: %v", err)
	}
	rev, err := s.Put(t.Context(), loginKey, item(login(secondKey)), store.Match(got.Revision))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), loginKey, store.Match(rev)); err != nil {
		t.Fatal(err)
	}
	file := readFile(t, path)
	left, err := open(file, "made-up")
	if err != nil || len(left) != 1 || left["global/OTHER"] != "<&>" {
		t.Errorf("left: %v, %v", left, err)
	}
	if n, err := work(file); err != nil || n != 2 {
		t.Errorf("the file asks for work %d, %v; want as before", n, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != fileMode {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := s.Delete(t.Context(), loginKey, store.Any()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("delete again: %v", err)
	}
}

// TestFirstWrite: a file is made only where Codex has made a passphrase.
func TestFirstWrite(t *testing.T) {
	d := newDesk(t)
	s := d.open(Login, loginKey)
	if _, err := s.Put(t.Context(), loginKey, item("{}"), store.Any()); !errors.Is(err, store.ErrLocked) {
		t.Errorf("put without a passphrase: %v", err)
	}
	if _, err := os.Stat(filepath.Join(d.home, folder)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refusal left something: %v", err)
	}
	d.passphrase("made-up")
	if _, err := s.Put(t.Context(), loginKey, item(login(firstKey)), store.Absent()); err != nil {
		t.Fatal(err)
	}
	want(t, s, loginKey, login(firstKey))
}

// TestGivenUp: opening a file cannot be called off, but the call can. What goes on
// takes up to a gigabyte, so that the next one waits for it.
func TestGivenUp(t *testing.T) {
	stuck := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := patiently(ctx, func() (int, error) { cancel(); <-stuck; return 1, nil })
	if !errors.Is(err, store.ErrCancelled) {
		t.Errorf("got %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = patiently(ctx, func() (int, error) { t.Error("two files are opened at the same time"); return 2, nil })
	if !errors.Is(err, store.ErrTimedOut) || !strings.Contains(err.Error(), "--timeout") {
		t.Errorf("got %v", err)
	}
	close(stuck)
	if n, err := patiently(t.Context(), func() (int, error) { return 3, nil }); err != nil || n != 3 {
		t.Errorf("afterwards: %d, %v", n, err)
	}
}

// TestBatchOpensOnce: what is read twice in a batch is opened once, unless the
// file changed.
func TestBatchOpensOnce(t *testing.T) {
	d := newDesk(t)
	d.passphrase("made-up")
	d.quick(loginFile, "made-up", entries{loginName: login(firstKey)})
	s := d.open(Login, loginKey)
	end := s.(store.Batcher).Batch()
	want(t, s, loginKey, login(firstKey))
	d.passphrase("") // what is not opened again needs none
	want(t, s, loginKey, login(firstKey))
	d.passphrase("made-up")
	d.quick(loginFile, "made-up", entries{loginName: login(secondKey)})
	want(t, s, loginKey, login(secondKey))
	end()
	d.passphrase("")
	if _, err := s.Get(t.Context(), loginKey); !errors.Is(err, store.ErrLocked) {
		t.Errorf("after the batch: %v", err)
	}
}

func TestRefusedConfigurations(t *testing.T) {
	home := map[string]string{homeVariable: t.TempDir()}
	for name, c := range map[string]struct {
		l      Layout
		config store.SourceConfig
	}{
		"no home":    {Login, store.SourceConfig{Service: "s", Keys: []store.SourceKey{{Key: loginKey}}}},
		"no key":     {Login, store.SourceConfig{Service: "s", Vars: home}},
		"no service": {Entries, store.SourceConfig{Vars: home}},
	} {
		if _, err := c.l.Open(c.config); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
