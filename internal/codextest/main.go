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
// as Command does, in the CODEX_HOME of the environment. It exits as Codex does.
func Main() {
	dir := os.Getenv("CODEX_HOME")
	h := &Home{Dir: dir, program: os.Getenv(Variable), base: filepath.Dir(dir)}
	if dir == "" || h.program == "" {
		fmt.Fprintf(os.Stderr, "set CODEX_HOME and %s\n", Variable)
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
