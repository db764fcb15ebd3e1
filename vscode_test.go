package kinring_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/secretservice"
	"github.com/kinring/kinring/backend/vault"
	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/internal/require"
	"github.com/kinring/kinring/legacy/vscdb"
	"github.com/kinring/kinring/store"
)

// schemaVSCode is how VS Code makes its database.
const schemaVSCode = `PRAGMA user_version = 1;
CREATE TABLE IF NOT EXISTS ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB);`

// appKey is the text of an app's key, made up.
const appKey = "bWFkZSB1cCBrZXkgdGV4dA=="

// desk is a person's desktop with VS Code on it: a session with a keyring, and a
// database that SQLite's own shell makes from what Node's crypto sealed.
type desk struct {
	*testing.T
	gnome *keyringtest.GNOME
	bus   *keyringtest.Bus
	vault store.Driver
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	for _, tool := range []string{"sqlite3", "node"} {
		_, err := exec.LookPath(tool)
		require.Need(t, tool, err == nil, "install it")
	}
	if runtime.GOOS != "linux" {
		t.Skip("the keyring of this test is Linux's")
	}
	gnome := keyringtest.NewGNOME(t)
	d := &desk{T: t, gnome: gnome, bus: gnome.Bus}
	d.bus.Setenv(t)
	t.Setenv("VSCODE_PORTABLE", "")
	t.Setenv("VSCODE_APPDATA", "")
	d.makeVault()
	return d
}

func (d *desk) makeVault() {
	d.Helper()
	path := filepath.Join(d.bus.Home, "state", "test.vault")
	options := vault.Options{Path: path, Keys: []vault.KeySource{vault.KeyFile(vault.DefaultKeyFile(path))}}
	if err := vault.GenerateKeyFile(d.Context(), vault.DefaultKeyFile(path)); err != nil {
		d.Fatal(err)
	}
	if err := vault.Create(d.Context(), options); err != nil {
		d.Fatal(err)
	}
	d.vault = vault.Driver(options)
}

