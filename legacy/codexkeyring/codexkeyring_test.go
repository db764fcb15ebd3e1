package codexkeyring

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/codextest"
	"github.com/kinring/kinring/internal/filelock"
	"github.com/kinring/kinring/internal/keyringtest"
	_ "github.com/kinring/kinring/legacy/rustkeyring"
	"github.com/kinring/kinring/store"
)

var key = store.Key{Service: "Codex Auth", Account: "cli|0123456789abcdef"}

func item(value string) store.Item { return store.Item{Value: store.NewValue([]byte(value))} }

// open returns a source on a keyring of its own, and Codex's folder.
func open(t *testing.T) (s store.Store, home string) {
	keyringtest.NewGNOME(t).Bus.Setenv(t)
	home = t.TempDir()
	s, err := Layout{}.Open(store.SourceConfig{Name: "keyring", Services: []string{key.Service}, Vars: map[string]string{homeVariable: home}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, home
}

var locks = []string{"auth.lock", "auth.json.lock"}

// TestChangesWaitForCodex: while Codex holds one of its locks nothing is written
// or deleted; reading needs none.
func TestChangesWaitForCodex(t *testing.T) {
	s, home := open(t)
	if _, err := s.Put(t.Context(), key, item("first"), store.Absent()); err != nil {
		t.Fatal(err)
	}
	for _, name := range locks {
		held, err := filelock.Acquire(t.Context(), home+"/"+name, filelock.Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := contextOf(t, 50*time.Millisecond)
		if _, err := s.Put(ctx, key, item("second"), store.Any()); !errors.Is(err, store.ErrTimedOut) {
			t.Errorf("%s: put: %v", name, err)
		}
		cancel()
		ctx, cancel = contextOf(t, 50*time.Millisecond)
		if err := s.Delete(ctx, key, store.Any()); !errors.Is(err, store.ErrTimedOut) {
			t.Errorf("%s: delete: %v", name, err)
		}
		cancel()
		if got, err := s.Get(t.Context(), key); err != nil || string(got.Value.Bytes()) != "first" {
			t.Errorf("%s: get: %q, %v", name, got.Value.Bytes(), err)
		}
		held.Unlock()
	}
	if err := s.Delete(t.Context(), key, store.Any()); err != nil {
		t.Error(err)
	}
}

// oversize is a keyring that holds more than any value has.
type oversize struct{ store.Store }

func (oversize) Get(context.Context, store.Key) (store.Item, error) {
	return store.Item{}, &store.Error{Class: store.ErrTooLarge}
}

// TestOversizeIsChangedUnderLocks: what cannot be read is there all the same, and
// Codex may be writing it.
func TestOversizeIsChangedUnderLocks(t *testing.T) {
	s, home := open(t)
	l := s.(*login)
	real := l.Store
	l.Store = oversize{real}
	if _, err := s.Put(t.Context(), key, item("second"), store.Any()); err != nil {
		t.Error(err)
	}
	for _, name := range locks {
		if _, err := os.Stat(home + "/" + name); err != nil {
			t.Errorf("it was written without a lock: %v", err)
		}
	}
	if got, err := real.Get(t.Context(), key); err != nil || string(got.Value.Bytes()) != "second" {
		t.Errorf("get: %q, %v", got.Value.Bytes(), err)
	}
}

// TestRefusalsLeaveNoLockFiles: what is refused anyway touches nothing.
func TestRefusalsLeaveNoLockFiles(t *testing.T) {
	s, home := open(t)
	if _, err := s.Put(t.Context(), key, item("x"), store.Match("stale")); !errors.Is(err, store.ErrConflict) {
		t.Errorf("put: %v", err)
	}
	if err := s.Delete(t.Context(), key, store.Match("stale")); !errors.Is(err, store.ErrConflict) {
		t.Errorf("delete: %v", err)
	}
	if _, err := s.Get(t.Context(), key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		t.Errorf("left in Codex's folder: %v, %v", left, err)
	}
	if _, err := (Layout{}).Open(store.SourceConfig{Name: "keyring"}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("without a folder: %v", err)
	}
}

// TestCodexTakesTheLocks: Codex takes the locks that a change is made under, with
// its login in the keyring too.
func TestCodexTakesTheLocks(t *testing.T) {
	h := codextest.New(t)
	keyring := keyringtest.NewGNOME(t)
	h.OnBus(keyring.Bus.Address)
	h.Configure(t, "cli_auth_credentials_store = \"keyring\"\n")
	h.Login(t, "sk-test-first-0001")
	for _, name := range locks {
		held, err := filelock.Acquire(t.Context(), h.Path(name), filelock.Options{})
		if err != nil {
			t.Fatal(err)
		}
		before := keyringtest.Dump(t, keyring.Bus)
		ctx, cancel := contextOf(t, time.Second)
		cmd := h.Command(ctx, "login", "--with-api-key")
		cmd.Stdin = strings.NewReader("sk-test-second-0002")
		_ = cmd.Run() // it waits, or gives up and says so; what counts is the keyring
		cancel()
		if after := keyringtest.Dump(t, keyring.Bus); len(after) != 1 || after[0].Secret != before[0].Secret {
			t.Errorf("Codex wrote while %s was held", name)
		}
		held.Unlock()
	}
}

func contextOf(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}
