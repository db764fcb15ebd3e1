package litedb

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/kinring/kinring/store"
	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

func made(t *testing.T, path string) *Conn {
	t.Helper()
	n, err := Open(t.Context(), Address(path, "mode=rwc"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	if err := n.Script("CREATE TABLE t (a INTEGER, b BLOB); INSERT INTO t VALUES (1, x'0102')"); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestPathIsNoURI: nothing in a path is taken for a parameter or an escape.
func TestPathIsNoURI(t *testing.T) {
	names := []string{"plain", "with space", "a%41b", "ü", "a#b", "a&mode=memory"}
	if runtime.GOOS != "windows" {
		names = append(names, "a?mode=memory", `a\b`)
	}
	for _, name := range names {
		path := filepath.Join(t.TempDir(), name)
		made(t, path)
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestNothingRegisteredRuns: what another part of the program has registered with
// the driver does not see these connections.
func TestNothingRegisteredRuns(t *testing.T) {
	sqlite.RegisterConnectionHook(func(sqlite.ExecQuerierContext, string) error {
		return errors.New("a hook of somebody else's")
	})
	made(t, filepath.Join(t.TempDir(), "db"))
}

func TestLongest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	if err := made(t, path).Script("INSERT INTO t VALUES (2, zeroblob(100000))"); err != nil {
		t.Fatal(err)
	}
	target := Address(path, "mode=ro")
	target.Longest = 50_000
	n, err := Open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for a, want := range map[int64]int{1: 0, 2: codes.SQLITE_TOOBIG} {
		err := n.Query("SELECT b FROM t WHERE a = ?", []any{a}, func(c Columns) error {
			_, err := c.Blob(0)
			return err
		})
		if Primary(err) != want || want == 0 && err != nil {
			t.Errorf("row %d: %v", a, err)
		}
	}
}

// TestOpenFails without leaving anything behind: neither a file nor a goroutine.
func TestOpenFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ended, Address(path, "mode=rwc")); !errors.Is(err, store.ErrCancelled) {
		t.Error(err)
	}
	before := runtime.NumGoroutine()
	for range 20 {
		if _, err := Open(t.Context(), Address(path+"-none", "mode=ro")); Primary(err) != codes.SQLITE_CANTOPEN {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), Address(path, "mode=rwc", "no such pragma")); err == nil {
			t.Fatal("opened")
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute) // a watchdog: they are ending
	defer stop()
	for runtime.NumGoroutine() > before {
		if runtime.Gosched(); ctx.Err() != nil {
			t.Fatalf("%d goroutines, then %d", before, runtime.NumGoroutine())
		}
	}
	if _, err := os.Lstat(path + "-none"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestBudget: a schema that takes too long is given up also where the context has no
// end. Here any takes too long.
func TestBudget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	made(t, path)
	defer func(d time.Duration) { budget = d }(budget)
	budget = time.Nanosecond
	if _, err := Open(context.Background(), Address(path, "mode=ro")); !errors.Is(err, store.ErrUnavailable) {
		t.Error(err)
	}
}

// TestQueryWithin gives up, and the connection can be used again.
func TestQueryWithin(t *testing.T) {
	n := made(t, filepath.Join(t.TempDir(), "db"))
	ended, cancel := context.WithCancel(t.Context())
	const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i < 0"
	done := make(chan error)
	go func() {
		done <- n.QueryWithin(ended, endless, nil, func(Columns) error { return errors.New("a row") })
	}()
	cancel()
	if err := <-done; !errors.Is(err, store.ErrCancelled) {
		t.Error(err)
	}
	if number, err := n.Number("user_version"); err != nil || number != 0 {
		t.Error(number, err)
	}
}
