//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/broker/client"
)

// lockedBroker starts a broker whose vault a passphrase opens, which it does not
// have, and returns a connection to it.
func lockedBroker(t *testing.T) *client.Conn {
	t.Helper()
	dir := t.TempDir()
	env := append(os.Environ(), "HOME="+dir, "XDG_STATE_HOME="+filepath.Join(dir, "state"), "CODEX_HOME="+filepath.Join(dir, "codex"),
		"KINRING_FAMILY=codex", "KINRING_STORE=vault", "KINRING_PROFILE=", "KINRING_KEY_FILE=", "KINRING_SOCK=", "KINRING_TIMEOUT=60s",
		"KINRING_VAULT="+filepath.Join(dir, "vault.db"))
	if err := os.WriteFile(filepath.Join(dir, "passphrase"), []byte("correct horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := func(more string, args ...string) *exec.Cmd {
		cmd := exec.Command(self, args...)
		cmd.Args[0] = "kinring" // the name under which TestMain runs the command
		cmd.Env = append(env, more)
		return cmd
	}
	if out, err := command("KINRING_PASSPHRASE_FILE="+filepath.Join(dir, "passphrase"), "init").CombinedOutput(); err != nil {
		t.Fatalf("init: %v: %s", err, out)
	}
	socket := filepath.Join(dir, "run", "b.sock")
	var said bytes.Buffer
	broker := command("KINRING_PASSPHRASE_FILE=", "serve", "--socket", socket)
	broker.Stderr = &said
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = broker.Process.Signal(syscall.SIGTERM)
		if err := broker.Wait(); err != nil || bytes.Contains(said.Bytes(), []byte("horse")) {
			t.Errorf("the broker: %v, said %s", err, &said)
		}
	})
	awaitFile(t, socket)
	c, err := client.Dial(t.Context(), socket, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestUnlockByPassphrase (I8): a broker is handed the vault's passphrase where the
// system keeps no keys: a wrong one is refused, the right one serves until lock.
func TestUnlockByPassphrase(t *testing.T) {
	c := lockedBroker(t)
	set := func() error { _, err := c.Set(t.Context(), "note", []byte("value")); return err }
	if err := set(); !errors.Is(err, kinring.ErrLocked) {
		t.Errorf("locked: %v", err)
	}
	if err := c.Unlock(t.Context(), []byte("wrong horse"), 0); !errors.Is(err, kinring.ErrDenied) {
		t.Errorf("a wrong passphrase: %v", err)
	}
	if err := set(); !errors.Is(err, kinring.ErrLocked) {
		t.Errorf("after a wrong passphrase: %v", err)
	}
	if err := c.Unlock(t.Context(), []byte("correct horse"), 0); err != nil {
		t.Errorf("the right passphrase: %v", err)
	}
	if err := set(); err != nil {
		t.Errorf("unlocked: %v", err)
	}
	if err := c.Lock(t.Context()); err != nil {
		t.Error(err)
	}
	if err := set(); !errors.Is(err, kinring.ErrLocked) {
		t.Errorf("locked again: %v", err)
	}
}

// TestUnlockForAWhile (I8): what was handed over for a while is forgotten after it,
// and a second unlock counts from its own beginning.
func TestUnlockForAWhile(t *testing.T) {
	c := lockedBroker(t)
	set := func() error { _, err := c.Set(t.Context(), "note", []byte("value")); return err }
	for _, seconds := range []int{3600, 1} { // the first one does not outlive the second
		if err := c.Unlock(t.Context(), []byte("correct horse"), seconds); err != nil {
			t.Fatal(err)
		}
	}
	if err := set(); err != nil && !errors.Is(err, kinring.ErrLocked) { // it may be over already
		t.Errorf("unlocked: %v", err)
	}
	until(t, "the end of the time", func() bool { return errors.Is(set(), kinring.ErrLocked) })
	if st, err := c.Status(t.Context()); err != nil || !st.Locked {
		t.Errorf("its status: %+v, %v", st, err)
	}
	for _, seconds := range []int{-1, 1 << 30} {
		if err := c.Unlock(t.Context(), []byte("correct horse"), seconds); !errors.Is(err, kinring.ErrInvalid) {
			t.Errorf("for %d seconds: %v", seconds, err)
		}
	}
	if err := c.Unlock(t.Context(), []byte("correct horse"), 0); err != nil {
		t.Error(err)
	}
	if err := set(); err != nil {
		t.Errorf("until lock: %v", err)
	}
}

// TestUnlockAgain: the end of an unlock that comes late, when the next one has taken
// its place, ends nothing.
func TestUnlockAgain(t *testing.T) {
	var h handed
	defer h.forget()
	h.take([]byte("first"), time.Hour)
	first := h.turn
	h.take([]byte("second"), time.Hour)
	if h.over(first) || string(h.passphrase) != "second" {
		t.Errorf("it ended the second one, and left %q", h.passphrase)
	}
	if !h.over(h.turn) || len(h.passphrase) > 0 {
		t.Errorf("its own end left %q", h.passphrase)
	}
}

// until tries again until what is tried says what is wanted.
func until(t *testing.T, what string, try func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	watchdog := time.NewTimer(time.Minute)
	defer watchdog.Stop()
	for !try() {
		select {
		case <-tick.C:
		case <-watchdog.C:
			t.Fatalf("waiting in vain: %s", what)
		}
	}
}

// awaitFile waits until a program that runs in the background has made a file.
func awaitFile(t testing.TB, path string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	watchdog := time.NewTimer(time.Minute)
	defer watchdog.Stop()
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-watchdog.C:
			t.Fatalf("%s does not come", path)
		}
	}
}
