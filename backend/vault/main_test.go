package vault

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/require"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// workerPath tells a process that a test has started which vault to open. Its
// key file lies beside it.
const workerPath = "KINRING_VAULT_TEST_PATH"

// background is for what a spawned process does, which has no test.
var background = context.Background()

func TestMain(m *testing.M) {
	path := os.Getenv(workerPath)
	storetest.WorkerMain(func() (store.Store, error) { return Open(background, options(path)) })
	if role := os.Getenv(workerRole); role != "" {
		runtime.LockOSThread() // strace counts the calls of each thread by itself
		if err := workerRoles[role](path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// withoutRaces skips a test that the race detector would slow down and find
// nothing in: what it does is done by one goroutine, or by other processes.
func withoutRaces(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("it has no races: run without -race")
	}
}

// needStrace skips a test where system calls cannot be watched and changed.
func needStrace(t *testing.T) {
	t.Helper()
	withoutRaces(t)
	_, err := exec.LookPath("strace")
	require.Need(t, "strace", err == nil, "system calls are counted, made to fail, and processes killed at them")
}

// sentinel is part of every secret of these tests, so that leaks can be found.
const sentinel = "sk-test-vault-sentinel"

func options(path string) Options {
	return Options{Path: path, Keys: []KeySource{KeyFile(DefaultKeyFile(path))}}
}

// newVault makes an empty vault that its default key file opens.
func newVault(t testing.TB) string {
	t.Helper()
	return newVaultIn(t, filepath.Join(t.TempDir(), "private"), defaultBuild)
}

func newVaultIn(t testing.TB, dir string, b build) string {
	t.Helper()
	path := filepath.Join(dir, "vault.db")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := GenerateKeyFile(t.Context(), DefaultKeyFile(path)); err != nil {
		t.Fatal(err)
	}
	if err := create(t.Context(), options(path), b); err != nil {
		t.Fatal(err)
	}
	return path
}

func openVault(t testing.TB, path string) *vaultStore {
	t.Helper()
	s, err := Open(t.Context(), options(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // some tests close it themselves
	return s.(*vaultStore)
}

func key(account string) store.Key { return store.Key{Service: "vault test", Account: account} }

func item(value string) store.Item { return store.Item{Value: store.NewValue([]byte(value))} }

func mustPut(t testing.TB, s store.Store, account, value string) store.Revision {
	t.Helper()
	rev, err := s.Put(t.Context(), key(account), item(value), store.Any())
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

func wantValue(t testing.TB, s store.Store, account, want string) {
	t.Helper()
	got, err := s.Get(t.Context(), key(account))
	if err != nil || string(got.Value.Bytes()) != want {
		t.Fatalf("%s: %d bytes, %v; want %d bytes", account, got.Value.Len(), err, len(want))
	}
}

func mustClose(t testing.TB, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func timeOf(ns int64) time.Duration { return time.Duration(ns) }
