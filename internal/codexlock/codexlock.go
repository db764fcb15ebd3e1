// Package codexlock takes the lock files of the OpenAI Codex CLI, so that a
// change of what it keeps is one that it would wait for.
package codexlock

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"time"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/internal/filelock"
)

// Codex's lock files, with the modes that Codex 0.169.0 gives them, in the order
// in which it takes them. It never removes them, and neither does kinring.
// Codex up to 0.145.0 takes no locks.
const (
	loginLock    = "auth.lock" // in Codex's folder, around reading and writing
	fileLockTail = ".lock"     // behind auth.json's own name, around writing
	entryLocks   = "mcp-oauth-locks"

	sharedLockMode = 0o666 // before the umask
	fileLockMode   = 0o600
	entryLocksMode = 0o777

	loginLockEvery = 10 * time.Millisecond
	entryLockEvery = 50 * time.Millisecond
)

// The locks around all entries of one store of MCP servers' credentials.
const (
	CredentialsFile = "file-store.lock"    // around .credentials.json
	SecretsFile     = "secrets-store.lock" // around the encrypted file
)

// holdLimit is how long a lock may be held before a change is given up with
// nothing done: Codex 0.169.0 waits for auth.json.lock for 5 s and then drops
// the tokens that it meant to write.
const holdLimit = 3 * time.Second

// File is one lock to take.
type File struct {
	path string
	how  filelock.Options
}

// Login returns the locks around a change of the login, wherever Codex keeps it.
// file is the auth.json, whether there is one or not.
func Login(home, file string) []File {
	return []File{
		{filepath.Join(home, loginLock), filelock.Options{Mode: sharedLockMode, Every: loginLockEvery}},
		{file + fileLockTail, filelock.Options{Mode: fileLockMode, Every: loginLockEvery}},
	}
}

// Entry returns the locks around a change of one MCP server's credentials: the
// entry's own, named by the digest of its name, and its store's.
func Entry(home, account, store string) []File {
	sum := sha256.Sum256([]byte(account))
	how := filelock.Options{Mode: sharedLockMode, Every: entryLockEvery}
	dir := filepath.Join(home, entryLocks)
	return []File{
		{filepath.Join(dir, hex.EncodeToString(sum[:])+fileLockTail), how},
		{filepath.Join(dir, store), how},
	}
}

// With takes the locks in order, runs do, and releases them. The context
// that do gets ends when the locks have been held for long enough.
func With(ctx context.Context, locks []File, do func(ctx context.Context) error) error {
	if len(locks) == 0 {
		ctx, cancel := context.WithTimeout(ctx, holdLimit)
		defer cancel()
		return do(ctx)
	}
	l, err := filelock.Acquire(ctx, locks[0].path, locks[0].how)
	if err != nil {
		return err
	}
	defer l.Unlock()
	return With(ctx, locks[1:], do)
}

// MakeHome makes Codex's folder if there is none. One that exists is left as it
// is, and not judged: it is Codex's.
func MakeHome(home string) error {
	if _, err := os.Stat(home); err == nil {
		return nil
	}
	return durable.MkdirAll(home)
}

// MakeEntryLocks makes the folder of the locks as Codex does.
func MakeEntryLocks(home string) error {
	dir := filepath.Join(home, entryLocks)
	if err := os.Mkdir(dir, entryLocksMode); err != nil && !os.IsExist(err) {
		return durable.MkdirAll(dir) // fails too, and says why
	}
	return nil
}
