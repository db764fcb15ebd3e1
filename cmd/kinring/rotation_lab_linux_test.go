package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/vault"
	"github.com/kinring/kinring/internal/codextest"
	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/internal/seclude"
	"github.com/kinring/kinring/internal/tokenserver"
	"github.com/kinring/kinring/store"
)

// limitOfOne is how long one program of a rotation test may run: a bound on a
// test that hangs, far above what one needs.
const limitOfOne = 2 * time.Minute

// lab is a machine on which programs with kinring and older builds of Codex
// share one login, whose refresh tokens are good for one use.
type lab struct {
	*testing.T
	program  string // kinring, or the seed rules
	new, old *codextest.Home
	login    olderLogin // where Codex keeps it
	bus      string     // the address of the session's, if there is a keyring on it
	shared   string     // the new builds' store
	server   *tokenserver.Server
	dir      string
	broker   string // the socket of the lab's broker; empty without one
}

// place is a way in which Codex is told to keep its login.
type place struct {
	name, config string
	keyring      bool   // there is one in the session
	shared       string // the new builds' store
	// open returns the login as it is kept then.
	open func(l *lab, bus *keyringtest.Bus) olderLogin
}

// The places that Codex can be told to keep its login in. Both outcomes of auto
// are here.
var (
	inFile          = place{"file", "file", false, "vault", loginInFile}
	inKeyring       = place{"keyring", "keyring", true, "vault", loginInKeyring}
	inKeyringByAuto = place{"auto, keyring", "auto", true, "vault", loginInKeyring}
	bothInKeyring   = place{"keyring, shared there too", "keyring", true, "secret-service", loginInKeyring}
	fileAndKeyring  = place{"file, shared in the keyring", "file", true, "secret-service", loginInFile}
	inFileByAuto    = place{"auto, file", "auto", false, "vault", loginInFile}
)

// places are those that a test goes through. A short run has one.
func places() []place {
	if testing.Short() {
		return []place{inFile}
	}
	return []place{inFile, inKeyring, inKeyringByAuto, inFileByAuto, bothInKeyring, fileAndKeyring}
}

// olderLogin is the login as older builds keep it.
type olderLogin interface {
	// read returns nothing while it is being written.
	read() []byte
	write(text []byte) error
}

type fileLogin string

func loginInFile(l *lab, _ *keyringtest.Bus) olderLogin { return fileLogin(l.new.Path("auth.json")) }

func (f fileLogin) read() []byte {
	text, err := os.ReadFile(string(f))
	if err != nil {
		return nil
	}
	return text
}

func (f fileLogin) write(text []byte) error { return os.WriteFile(string(f), text, 0o600) }

// keyringLogin is the item that Codex makes.
type keyringLogin struct {
	store.Store
	key store.Key
}

func loginInKeyring(l *lab, bus *keyringtest.Bus) olderLogin {
	layout, err := store.LayoutFor("rustkeyring")
	if err != nil {
		l.Fatal(err)
	}
	l.Setenv("DBUS_SESSION_BUS_ADDRESS", bus.Address)
	k := keyringLogin{key: store.Key{Service: "Codex Auth", Account: codexAccount("cli", l.new.Dir)}}
	if k.Store, err = layout.Open(store.SourceConfig{Name: "lab"}); err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { k.Close() })
	return k
}

func (k keyringLogin) read() []byte {
	item, err := k.Get(context.Background(), k.key) // the server may ask at the very end of a test
	if err != nil {
		return nil
	}
	return item.Value.Bytes()
}

// write stores the text compact, as Codex does.
func (k keyringLogin) write(text []byte) error {
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return err
	}
	_, err := k.Put(context.Background(), k.key, store.Item{Value: store.NewValue(compact.Bytes())}, store.Any())
	return err
}

// build is a build of Codex, with the command that makes it refresh.
type build struct {
	name    string
	trigger []string
	home    func(*lab) *codextest.Home
}

// The commands are the smallest ones that refresh an expired login: 0.145.0 has
// none that asks nobody but the token server.
var (
	newCodex = build{"0.169.0", []string{"features", "list"}, func(l *lab) *codextest.Home { return l.new }}
	oldCodex = build{"0.145.0", []string{"debug", "models"}, func(l *lab) *codextest.Home { return l.old }}
)

// rotationTest runs body cut off from the network, with the real Codex.
func rotationTest(t *testing.T, body func(t *testing.T)) {
	codextest.Find(t)
	seclude.Test(t, body)
}

