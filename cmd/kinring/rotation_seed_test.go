package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/kinring/kinring/internal/filelock"
)

// The programs of the rotation tests, beside kinring itself: the client that
// `kinring update` runs, one that takes a look and keeps what is there, and the
// seed rules. TestMain makes them out of the test binary.
const (
	refreshProgram = "refresh-login"
	keepProgram    = "keep-login"
	seedProgram    = "seed-rules"
)

func keepMain() {
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		os.Exit(1)
	}
}

// seedRulesMain is a program for the rotation tests: the rules of
// openai/codex#14855, as described, with files for stores. The shared store is
// read first; what it does not hold is copied there from the older build's; a
// write goes to the shared store alone. To be fair, its updates exclude each
// other: what is to be shown is what becomes of a login that is shared with an
// older build.
//
//	seed-rules update auth -- COMMAND
//	seed-rules get auth
func seedRulesMain() {
	if err := seedRules(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "seed-rules:", err)
		os.Exit(1)
	}
}

func seedRules(args []string) error {
	shared, legacy := os.Getenv("SEED_SHARED"), filepath.Join(os.Getenv("CODEX_HOME"), "auth.json")
	switch {
	case len(args) == 2 && args[0] == "get":
		value, err := seedLoad(shared, legacy)
		os.Stdout.Write(value)
		return err
	case len(args) == 4 && args[0] == "update":
		return seedUpdate(shared, legacy, args[3])
	}
	return errors.New("usage: seed-rules get KEY | update KEY -- COMMAND")
}

func seedLoad(shared, legacy string) ([]byte, error) {
	value, err := os.ReadFile(shared)
	if !errors.Is(err, fs.ErrNotExist) {
		return value, err
	}
	if value, err = os.ReadFile(legacy); err != nil {
		return nil, err
	}
	return value, os.WriteFile(shared, value, 0o600)
}

func seedUpdate(shared, legacy, command string) error {
	lock, err := filelock.Acquire(context.Background(), shared+".lock", filelock.Options{Mode: 0o600})
	if err != nil {
		return err
	}
	defer lock.Unlock()
	value, err := seedLoad(shared, legacy)
	if err != nil {
		return err
	}
	cmd := exec.Command(command)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(value), os.Stderr
	next, err := cmd.Output()
	if err != nil || len(next) == 0 {
		return err
	}
	return os.WriteFile(shared, next, 0o600)
}
