package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring"
)

// TestInputIsGivenUp: who waits for a value on standard input can be ended.
func TestInputIsGivenUp(t *testing.T) {
	in, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := &app{console: &console{in: in}}
	if _, err := a.newValue(ctx, false); !errors.Is(err, kinring.ErrCancelled) {
		t.Errorf("got %v, want cancelled", err)
	}
	a = &app{console: &console{in: failing{}}}
	if _, err := a.newValue(t.Context(), false); !errors.Is(err, kinring.ErrInvalid) {
		t.Errorf("an unreadable input: %v", err)
	}
}

// TestUpdateSaysThatTimeIsOver: what was ended for want of time did not fail.
func TestUpdateSaysThatTimeIsOver(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := (&app{console: &console{err: io.Discard}}).filter(ctx, kinring.Current{}, []string{"sleep", "60"})
	if exitCode(err) != exitCommand || !strings.Contains(err.Error(), "its time was over") {
		t.Errorf("got %v", err)
	}
}

// TestAllKeysGetTheirTime: what changes all keys is not given the time for one.
func TestAllKeysGetTheirTime(t *testing.T) {
	home := t.TempDir()
	for name, value := range map[string]string{"HOME": home, "CODEX_HOME": home, "XDG_STATE_HOME": home,
		"KINRING_STORE": "memory", "KINRING_FAMILY": "codex", "KINRING_TIMEOUT": "", "KINRING_SOCK": ""} {
		t.Setenv(name, value)
	}
	for line, want := range map[string]time.Duration{
		"reconcile": kinring.UpdateBudget, "prune": kinring.UpdateBudget, "prune --forget": kinring.UpdateBudget,
		"reconcile auth": 0, "prune --service s --account a": 0, "--timeout 7s prune": 7 * time.Second,
	} {
		a := &app{console: &console{in: strings.NewReader(""), out: io.Discard, err: io.Discard}, noInput: true}
		if a.run(strings.Fields(line)); a.timeout != want {
			t.Errorf("%s: %v, want %v", line, a.timeout, want)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("is a directory") }

// TestLimitedStops: a copy into it ends at its limit, however it is done.
func TestLimitedStops(t *testing.T) {
	l := &limited{limit: 10}
	n, err := io.Copy(l, bytes.NewReader(make([]byte, 1000)))
	if len(l.kept) != 11 || n > 11 || err == nil {
		t.Errorf("kept %d bytes of %d, %v", len(l.kept), n, err)
	}
	l = &limited{limit: 10}
	if n, err := io.Copy(l, bytes.NewReader(make([]byte, 10))); len(l.kept) != 10 || n != 10 || err != nil {
		t.Errorf("at the limit: kept %d bytes, %v", len(l.kept), err)
	}
}