// newLab makes a lab in which an older build has signed in.
func newLab(t *testing.T, program string, where place, o tokenserver.Options) *lab {
	t.Helper()
	l := &lab{T: t, program: program, new: codextest.New(t), dir: t.TempDir(), shared: where.shared}
	var bus *keyringtest.Bus
	if where.keyring {
		bus = keyringtest.NewGNOME(t).Bus
		l.new.OnBus(bus.Address)
		l.bus = bus.Address
	}
	l.login = where.open(l, bus)
	l.old = l.new.Old(t)
	o.Life = time.Minute // less than the five minutes that Codex wants
	o.Look = l.legacyToken
	l.server = tokenserver.Start(t, o)
	l.new.Configure(t, fmt.Sprintf("cli_auth_credentials_store = %q\nchatgpt_base_url = %q\nopenai_base_url = %q\n",
		where.config, l.server.URL("/backend-api"), l.server.URL("/v1")))
	if err := l.login.write(tokenserver.Login()); err != nil {
		t.Fatal(err)
	}
	if l.shared != vault.Kind {
		return l
	}
	if code, said := l.wait(l.start(l.command("kinring", "init"))); code != 0 {
		t.Fatalf("kinring init: exit %d: %s", code, said)
	}
	return l
}

// legacyToken returns the refresh token in the older builds' store; empty while
// that is being written.
func (l *lab) legacyToken() string {
	text := l.login.read()
	if text == nil {
		return ""
	}
	return tokenserver.RefreshToken(text)
}

func (l *lab) path(name string) string { return filepath.Join(l.dir, name) }

// environment is what every program of the lab gets.
func (l *lab) environment() []string {
	return []string{
		"KINRING_SOCK=" + l.broker,
		"PATH=" + os.Getenv("PATH"), "HOME=" + l.dir, "TMPDIR=" + l.dir, "XDG_STATE_HOME=" + l.path("state"),
		"DBUS_SESSION_BUS_ADDRESS=" + l.bus, "CODEX_HOME=" + l.new.Dir, "KINRING_FAMILY=codex", "KINRING_STORE=" + l.shared,
		"KINRING_VAULT=" + l.path("vault"), "KINRING_KEY_FILE=" + l.path("key"), "SEED_SHARED=" + l.path("seed"),
		tokenserver.Variable + "=" + l.server.URL(tokenserver.RefreshPath),
		// What happened before this program started, it must know of.
		tokenserver.MarkVariable + "=" + strconv.Itoa(len(l.server.Log())),
	}
}

func (l *lab) command(program string, args ...string) *exec.Cmd {
	path, err := exec.LookPath(program)
	if err != nil {
		l.Fatal(err)
	}
	cmd := exec.CommandContext(l.Context(), path, args...)
	cmd.Env = l.environment()
	return cmd
}

// run is a program of the lab under way.
type running struct {
	cmd    *exec.Cmd
	said   *bytes.Buffer
	cancel context.CancelFunc
}

// start starts a program whose output matters only when it fails.
func (l *lab) start(cmd *exec.Cmd) running {
	l.Helper()
	r := running{cmd: cmd, said: &bytes.Buffer{}}
	cmd.Stdout, cmd.Stderr = r.said, r.said
	watchdog := time.AfterFunc(limitOfOne, func() { _ = cmd.Process.Kill() })
	r.cancel = func() { watchdog.Stop() }
	if err := cmd.Start(); err != nil {
		l.Fatal(err)
	}
	return r
}

func (l *lab) wait(r running) (code int, said string) {
	l.Helper()
	defer r.cancel()
	var exit *exec.ExitError
	if err := r.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		l.Fatal(err)
	}
	return r.cmd.ProcessState.ExitCode(), r.said.String()
}

// startUpdate starts a new build that refreshes.
func (l *lab) startUpdate() running {
	return l.start(l.command(l.program, "update", "auth", "--", refreshProgram))
}

func (l *lab) update() (code int, said string) { return l.wait(l.startUpdate()) }

// startCodex starts an older build that refreshes.
func (l *lab) startCodex(b build) running {
	env := []string{tokenserver.Variable + "=" + l.server.URL(tokenserver.RefreshPath)}
	return l.start(b.home(l).Beside(l.Context(), env, b.trigger...))
}

func (l *lab) codex(b build) { l.wait(l.startCodex(b)) }

// sharedToken returns the refresh token that the new builds' store holds.
func (l *lab) sharedToken() string {
	cmd := l.command(l.program, "get", "auth")
	out, err := cmd.Output()
	if err != nil {
		return fmt.Sprintf("none: %v", err)
	}
	return tokenserver.RefreshToken(out)
}

// ring opens the lab's family as a program would that has kinring built in.
func (l *lab) ring() *kinring.Ring {
	l.Helper()
	l.Setenv("CODEX_HOME", l.new.Dir)
	p, err := kinring.Builtin("codex")
	if err != nil {
		l.Fatal(err)
	}
	driver := vault.Driver(vault.Options{Path: l.path("vault"), Keys: []vault.KeySource{vault.KeyFile(l.path("key"))}})
	ring, err := kinring.Open(l.Context(), p, kinring.WithStore(driver), kinring.WithStateDir(l.path("state/kinring")))
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() {
		if err := ring.Close(); err != nil {
			l.Error(err)
		}
	})
	return ring
}
