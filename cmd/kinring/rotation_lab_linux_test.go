package main

import (
	"context"
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
	"github.com/kinring/kinring/internal/seclude"
	"github.com/kinring/kinring/internal/tokenserver"
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
	server   *tokenserver.Server
	dir      string
	broker   string // the socket of the lab's broker; empty without one
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
func newLab(t *testing.T, program string, o tokenserver.Options) *lab {
	t.Helper()
	l := &lab{T: t, program: program, new: codextest.New(t), dir: t.TempDir()}
	l.old = l.new.Old(t)
	o.Life = time.Minute // less than the five minutes that Codex wants
	o.Look = l.legacyToken
	l.server = tokenserver.Start(t, o)
	l.new.Configure(t, fmt.Sprintf("chatgpt_base_url = %q\nopenai_base_url = %q\n",
		l.server.URL("/backend-api"), l.server.URL("/v1")))
	if err := os.WriteFile(l.loginFile(), tokenserver.Login(), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, said := l.wait(l.start(l.command("kinring", "init"))); code != 0 {
		t.Fatalf("kinring init: exit %d: %s", code, said)
	}
	return l
}

func (l *lab) loginFile() string { return l.new.Path("auth.json") }

// legacyToken returns the refresh token in the older builds' store; empty while
// that is being written.
func (l *lab) legacyToken() string {
	text, err := os.ReadFile(l.loginFile())
	if err != nil {
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
		"CODEX_HOME=" + l.new.Dir, "KINRING_FAMILY=codex", "KINRING_STORE=vault",
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
	said   *limited
	cancel context.CancelFunc
}

// start starts a program whose output matters only when it fails.
func (l *lab) start(cmd *exec.Cmd) running {
	l.Helper()
	r := running{cmd: cmd, said: &limited{limit: 4096}}
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
