// Package codextest runs the real Codex CLI for tests: in a home of its own that
// vanishes with the test, with nothing of the caller's environment, away from
// the network, and never longer than a test may take. Keys are made up.
//
// The program is found through Variable; scripts/fetch-codex installs it.
package codextest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/require"
)

// Variable and OldVariable name the environment variables that hold the paths
// of the Codex programs: the one that takes locks and replaces its file, and an
// older one that truncates the file and then writes it.
const (
	Variable    = "KINRING_CODEX"
	OldVariable = "KINRING_CODEX_OLD"
)

// Tool is what require.Variable calls the Codex CLI.
const Tool = "codex"

// limit is how long one run may take: a watchdog, no measure. A login takes some
// 50 ms, and seconds of computing where it is encrypted.
const limit = 2 * time.Minute

// Home is a throwaway CODEX_HOME and the program that uses it.
type Home struct {
	// Dir is the CODEX_HOME, without symlinks in it.
	Dir string
	// program is the Codex CLI.
	program string
	base    string
	// bus is the address of a session bus; empty means that there is none.
	bus string
}

// Result is how one run ended.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// New returns an empty home for the Codex CLI. It skips the test, or fails it
// where the tool is required, if there is none.
func New(t testing.TB) *Home {
	t.Helper()
	return newHome(t, Variable)
}

// NewOld is New for the older Codex CLI.
func NewOld(t testing.TB) *Home {
	t.Helper()
	return newHome(t, OldVariable)
}

// find returns the path of a Codex program, or ends the test.
func find(t testing.TB, variable string) string {
	t.Helper()
	program := os.Getenv(variable)
	require.Need(t, Tool, program != "", "set "+variable+" to the program that scripts/fetch-codex installs")
	program, err := filepath.Abs(program)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return program
}

func newHome(t testing.TB, variable string) *Home {
	t.Helper()
	program := find(t, variable)
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	h := &Home{Dir: filepath.Join(base, "codex"), program: program, base: base}
	for _, dir := range []string{h.Dir, filepath.Join(base, "tmp")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// Old returns the same home for the older Codex CLI: two builds side by side on
// one machine.
func (h *Home) Old(t testing.TB) *Home {
	t.Helper()
	return &Home{Dir: h.Dir, base: h.base, bus: h.bus, program: find(t, OldVariable)}
}

// OnBus lets Codex see a session bus, and the keyring on it.
func (h *Home) OnBus(address string) { h.bus = address }

// Path returns the path of a file in the home.
func (h *Home) Path(name string) string { return filepath.Join(h.Dir, name) }

// Command returns a run of Codex that is not started yet.
func (h *Home) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := h.bare(ctx, args)
	cmd.Env = h.environment()
	isolate(cmd)
	return cmd
}

// Beside is Command for a test that has been cut off from the network itself, so
// that Codex can talk to what that test serves on loopback. Nothing but the
// test's seclusion keeps it from the network.
func (h *Home) Beside(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := h.bare(ctx, args)
	cmd.Env = append(h.places(), env...)
	return cmd
}

func (h *Home) bare(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, h.program, args...)
	cmd.Dir = h.base
	cmd.WaitDelay = time.Second
	return cmd
}

// environment is all that Codex gets to know. The proxy is a port where nothing
// listens, for systems where the network cannot be taken away.
func (h *Home) environment() []string {
	const nowhere = "http://127.0.0.1:1"
	return append(h.places(), "HTTP_PROXY="+nowhere, "HTTPS_PROXY="+nowhere, "ALL_PROXY="+nowhere)
}

// places tells Codex where things are.
func (h *Home) places() []string {
	tmp := filepath.Join(h.base, "tmp")
	env := []string{
		"CODEX_HOME=" + h.Dir, "HOME=" + h.base, "USERPROFILE=" + h.base,
		"TMPDIR=" + tmp, "TMP=" + tmp, "TEMP=" + tmp, "XDG_RUNTIME_DIR=" + tmp,
		"PATH=" + os.Getenv("PATH"),
	}
	if h.bus != "" {
		env = append(env, "DBUS_SESSION_BUS_ADDRESS="+h.bus)
	}
	if root := os.Getenv("SystemRoot"); root != "" { // no Windows program starts without it
		env = append(env, "SystemRoot="+root)
	}
	return env
}

// Run runs Codex to its end with stdin as its standard input.
func (h *Home) Run(t testing.TB, stdin string, args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := h.Command(ctx, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		t.Fatalf("codex %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return Result{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
}

// Login signs in with a made-up key and fails the test if Codex refuses it.
func (h *Home) Login(t testing.TB, key string) {
	t.Helper()
	if r := h.Run(t, key, "login", "--with-api-key"); r.Code != 0 {
		t.Fatalf("codex login: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// LoggedIn returns whether Codex says that it is signed in, and what it says.
func (h *Home) LoggedIn(t testing.TB) (bool, string) {
	t.Helper()
	r := h.Run(t, "", "login", "status")
	if r.Code != 0 && r.Code != 1 {
		t.Fatalf("codex login status: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	return r.Code == 0, r.Stdout + r.Stderr
}

// Configure writes config.toml.
func (h *Home) Configure(t testing.TB, toml string) {
	t.Helper()
	if err := os.WriteFile(h.Path("config.toml"), []byte(toml), 0o600); err != nil {
		t.Fatal(err)
	}
}
