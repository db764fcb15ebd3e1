package authjson_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/codextest"
	"github.com/kinring/kinring/internal/filelock"
	"github.com/kinring/kinring/store"
)

// Keys for the real Codex CLI; nobody's.
const (
	firstKey  = "sk-test-first-aaaa0001"
	secondKey = "sk-test-second-bbbb0002"
)

// builds runs a test with each Codex CLI: the one that takes locks, and the one
// that truncates its file.
func builds(t *testing.T, test func(t *testing.T, h *codextest.Home)) {
	t.Run("new", func(t *testing.T) { test(t, codextest.New(t)) })
	t.Run("old", func(t *testing.T) { test(t, codextest.NewOld(t)) })
}

// wantCodex asks Codex whether it is signed in, and with which key: it shows the
// last five characters.
func wantCodex(t *testing.T, h *codextest.Home, key string) {
	t.Helper()
	in, said := h.LoggedIn(t)
	if in != (key != "") || in && !strings.Contains(said, key[len(key)-5:]) {
		t.Errorf("codex login status: signed in: %v, %s; want key %q", in, said, key)
	}
}

func TestCodexLoginIsRead(t *testing.T) {
	builds(t, func(t *testing.T, h *codextest.Home) {
		l := layouts[0]
		s := l.open(t, h.Dir)
		_, err := s.Get(t.Context(), l.key)
		wantClass(t, "get before the login", err, store.ErrNotFound)
		h.Login(t, firstKey)
		file, err := os.ReadFile(h.Path("auth.json"))
		if err != nil || !strings.Contains(string(file), firstKey) {
			t.Fatalf("codex wrote %q, %v", file, err)
		}
		got, err := s.Get(t.Context(), l.key)
		if err != nil || string(got.Value.Bytes()) != string(file) {
			t.Errorf("get: %q, %v; want the file, %q", got.Value.Bytes(), err, file)
		}
		h.Login(t, secondKey)
		again, err := s.Get(t.Context(), l.key)
		if err != nil || !strings.Contains(string(again.Value.Bytes()), secondKey) || again.Revision == got.Revision {
			t.Errorf("get after another login: %q, %v", again.Value.Bytes(), err)
		}
		wantClass(t, "delete of the first login", s.Delete(t.Context(), l.key, store.Match(got.Revision)), store.ErrConflict)
		wantCodex(t, h, secondKey)
	})
}

func TestCodexSeesDelete(t *testing.T) {
	builds(t, func(t *testing.T, h *codextest.Home) {
		l := layouts[0]
		h.Login(t, firstKey)
		wantCodex(t, h, firstKey)
		if err := l.open(t, h.Dir).Delete(t.Context(), l.key, store.Any()); err != nil {
			t.Fatal(err)
		}
		wantCodex(t, h, "")
		h.Login(t, secondKey)
		wantCodex(t, h, secondKey)
	})
}

func TestCodexSeesPut(t *testing.T) {
	builds(t, func(t *testing.T, h *codextest.Home) {
		l := layouts[0]
		s := l.open(t, h.Dir)
		for _, key := range []string{firstKey, secondKey} {
			value := strings.Replace(newLogin, "sk-test-new-0002", key, 1)
			if _, err := s.Put(t.Context(), l.key, item(value), store.Any()); err != nil {
				t.Fatal(err)
			}
			wantCodex(t, h, key)
		}
		if r := h.Run(t, "", "logout"); r.Code != 0 {
			t.Fatalf("codex logout: exit %d, %s", r.Code, r.Stderr)
		}
		_, err := s.Get(t.Context(), l.key)
		wantClass(t, "get after codex logout", err, store.ErrNotFound)
	})
}

// TestCodexTwoBuilds has both builds and kinring on one home.
func TestCodexTwoBuilds(t *testing.T) {
	l, newer := layouts[0], codextest.New(t)
	older := newer.Old(t)
	older.Login(t, firstKey)
	wantCodex(t, newer, firstKey)
	newer.Login(t, secondKey)
	wantCodex(t, older, secondKey)
	got, err := l.open(t, newer.Dir).Get(t.Context(), l.key)
	if err != nil || !strings.Contains(string(got.Value.Bytes()), secondKey) {
		t.Errorf("get: %q, %v", got.Value.Bytes(), err)
	}
}

// start runs Codex beside the test. wait returns how it ended.
func start(t *testing.T, h *codextest.Home, stdin string, args ...string) (wait func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	cmd := h.Command(ctx, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() error {
		defer cancel()
		return cmd.Wait()
	}
}

// TestCodexWaitsForOurLock holds the lock that a change of the login is made
// under: Codex must not have written before it is released.
func TestCodexWaitsForOurLock(t *testing.T) {
	h := codextest.New(t)
	h.Login(t, firstKey)
	held, err := filelock.Acquire(t.Context(), h.Path("auth.lock"), filelock.Options{})
	if err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, h.Path("auth.json"))
	wait := start(t, h, secondKey, "login", "--with-api-key")
	waited, known := lockIsWaitedFor(t, h.Path("auth.lock"))
	if after := snapshot(t, h.Path("auth.json")); after != before {
		t.Error("codex wrote without the lock")
	}
	held.Unlock()
	if err := wait(); err != nil {
		t.Errorf("codex login: %v", err)
	}
	wantCodex(t, h, secondKey)
	switch {
	case !known:
		t.Skip("this system does not tell who waits for a lock: that codex waited was not seen")
	case !waited:
		t.Error("codex never waited for the lock")
	}
}

