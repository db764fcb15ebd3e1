package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
)

const execLong = `Run a command with secrets. --file NAME=KEY puts the value into a private file
and its path into the environment variable NAME; the file is removed when the
command has ended. --env NAME=KEY puts the value itself into the variable: other
programs of the same user can read a program's environment, so prefer --file.

The exit code is the command's; 125 says that kinring itself failed, and then the
command did not run.`

func (a *app) execCommand() *cobra.Command {
	var files, envs []string
	cmd := &cobra.Command{
		Use:     "exec [--file NAME=KEY] [--env NAME=KEY] -- COMMAND [ARGUMENT...]",
		Short:   "Run a command with secrets",
		Long:    execLong,
		Example: "  kinring --family codex exec --file LOGIN=auth -- deploy",
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.ArgsLenAtDash() != 0 || len(args) == 0 {
				return usage("exec needs a command after --")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.exec(cmd.Context(), files, envs, args)
		},
	}
	cmd.Flags().StringArrayVar(&files, "file", nil, "NAME=KEY: the value in a private file, its path in the variable NAME")
	cmd.Flags().StringArrayVar(&envs, "env", nil, "NAME=KEY: the value in the variable NAME")
	return cmd
}

func (a *app) exec(ctx context.Context, files, envs []string, command []string) error {
	pairs, err := pairsOf(files, envs)
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, endingSignals()...) // first: from here to the end there may be files to remove
	defer signal.Stop(signals)
	dir, err := privateDir(len(files) > 0)
	if err != nil {
		return ownFailure(err)
	}
	env, err := a.secretsFor(ctx, dir, pairs)
	if err == nil {
		err = a.runCommand(command, env, signals)
	} else if !isUsage(err) {
		err = ownFailure(err)
	}
	if dir != "" {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

// privateDir makes a directory for secrets that only this user can read, in
// memory where the system has such a place.
func privateDir(needed bool) (string, error) {
	if !needed {
		return "", nil
	}
	base := os.Getenv("XDG_RUNTIME_DIR") // on Linux: in memory, and the user's own
	if info, err := os.Stat(base); base == "" || err != nil || !info.IsDir() {
		base = ""
	}
	return os.MkdirTemp(base, "kinring-exec-") // with mode 0700
}

// pair says which secret goes into which variable, and whether by a file.
type pair struct {
	name, key string
	file      bool
}

// pairsOf reads the flags before any secret is read.
func pairsOf(files, envs []string) (all []pair, err error) {
	names := map[string]bool{}
	for i, text := range slices.Concat(files, envs) {
		name, key, ok := strings.Cut(text, "=")
		switch {
		case !ok || name == "" || key == "":
			return nil, usage(fmt.Sprintf("%q is not NAME=KEY", text))
		case names[name]:
			return nil, usage(fmt.Sprintf("the variable %s is given twice", name))
		}
		names[name] = true
		all = append(all, pair{name, key, i < len(files)})
	}
	return all, nil
}

// secretsFor reads the keys and returns the variables that carry them.
func (a *app) secretsFor(ctx context.Context, dir string, pairs []pair) ([]string, error) {
	var out []string
	err := a.with(ctx, func(ctx context.Context, ring *kinring.Ring) error {
		for i, p := range pairs {
			v, err := ring.Get(ctx, p.key)
			if err != nil {
				return err
			}
			text := v.Bytes()
			v.Wipe()
			if p.file {
				path := filepath.Join(dir, strconv.Itoa(i))
				if err := os.WriteFile(path, text, 0o600); err != nil {
					return err
				}
				text = []byte(path)
			}
			if bytes.IndexByte(text, 0) >= 0 {
				return fmt.Errorf("the value of %s holds a NUL byte, which no environment can carry; use --file", p.key)
			}
			out = append(out, p.name+"="+string(text))
		}
		return nil
	})
	return out, err
}

// runCommand runs the command to its end. Signals that ask kinring to end reach
// the command too, from the terminal, or are passed on.
func (a *app) runCommand(command, env []string, signals <-chan os.Signal) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.in, a.out, a.err
	if err := cmd.Start(); err != nil {
		return ownFailure(err)
	}
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				if s != os.Interrupt { // which the terminal sends to both
					_ = cmd.Process.Signal(s) // it may have ended by itself
				}
			case <-done:
				return
			}
		}
	}()
	err := cmd.Wait()
	close(done)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &exitError{exitStatus(exit)}
	}
	return err
}

// exitStatus is the command's exit code, or 128 and the signal that ended it, as
// shells have it.
func exitStatus(exit *exec.ExitError) int {
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}

// exitError carries a command's own exit code.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// ownError is kinring's own failure around a command.
type ownError struct{ err error }

func (e *ownError) Error() string { return e.err.Error() }
func (e *ownError) Unwrap() error { return e.err }

func ownFailure(err error) error { return &ownError{err} }
