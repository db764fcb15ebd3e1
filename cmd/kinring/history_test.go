package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kinring/kinring/internal/history"
)

// household is a vault of its own, and the command that uses it in processes of
// their own.
type household struct {
	dir string
	env []string
}

func newHousehold(t *testing.T) *household {
	t.Helper()
	dir := t.TempDir()
	h := &household{dir: dir, env: append(os.Environ(),
		"HOME="+dir, "XDG_STATE_HOME="+filepath.Join(dir, "state"), "CODEX_HOME="+filepath.Join(dir, "codex"),
		"KINRING_FAMILY=codex", "KINRING_STORE=", "KINRING_PROFILE=", "KINRING_PASSPHRASE_FILE=",
		"KINRING_VAULT="+filepath.Join(dir, "vault.db"), "KINRING_KEY_FILE="+filepath.Join(dir, "vault.key"))}
	if _, code, err := h.run(t.Context(), "", "init"); err != nil || code != 0 {
		t.Fatalf("init: exit %d, %v", code, err)
	}
	return h
}

// run runs the command to its end.
func (h *household) run(ctx context.Context, stdin string, args ...string) (stdout string, code int, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", 0, err
	}
	cmd := exec.CommandContext(ctx, self, append([]string{"--no-input", "--timeout", "60s"}, args...)...)
	cmd.Args[0] = "kinring" // the name under which TestMain runs the command
	cmd.Env, cmd.Stdin = h.env, strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout = &out
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	return out.String(), cmd.ProcessState.ExitCode(), err
}

// perform does one operation of a history by the command.
func (h *household) perform(ctx context.Context, r history.Request) (history.Result, error) {
	switch r.Kind {
	case history.Get:
		out, code, err := h.run(ctx, "", "get", r.Key)
		return history.Result{Outcome: outcome(code, history.Absent), Value: out}, err
	case history.Set:
		_, code, err := h.run(ctx, r.Value, "set", r.Key)
		return history.Result{Outcome: outcome(code, history.Unknown)}, err
	default:
		_, code, err := h.run(ctx, "", "delete", r.Key)
		return history.Result{Outcome: outcome(code, history.Unknown)}, err
	}
}

// outcome is what an exit code says; not is what exit code 1 says.
func outcome(code int, not history.Outcome) history.Outcome {
	switch code {
	case 0:
		return history.Done
	case 1:
		return not
	case 9:
		return history.Unknown
	}
	return history.Failed
}

// TestSixteenProcesses (I1, I2, I3, I10): what sixteen processes at once see and
// do to the same and to different keys could have happened one after the other.
func TestSixteenProcesses(t *testing.T) {
	h := newHousehold(t)
	ops := 12
	if testing.Short() {
		ops = 4
	}
	done := drive(t, ops, func(ctx context.Context, r history.Request) (history.Result, error) {
		result, err := h.perform(ctx, r)
		if r.Kind == history.Delete && result.Outcome == history.Done {
			result.Outcome = history.Gone // the exit code does not say whether there was anything
		}
		if result.Outcome == history.Failed {
			t.Errorf("%s of %s failed", r.Kind, r.Key)
		}
		return result, err
	})
	if err := history.Check(done); err != nil {
		t.Error(err)
	}
}

// TestSixteenProcessesCatch: the same check refuses a store that sometimes
// answers with what it read before.
func TestSixteenProcessesCatch(t *testing.T) {
	var mu sync.Mutex
	now, stale, n := map[string]string{}, map[string]string{}, 0
	done := drive(t, 12, func(_ context.Context, r history.Request) (history.Result, error) {
		mu.Lock()
		defer mu.Unlock()
		n++
		switch r.Kind {
		case history.Set:
			stale[r.Key], now[r.Key] = now[r.Key], r.Value
			return history.Result{Outcome: history.Done}, nil
		case history.Delete:
			stale[r.Key] = now[r.Key]
			delete(now, r.Key)
			return history.Result{Outcome: history.Gone}, nil
		}
		v := now[r.Key]
		if n%5 == 0 {
			v = stale[r.Key]
		}
		if v == "" {
			return history.Result{Outcome: history.Absent}, nil
		}
		return history.Result{Outcome: history.Done, Value: v}, nil
	})
	var violation *history.Violation
	if err := history.Check(done); !errors.As(err, &violation) {
		t.Errorf("a store that answers with old values passes: %v", err)
	}
}

func drive(t *testing.T, ops int, perform history.Perform) []history.Op {
	t.Helper()
	done, err := history.Drive(t.Context(), history.Load{Workers: 16, Ops: ops, Keys: []string{"a", "b", "note"}, Seed: 1}, perform)
	if err != nil {
		t.Fatal(err)
	}
	if len(done) != 16*ops {
		t.Fatalf("%d operations were recorded, not %d", len(done), 16*ops)
	}
	return done
}
