// Package strangers runs, for tests, programs on other keyring libraries: the
// older builds of somebody's family, or programs that have nothing to do with it.
// They see one bus of a test and nothing of the user's own session.
//
// scripts/fetch-strangers installs them; Python's comes with the Debian package
// python3-keyring.
package strangers

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/internal/require"
)

// Variables that say where the programs are.
const (
	VariableGo  = "KINRING_STRANGERS_GO"
	VariableNPM = "KINRING_STRANGERS_NPM"
)

// Tools as require.Variable calls them.
const (
	Tool       = "strangers"
	ToolPython = "python3-keyring"
)

// Client is a program on one library.
type Client struct {
	Name    string
	command func(t testing.TB) []string
}

// The clients.
var (
	// GoKeyring is zalando's go-keyring.
	GoKeyring = Client{"go-keyring", goProgram("gokeyring")}
	// Keyring99 is 99designs/keyring in a collection named by the service.
	Keyring99 = Client{"99designs", goProgram("keyring99")}
	// Keyring99File is the same library with encrypted files; its service is the
	// folder.
	Keyring99File = Client{"99designs files", goProgram("keyring99file")}
	// Rust4 and Rust2 are the Rust crate keyring in its versions 4 and 2, by way of
	// @napi-rs/keyring.
	Rust4 = Client{"Rust crate 4", nodeProgram("keyring4")}
	Rust2 = Client{"Rust crate 2", nodeProgram("keyring2")}
	// Python is Python's keyring.
	Python = Client{"Python", pythonProgram}
)

func goProgram(library string) func(testing.TB) []string {
	return func(t testing.TB) []string {
		program := os.Getenv(VariableGo)
		require.Need(t, Tool, program != "", "set "+VariableGo+" to the program that scripts/fetch-strangers builds")
		return []string{program, library}
	}
}

func nodeProgram(module string) func(testing.TB) []string {
	return func(t testing.TB) []string {
		program := os.Getenv(VariableNPM)
		require.Need(t, Tool, program != "", "set "+VariableNPM+" to the program that scripts/fetch-strangers installs")
		return []string{"node", program, module}
	}
}

// pythonText does in Python what the other programs do.
const pythonText = `
import sys, keyring, keyring.errors, keyring.backends.SecretService
keyring.set_keyring(keyring.backends.SecretService.Keyring()) # without trying all others first
verb, service, account = sys.argv[1:4]
if verb == "GET":
    value = keyring.get_password(service, account)
    if value is None:
        sys.exit(1)
    sys.stdout.write(value)
elif verb == "SET":
    keyring.set_password(service, account, sys.stdin.read())
else:
    try:
        keyring.delete_password(service, account)
    except keyring.errors.PasswordDeleteError:
        sys.exit(1)
`

// python is the one that Debian's packages are for.
const python = "/usr/bin/python3"

func pythonProgram(t testing.TB) []string {
	require.Need(t, ToolPython, hasPythonKeyring(), "install the Debian package python3-keyring")
	return []string{python, "-c", pythonText}
}

var hasPythonKeyring = sync.OnceValue(func() bool { return exec.Command(python, "-c", "import keyring").Run() == nil })

// Need skips the test, or fails it where the tool is required, if the client
// cannot be run here.
func (c Client) Need(t testing.TB) {
	t.Helper()
	c.command(t)
}

// Result is how one run ended. Code 1 means that there is nothing.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// limit is how long one run may take: a watchdog, no measure.
const limit = 2 * time.Minute

// Run runs the client on a bus: GET, SET, DELETE or LIST.
func (c Client) Run(t testing.TB, bus *keyringtest.Bus, verb, service, account, stdin string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	args := append(c.command(t), verb, service, account)
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(bus.Environment(), "STRANGER_PASSPHRASE="+Passphrase)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		t.Fatalf("%s %s: %v\n%s", c.Name, verb, err, stderr.String())
	}
	return Result{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
}

// Passphrase is that of the encrypted files.
const Passphrase = "made-up passphrase of a test"

// Set stores a value and fails the test if the client refuses.
func (c Client) Set(t testing.TB, bus *keyringtest.Bus, service, account, value string) {
	t.Helper()
	if r := c.Run(t, bus, "SET", service, account, value); r.Code != 0 {
		t.Fatalf("%s cannot set: exit %d\n%s", c.Name, r.Code, r.Stderr)
	}
}

// Get returns what the client reads, and whether there is anything. It fails the
// test if the client cannot tell.
func (c Client) Get(t testing.TB, bus *keyringtest.Bus, service, account string) (value string, there bool) {
	t.Helper()
	r := c.Run(t, bus, "GET", service, account, "")
	if r.Code > 1 {
		t.Errorf("%s cannot get: exit %d\n%s", c.Name, r.Code, r.Stderr)
	}
	return r.Stdout, r.Code == 0
}

// Delete deletes, and reports whether there was anything.
func (c Client) Delete(t testing.TB, bus *keyringtest.Bus, service, account string) bool {
	t.Helper()
	r := c.Run(t, bus, "DELETE", service, account, "")
	if r.Code > 1 {
		t.Errorf("%s cannot delete: exit %d\n%s", c.Name, r.Code, r.Stderr)
	}
	return r.Code == 0
}