// install makes an app's key and its empty database.
func (d *desk) install(app string) {
	d.Helper()
	conn, err := secretservice.Connect(d.Context(), secretservice.Options{})
	if err != nil {
		d.Fatal(err)
	}
	defer conn.Close()
	collection, err := conn.DefaultCollection(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	_, err = conn.Create(d.Context(), collection, secretservice.NewItem{Label: app + " Safe Storage",
		Attributes: map[string]string{"application": app, "xdg:schema": "chrome_libsecret_os_crypt_password_v2"},
		Secret:     secretservice.Secret{Value: store.NewValue([]byte(appKey))}})
	if err != nil {
		d.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(d.database(app)), 0o700); err != nil {
		d.Fatal(err)
	}
	d.run(schemaVSCode, "sqlite3", d.database(app))
}

func (d *desk) database(app string) string {
	return vscdb.Database(filepath.Join(d.bus.Home, "config", app))
}

// run runs a program of the other side.
func (d *desk) run(input string, name string, args ...string) string {
	d.Helper()
	cmd := exec.CommandContext(d.Context(), name, args...)
	var out, complaints bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &complaints
	if err := cmd.Run(); err != nil {
		d.Fatalf("%s: %v: %s", name, err, complaints.Bytes())
	}
	return out.String()
}

// appWrites lets the app write secrets: Node seals them, SQLite's shell stores
// them.
func (d *desk) appWrites(app string, secrets map[string]string) {
	d.Helper()
	var lines strings.Builder
	for account, value := range secrets {
		line, err := json.Marshal([2]string{account, value})
		if err != nil {
			d.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	d.run(d.run(lines.String(), "node", "testdata/vscode.mjs", "seal", appKey), "sqlite3", d.database(app))
}

// appReads lets the app read all its secrets.
func (d *desk) appReads(app string) map[string]string {
	d.Helper()
	rows := d.run("", "sqlite3", "-json", d.database(app), "SELECT key, value FROM ItemTable WHERE key LIKE 'secret://%'")
	secrets := map[string]string{}
	for line := range strings.Lines(d.run(rows, "node", "testdata/vscode.mjs", "open", appKey)) {
		var one [2]string
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			d.Fatal(err)
		}
		secrets[one[0]] = one[1]
	}
	return secrets
}

// open opens a flavour. share may widen what is shared.
func (d *desk) open(family string, share []string, options ...kinring.Option) *kinring.Ring {
	d.Helper()
	p, err := kinring.Builtin(family)
	if err != nil {
		d.Fatal(err)
	}
	if share != nil {
		p.Share = share
	}
	options = append([]kinring.Option{kinring.WithStore(d.vault), kinring.WithBudget(0)}, options...)
	ring, err := kinring.Open(d.Context(), p, options...)
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() {
		if err := ring.Close(); err != nil {
			d.Error(err)
		}
	})
	return ring
}

func (d *desk) wantGet(ring *kinring.Ring, name, want string, from kinring.Provenance) {
	d.Helper()
	v, err := ring.Get(d.Context(), name)
	if err != nil || string(v.Bytes()) != want || v.Provenance != from {
		d.Errorf("%s: %q, %s, %v; want %q, %s", name, v.Bytes(), v.Provenance, err, want, from)
	}
}

const (
	githubName    = "vscode.github-authentication/github.auth"
	githubAccount = `{"extensionId":"vscode.github-authentication","key":"github.auth"}`
)

func account(extension, key string) string {
	return `{"extensionId":"` + extension + `","key":"` + key + `"}`
}

// TestVSCodeMigration: a database with very many secrets of an app is migrated on
// the first operation, written back, and read again by the other side.
func TestVSCodeMigration(t *testing.T) {
	n := 10000
	if testing.Short() {
		n = 100
	}
	d := newDesk(t)
	d.install("Code")
	secrets := map[string]string{githubAccount: "made up: naïve login"}
	for i := range n - 1 {
		secrets[account("pub.ext", fmt.Sprintf("key %d", i))] = fmt.Sprintf("value %d", i)
	}
	d.appWrites("Code", secrets)
	ring := d.migrates(n)
	for i := 0; i < n-1; i += 97 {
		d.wantGet(ring, fmt.Sprintf("pub.ext/key %d", i), fmt.Sprintf("value %d", i), kinring.FromShared)
	}
	if got := d.appReads("Code"); !maps.Equal(got, secrets) {
		t.Errorf("the app reads %d secrets, and not those that it wrote", len(got))
	}

	d.sets(ring, map[string]string{githubName: "new login", "pub.ext/key 7": "", "pub.ext/added": "added"})
	if existed, err := ring.Delete(t.Context(), "pub.ext/key 8"); err != nil || !existed {
		t.Errorf("delete: %v, %v", existed, err)
	}
	secrets[githubAccount], secrets[account("pub.ext", "key 7")], secrets[account("pub.ext", "added")] = "new login", "", "added"
	delete(secrets, account("pub.ext", "key 8"))
	if got := d.appReads("Code"); !maps.Equal(got, secrets) {
		t.Errorf("the app reads %d secrets, and not those that are to be there", len(got))
	}
	d.writesBack(ring, n)

	d.appWrites("Code", map[string]string{githubAccount: "the app signed in anew"})
	d.wantGet(ring, githubName, "the app signed in anew", kinring.FromShared)
}

// migrates opens a ring that shares everything and lets its first operation
// migrate n secrets.
func (d *desk) migrates(n int) *kinring.Ring {
	d.Helper()
	var last kinring.Progress
	told, begun := 0, time.Now()
	ring := d.open("vscode", []string{"*"}, kinring.WithMigrationProgress(func(p kinring.Progress) { last = p; told++ }))
	d.wantGet(ring, githubName, "made up: naïve login", kinring.FromShared)
	d.Logf("%d migrated in %s", n, time.Since(begun).Round(time.Millisecond))
	if p, ran, err := ring.Migrated(d.Context()); err != nil || !ran || !p.Complete || p.Verified != n || len(p.Failed) != 0 {
		d.Errorf("migrated: %+v, %v, %v", p, ran, err)
	}
	if told != n || last.Done != n || last.Total != n {
		d.Errorf("progress was told %d times, at last %+v", told, last)
	}
	return ring
}

func (d *desk) sets(ring *kinring.Ring, values map[string]string) {
	d.Helper()
	for name, value := range values {
		if _, err := ring.Set(d.Context(), name, []byte(value)); err != nil {
			d.Fatalf("set %s: %v", name, err)
		}
	}
}

// writesBack sets one of a hundred of n secrets, each a write of its own in both
// stores, and lets the app read them. KINRING_LONG=1 sets all.
func (d *desk) writesBack(ring *kinring.Ring, n int) {
	d.Helper()
	if os.Getenv("KINRING_LONG") != "1" {
		n /= 100
	}
	values := map[string]string{}
	for i := range n {
		values[fmt.Sprintf("pub.ext/new %d", i)] = fmt.Sprintf("new value %d", i)
	}
	begun := time.Now()
	d.sets(ring, values)
	d.Logf("%d written back in %s", n, time.Since(begun).Round(time.Millisecond))
	got := d.appReads("Code")
	for name, want := range values {
		_, key, _ := strings.Cut(name, "/")
		if value := got[account("pub.ext", key)]; value != want {
			d.Fatalf("the app reads %q for %s", value, name)
		}
	}
}

// TestF1AnotherFlavourNeverSees: on one machine and in one store, no flavour sees
// what another one keeps.
func TestF1AnotherFlavourNeverSees(t *testing.T) {
	d := newDesk(t)
	d.install("Code")
	d.install("Code - Insiders")
	stable, insiders := d.open("vscode", nil), d.open("vscode-insiders", nil)
	if _, err := stable.Set(t.Context(), githubName, []byte("stable's")); err != nil {
		t.Fatal(err)
	}
	if v, err := insiders.Get(t.Context(), githubName); !errors.Is(err, kinring.ErrNotFound) {
		t.Errorf("insiders gets %s, %v", v.Provenance, err)
	}
	if l, err := insiders.List(t.Context()); err != nil || len(l.Keys) != 0 {
		t.Errorf("insiders lists %+v, %v", l, err)
	}
	if got := d.appReads("Code - Insiders"); len(got) != 0 {
		t.Errorf("its app reads %v", got)
	}
	if existed, err := insiders.Delete(t.Context(), githubName); err != nil || existed {
		t.Errorf("insiders deletes: %v, %v", existed, err)
	}
	d.wantGet(stable, githubName, "stable's", kinring.FromShared)
}

// TestVSCodeUnsharedKeys: what the profile does not share stays with the app,
// read and written there alone.
func TestVSCodeUnsharedKeys(t *testing.T) {
	d := newDesk(t)
	d.install("Code")
	d.appWrites("Code", map[string]string{account("pub.ext", "token"): "the app's"})
	ring := d.open("vscode", nil)
	d.wantGet(ring, "pub.ext/token", "the app's", kinring.FromLegacy)
	if _, err := ring.Set(t.Context(), "pub.ext/token", []byte("ours")); err != nil {
		t.Fatal(err)
	}
	if got := d.appReads("Code")[account("pub.ext", "token")]; got != "ours" {
		t.Errorf("the app reads %q", got)
	}
	if l, err := ring.List(t.Context()); err != nil || len(l.Keys) != 1 || l.Keys[0].Name != "pub.ext/token" || l.Keys[0].Where != "legacy" {
		t.Errorf("list: %+v, %v", l, err)
	}
	if existed, err := ring.Delete(t.Context(), "pub.ext/token"); err != nil || !existed {
		t.Errorf("delete: %v, %v", existed, err)
	}
	if got := d.appReads("Code"); len(got) != 0 {
		t.Errorf("the app reads %v", got)
	}
}

// TestE4LockedKeyring: while the desktop's keyring is locked the app's secrets
// are locked, not absent; nothing is migrated, marked or made.
func TestE4LockedKeyring(t *testing.T) {
	d := newDesk(t)
	d.install("Code")
	d.appWrites("Code", map[string]string{githubAccount: "login"})
	d.gnome.Lock(t)
	ring := d.open("vscode", nil)
	if _, err := ring.Get(t.Context(), githubName); !errors.Is(err, kinring.ErrLocked) {
		t.Errorf("get: %v", err)
	}
	if p, ran, err := ring.Migrated(t.Context()); err != nil || !ran || p.Complete || len(p.Failed) != 1 {
		t.Errorf("migrated: %+v, %v, %v", p, ran, err)
	}
	if _, err := ring.Set(t.Context(), githubName, []byte("ours")); !errors.Is(err, kinring.ErrLocked) {
		t.Errorf("set: %v", err)
	}
	d.gnome.Unlock(t)
	if got := d.appReads("Code"); got[githubAccount] != "login" || len(got) != 1 {
		t.Errorf("the app reads %v", got)
	}
	d.wantGet(d.open("vscode", nil), githubName, "login", kinring.FromShared)
}
