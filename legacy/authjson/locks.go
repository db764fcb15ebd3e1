package authjson

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
	loginLock     = "auth.lock" // in Codex's folder, around reading and writing
	fileLockTail  = ".lock"     // behind auth.json's own name, around writing
	entryLocks    = "mcp-oauth-locks"
	entryFileLock = "file-store.lock" // in entryLocks, around .credentials.json

	sharedLockMode = 0o666 // before the umask
	fileLockMode   = 0o600
	entryLocksMode = 0o777

	loginLockEvery = 10 * time.Millisecond
	entryLockEvery = 50 * time.Millisecond
)

// lockFile is one lock to take.
type lockFile struct {
	path string
	how  filelock.Options
}

// loginLockFiles are the locks around a write of auth.json.
func loginLockFiles(home, path string) []lockFile {
	return []lockFile{
		{filepath.Join(home, loginLock), filelock.Options{Mode: sharedLockMode, Every: loginLockEvery}},
		{path + fileLockTail, filelock.Options{Mode: fileLockMode, Every: loginLockEvery}},
	}
}

// entryLockFiles are the locks around a write of one entry of
// .credentials.json: the entry's own, named by the digest of its name, and the
// file's.
func entryLockFiles(home, account string) []lockFile {
	sum := sha256.Sum256([]byte(account))
	how := filelock.Options{Mode: sharedLockMode, Every: entryLockEvery}
	dir := filepath.Join(home, entryLocks)
	return []lockFile{
		{filepath.Join(dir, hex.EncodeToString(sum[:])+fileLockTail), how},
		{filepath.Join(dir, entryFileLock), how},
	}
}

// withLocks takes the locks in order, runs do, and releases them. The context
// that do gets ends when the locks have been held for long enough.
func withLocks(ctx context.Context, locks []lockFile, do func(ctx context.Context) error) error {
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
	return withLocks(ctx, locks[1:], do)
}

// makeHome makes Codex's folder if there is none. One that exists is left as it
// is, and not judged: it is Codex's.
func makeHome(home string) error {
	if _, err := os.Stat(home); err == nil {
		return nil
	}
	return durable.MkdirAll(home)
}

// makeEntryLocks makes the folder of the locks as Codex does.
func makeEntryLocks(home string) error {
	dir := filepath.Join(home, entryLocks)
	if err := os.Mkdir(dir, entryLocksMode); err != nil && !os.IsExist(err) {
		return durable.MkdirAll(dir) // fails too, and says why
	}
	return nil
}