// lockIsWaitedFor returns when the kernel says that somebody waits for the lock.
// It is not known where the kernel does not say. Linux lists a waiter with "->",
// and the lock's inode as the last part of the third number: proc(5),
// /proc/locks.
func lockIsWaitedFor(t *testing.T, path string) (waited, known bool) {
	t.Helper()
	inode, ok := inodeOf(path)
	if !ok {
		return false, false
	}
	for deadline := within(t, 20*time.Second); deadline.Err() == nil; {
		text, err := os.ReadFile("/proc/locks")
		if err != nil {
			return false, false
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "-> FLOCK") && strings.Contains(line, ":"+inode+" ") {
				return true, true
			}
		}
	}
	return false, true
}

// TestContention lets Codex sign in again and again while we put and delete:
// each call ends, and what is there in the end is whole and Codex's or ours.
func TestContention(t *testing.T) {
	builds(t, func(t *testing.T, h *codextest.Home) {
		l := layouts[0]
		s := l.open(t, h.Dir)
		h.Login(t, firstKey)
		var beside sync.WaitGroup
		var done atomic.Bool
		beside.Go(func() {
			for n := 0; !done.Load(); n++ {
				contend(t, s, l.key, n)
			}
		})
		for range 8 {
			h.Login(t, secondKey)
		}
		done.Store(true)
		beside.Wait()
		got, err := s.Get(t.Context(), l.key)
		if errors.Is(err, store.ErrNotFound) {
			wantCodex(t, h, "")
			return
		}
		var login struct {
			Key string `json:"OPENAI_API_KEY"`
		}
		if err != nil || json.Unmarshal(got.Value.Bytes(), &login) != nil {
			t.Fatalf("in the end: %q, %v", got.Value.Bytes(), err)
		}
		wantCodex(t, h, login.Key)
	})
}

func contend(t *testing.T, s store.Store, key store.Key, n int) {
	var err error
	if n%3 == 2 {
		err = s.Delete(t.Context(), key, store.Any())
	} else {
		_, err = s.Put(t.Context(), key, item(strings.Replace(newLogin, "sk-test-new-0002", firstKey, 1)), store.Any())
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Errorf("call %d: %v", n, err)
	}
}

// mcpConfig makes Codex keep the credentials of two servers in its file. Codex
// signs in to a server only through the network, so the entries themselves are
// written by kinring, in the shape that Codex writes back.
const mcpConfig = `mcp_oauth_credentials_store = "file"
[mcp_servers.alpha]
url = "https://alpha.invalid/mcp"
[mcp_servers.beta]
url = "https://beta.invalid/mcp"
`

func withEntries(t *testing.T) (*codextest.Home, store.Store) {
	t.Helper()
	h := codextest.New(t)
	h.Configure(t, mcpConfig)
	s := entriesLayout.open(t, h.Dir)
	for key, entry := range map[store.Key]string{entryKey: oldEntry, otherKey: otherEntry} {
		if _, err := s.Put(t.Context(), key, item(entry), store.Absent()); err != nil {
			t.Fatal(err)
		}
	}
	return h, s
}

func logoutMCP(t *testing.T, h *codextest.Home, server string) string {
	t.Helper()
	r := h.Run(t, "", "mcp", "logout", server)
	if r.Code != 0 {
		t.Fatalf("codex mcp logout: exit %d, %s", r.Code, r.Stderr)
	}
	return r.Stdout
}

const (
	mcpRemoved = "Removed OAuth credentials"
	mcpNone    = "No OAuth credentials"
)

// TestCodexEntries: Codex finds the entry that we put, and not the one that we
// deleted; what Codex writes back is read, and the last entry takes the file
// with it on both sides.
func TestCodexEntries(t *testing.T) {
	h, s := withEntries(t)
	if said := logoutMCP(t, h, "alpha"); !strings.Contains(said, mcpRemoved) {
		t.Errorf("codex did not find our entry: %s", said)
	}
	_, err := s.Get(t.Context(), entryKey)
	wantClass(t, "get after codex mcp logout", err, store.ErrNotFound)
	got, err := s.Get(t.Context(), otherKey)
	if err != nil || string(got.Value.Bytes()) != otherEntry {
		t.Errorf("the entry that codex wrote back: %q, %v; want %q", got.Value.Bytes(), err, otherEntry)
	}
	if err := s.Delete(t.Context(), otherKey, store.Match(got.Revision)); err != nil {
		t.Fatal(err)
	}
	if said := logoutMCP(t, h, "beta"); !strings.Contains(said, mcpNone) {
		t.Errorf("codex found the entry that we deleted: %s", said)
	}
	wantFile(t, h.Path(".credentials.json"), "")
	for _, lock := range entriesLayout.locks {
		if _, err := os.Stat(filepath.Join(h.Dir, lock)); err != nil {
			t.Error(err)
		}
	}
}

// TestCodexEntriesLock: Codex takes the locks that we take, or it would not have
// to wait for them.
func TestCodexEntriesLock(t *testing.T) {
	for _, name := range entriesLayout.locks {
		h, _ := withEntries(t)
		before := snapshot(t, h.Path(".credentials.json"))
		held, err := filelock.Acquire(t.Context(), h.Path(name), filelock.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		err = h.Command(ctx, "mcp", "logout", "alpha").Run()
		cancel()
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Errorf("codex ended while %s was held: %v", name, err)
		}
		if after := snapshot(t, h.Path(".credentials.json")); after != before {
			t.Errorf("codex wrote while %s was held", name)
		}
		held.Unlock()
		if said := logoutMCP(t, h, "alpha"); !strings.Contains(said, mcpRemoved) {
			t.Errorf("after %s was released: %s", name, said)
		}
	}
}
