package vscdb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/store"
)

// app is the program that the database belongs to.
type app struct {
	userData string // its user-data directory
	argv     string // its argv.json; empty: it has none
}

// The files in an app's user-data directory that are looked at.
const (
	lockFile = "code.lock" // holds the main process's number
	maxLock  = 64          // bytes
	maxArgv  = 1 << 20     // bytes
)

// settings are what argv.json says of secrets.
type settings struct {
	passwordStore string // password-store
	inMemory      bool   // use-inmemory-secretstorage
}

// settings reads argv.json. One that cannot be read is an error: VS Code would
// go by its defaults, but so it may have been told on its command line.
func (a app) settings(ctx context.Context) (settings, error) {
	if a.argv == "" {
		return settings{}, nil
	}
	text, _, err := durable.ReadFile(ctx, a.argv, durable.Limits{MaxSize: maxArgv})
	if errors.Is(err, store.ErrNotFound) {
		return settings{}, nil
	}
	if err != nil {
		return settings{}, err
	}
	s, err := parseArgv(text)
	return s, store.At(err, "read", a.argv, store.Key{})
}

func parseArgv(text []byte) (settings, error) { return parseSettings(stripComments(text)) }

// parseSettings goes by the names letter by letter, as the app does: what it does
// not read must not make a weaker store.
func parseSettings(plain []byte) (s settings, err error) {
	if len(bytes.TrimSpace(plain)) == 0 {
		return s, nil
	}
	var fields map[string]json.RawMessage
	err = json.Unmarshal(plain, &fields)
	for name, into := range map[string]any{"password-store": &s.passwordStore, "use-inmemory-secretstorage": &s.inMemory} {
		if text, said := fields[name]; said && err == nil {
			err = json.Unmarshal(text, into)
		}
	}
	if err != nil {
		return settings{}, &store.Error{Class: store.ErrCorrupt, Detail: "it is not JSON with comments",
			Remedy: "correct it, or remove it: the app makes another one"}
	}
	return s, nil
}

// basic reports whether the app was told to do without a keyring.
func (a app) basic(ctx context.Context) (bool, error) {
	s, err := a.settings(ctx)
	return s.passwordStore == "basic", err
}

// running says why the app counts as running, and nothing if it does not. What
// cannot be told counts: a change that a running app does not know of must not
// pass for one that took effect.
func (a app) running(ctx context.Context) string {
	if why := a.locked(ctx); why != "" {
		return why
	}
	return a.answering(ctx)
}

// locked goes by the number in code.lock. VS Code writes it after it has won its
// socket, and removes it when it begins to end.
func (a app) locked(ctx context.Context) string {
	path := filepath.Join(a.userData, lockFile)
	text, stamp, err := durable.ReadFile(ctx, path, durable.Limits{MaxSize: maxLock})
	if errors.Is(err, store.ErrNotFound) {
		return ""
	}
	if err != nil {
		return fmt.Sprintf("%s cannot be read, so the app may be running", lockFile)
	}
	pid, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 32)
	if err != nil || pid <= 0 {
		return fmt.Sprintf("%s names no process, so the app may just be starting", lockFile)
	}
	if !alive(int(pid), time.Unix(0, stamp.Modified)) {
		return ""
	}
	return fmt.Sprintf("the app runs as process %d", pid)
}

// scope is how VS Code names its main socket after its user-data directory.
func (a app) scope() string {
	sum := sha256.Sum256([]byte(a.userData))
	return hex.EncodeToString(sum[:4])
}
