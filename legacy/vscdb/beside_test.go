package vscdb

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/litedb"
	"github.com/kinring/kinring/store"
)

// wantUntilRestart checks that a change was told to take effect later.
func wantUntilRestart(t *testing.T, what string, err error) {
	t.Helper()
	var e *store.Error
	if !errors.As(err, &e) || e.Class != store.ErrPartial || len(e.Missing) != 1 || e.Missing[0] != "the running app" ||
		!strings.Contains(err.Error(), "takes effect after a restart") {
		t.Errorf("%s beside the running app: %v", what, err)
	}
}

// TestI9CachingApp: beside a process that reads the database once and answers
// from memory, a change is in the database, is said to count only from the next
// start on, and does.
func TestI9CachingApp(t *testing.T) {
	h := newHome(t)
	h.appWrites(github, "old")
	h.appWrites("other", "other's")
	s := h.open()
	app := h.spawn(t, "app")
	app.line()

	_, err := s.Put(t.Context(), githubKey, store.Item{Value: store.NewValue([]byte("new"))}, store.Any())
	wantUntilRestart(t, "put", err)
	wantUntilRestart(t, "delete", s.Delete(t.Context(), store.Key{Service: service, Account: "other"}, store.Any()))
	if got := get(t, s, githubKey); got != "new" {
		t.Errorf("kinring reads %s", got)
	}
	if got := app.ask("get " + github); got != "old" {
		t.Errorf("the app answers %s: the test is worth nothing", got)
	}
	if got := app.ask("get other"); got != "other's" {
		t.Errorf("the app answers %s", got)
	}
	app.end()

	app = h.spawn(t, "app")
	app.line()
	if got := app.ask("get " + github); got != "new" {
		t.Errorf("after its restart the app answers %s", got)
	}
	if got := app.ask("get other"); got != "absent" {
		t.Errorf("after its restart the app answers %s", got)
	}
	if got := app.ask("set " + github + " newest"); got != "set" {
		t.Fatal(got)
	}
	if got := get(t, s, githubKey); got != "newest" {
		t.Errorf("what the app wrote is read as %s", got)
	}
	app.end()
	put(t, s, githubKey, "when it has ended", store.Any())
}

