package codextest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Find skips or fails the test if there is no Codex CLI.
func Find(t testing.TB) { find(t, Variable) }

// Main is a program for scripts: the Codex CLI, kept apart from everything else
// as Command does, in the CODEX_HOME of the environment and on its session bus if
// it names one. It exits as Codex does.
func Main() { run(Variable) }

// OldMain is Main for the older Codex CLI.
func OldMain() { run(OldVariable) }

func run(variable string) {
	dir := os.Getenv("CODEX_HOME")
	h := &Home{Dir: dir, program: os.Getenv(variable), base: filepath.Dir(dir), bus: os.Getenv("DBUS_SESSION_BUS_ADDRESS")}
	if dir == "" || h.program == "" {
		fmt.Fprintf(os.Stderr, "set CODEX_HOME and %s\n", variable)
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := h.Command(ctx, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}