// TestAppIsRunning: what counts as a running app.
func TestAppIsRunning(t *testing.T) {
	past, future := time.Now().Add(-24*365*time.Hour), time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		lock    string
		written time.Time
		want    bool
	}{
		"no file":                 {"", time.Time{}, false},
		"a live process":          {strconv.Itoa(os.Getpid()), future, true},
		"just starting":           {" ", future, true},
		"no number":               {"chrome", future, true},
		"nobody's number":         {"2147483646", future, false},
		"somebody later's number": {strconv.Itoa(os.Getpid()), past, false},
	} {
		h := newHome(t)
		if c.lock != "" {
			h.write(lockFile, c.lock)
			if err := os.Chtimes(filepath.Join(h.dir, lockFile), c.written, c.written); err != nil {
				t.Fatal(err)
			}
		}
		if why := h.app().running(t.Context()); (why != "") != c.want {
			t.Errorf("%s: %q", name, why)
		}
	}
	h := newHome(t)
	if err := os.Mkdir(filepath.Join(h.dir, lockFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if why := h.app().running(t.Context()); why == "" {
		t.Error("a lock file that cannot be read is no running app")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newHome(t).open().untilRestart(ended); err != nil {
		t.Errorf("where the caller's time is over: %v", err)
	}
}

// TestAppIsAtItsSocket: code.lock is gone while the app ends; its socket is not.
func TestAppIsAtItsSocket(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("named pipes there")
	}
	run, err := os.MkdirTemp("", "kr") // short enough for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(run)
	t.Setenv("XDG_RUNTIME_DIR", run)
	a := app{userData: "/home/alice/.config/Code"}
	if a.scope() != "c8d74507" {
		t.Errorf("the socket is named after %s", a.scope())
	}
	path := filepath.Join(run, "vscode-"+a.scope()+"-1.99-main.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if why := a.running(t.Context()); !strings.Contains(why, path) {
		t.Errorf("the app at its socket: %q", why)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if why := a.running(t.Context()); why != "" {
		t.Errorf("a socket that was left: %q", why)
	}
}

// TestI3TwoWritersBesideATransaction: two programs raise one number while a third
// holds a write transaction. Neither gives up for that, and none of their writes
// is lost.
func TestI3TwoWritersBesideATransaction(t *testing.T) {
	h := newHome(t)
	put(t, h.open(), githubKey, "0", store.Any())
	holder := h.spawn(t, "holder")
	holder.line()
	one, two := h.spawn(t, "counter"), h.spawn(t, "counter")
	for _, p := range []*process{one, two} {
		if got := p.line(); got != "counting" {
			t.Fatal(got)
		}
	}
	holder.end()
	for _, p := range []*process{one, two} {
		if got := p.line(); got != "done" {
			t.Fatal(got)
		}
		p.end()
	}
	if got, want := get(t, h.open(), githubKey), strconv.Itoa(2*counts); got != want {
		t.Errorf("the number is %s, want %s", got, want)
	}
	if got := h.raw("workbench.busy"); got != "x" {
		t.Errorf("the third one's write is %q", got)
	}
}

// TestI9BusyUntilTheDeadline: a database that stays busy is waited for until the
// caller's deadline, and then nothing has happened.
func TestI9BusyUntilTheDeadline(t *testing.T) {
	h := newHome(t)
	s := h.open()
	put(t, s, githubKey, "before", store.Any())
	db, err := litedb.Open(t.Context(), litedb.Address(h.path, "mode=rw"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Script("BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	for what, call := range map[string]func() error{
		"get":    func() error { return second(s.Get(deadline(t), githubKey)) },
		"put":    func() error { return second(s.Put(deadline(t), githubKey, store.Item{}, store.Any())) },
		"delete": func() error { return s.Delete(deadline(t), githubKey, store.Any()) },
		"list":   func() error { return second(s.List(deadline(t), "")) },
	} {
		if err := call(); !errors.Is(err, store.ErrTimedOut) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := errors.Join(db.Script("ROLLBACK"), db.Close()); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s, githubKey); got != "before" {
		t.Errorf("got %s", got)
	}
}

// TestLogComesAndGoes: while an app with a write-ahead log starts and ends, each
// read has an answer, and the right one.
func TestLogComesAndGoes(t *testing.T) {
	h := newHome(t)
	h.appWrites(github, "value")
	p := h.spawn(t, "logger")
	p.line()
	s := h.open()
	for i := range 120 {
		if item, err := s.Get(t.Context(), githubKey); err != nil || string(item.Value.Bytes()) != "value" {
			t.Fatalf("read %d: %s, %v", i, item.Value.Bytes(), err)
		}
	}
	p.end()
}

// crashed checks that what only stands in the log is read after a crash too, and
// that nothing is written. Where the memory that the log's users shared is gone, only
// the app can put the database right.
func (h *home) crashed(t *testing.T) {
	t.Helper()
	after := bareHome(t)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		data, err := os.ReadFile(h.path + suffix)
		if err = errors.Join(err, os.WriteFile(after.path+suffix, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	before := after.content()
	if got := get(t, after.open(), githubKey); got != "in the log" {
		t.Errorf("of what a crash left: %s", got)
	}
	if after.content() != before {
		t.Error("reading changed what a crash left")
	}
	if err := os.Remove(after.path + "-shm"); err != nil {
		t.Fatal(err)
	}
	before = after.content()
	if _, err := after.open().Get(t.Context(), githubKey); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "start the app") {
		t.Errorf("of a log alone: %v", err)
	}
	if after.content() != before {
		t.Error("reading changed what a crash left")
	}
}

// TestLogBesideAWriter: while a writer keeps a write-ahead log, what only stands
// in the log is read.
func TestLogBesideAWriter(t *testing.T) {
	h := newHome(t)
	db, err := litedb.Open(t.Context(), litedb.Address(h.path, "mode=rw", "journal_mode(wal)", "wal_autocheckpoint(0)"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Script("INSERT INTO ItemTable VALUES (?, ?)", prefix+github, mustSeal("in the log")); err != nil {
		t.Fatal(err)
	}
	s := h.open()
	if got := get(t, s, githubKey); got != "in the log" {
		t.Errorf("got %s", got)
	}
	h.crashed(t)
	put(t, s, githubKey, "ours", store.Any())
	if got := get(t, s, githubKey); got != "ours" {
		t.Errorf("got %s", got)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got := get(t, s, githubKey); got != "ours" {
		t.Errorf("when the writer has ended: %s", got)
	}
}
