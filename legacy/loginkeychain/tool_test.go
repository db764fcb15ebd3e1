package loginkeychain

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/desk"
	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/store"
)

// around returns a security command that runs a script of the shell with the
// command as $security.
func around(t *testing.T, security, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "security")
	if err := os.WriteFile(path, fmt.Appendf(nil, "#!/bin/sh\nsecurity=%s\n%s\n", security, script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestToolNames: a name that the command's quoting could bend means no other item
// (I1).
func TestToolNames(t *testing.T) {
	m := emulator.New()
	tool := asSecurity(t, desk.Share(t, m.Run(emulator.SecurityTool())))
	s := openAs(t, "macgokeyring", Options{Program: mac.New(m.Run(newBuild())), Tool: tool})
	names := []string{`ab`, `a\b`, `a'b`, `a"b`, `a\\b`, `\`, `'`, `" -a "x`, "a b", "-s"}
	for i, name := range names {
		if _, err := s.Put(t.Context(), store.Key{Service: "Example", Account: name}, store.Item{Value: store.NewValue([]byte{byte('0' + i)})}, store.Absent()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i, name := range names {
		got, err := s.Get(t.Context(), store.Key{Service: "Example", Account: name})
		if err != nil || string(got.Value.Bytes()) != string(byte('0'+i)) {
			t.Errorf("%s: %q, %v", name, got.Value.Bytes(), err)
		}
	}
}

// TestToolMayNotChange: an item that the command may not change is tried once, and
// is no conflict: asking it again would only ask the person again.
func TestToolMayNotChange(t *testing.T) {
	m := emulator.New()
	leave(t, m, emulator.SecurityTool(), key, "login")
	tries := 0
	refusing := secitem.Faults{Mac: m.Run(emulator.SecurityTool()), Before: func(call string) error {
		if call == "SecItemUpdate" {
			tries++
			return secitem.ErrAuthFailed
		}
		return nil
	}}
	s := openAs(t, "macgokeyring", Options{Program: mac.New(m.Run(newBuild())), Tool: asSecurity(t, desk.Share(t, refusing))})
	_, err := s.Put(t.Context(), key, store.Item{Value: store.NewValue([]byte("after"))}, store.Any())
	if !errors.Is(err, store.ErrDenied) || tries != 1 {
		t.Errorf("%v after %d tries", err, tries)
	}
	if c := m.Contents().Login; len(c) != 1 || string(c[0].Data) != "login" {
		t.Errorf("%v is there", c)
	}
}

// TestToolDies: a command that was killed, or ended as it never should, may have
// done its work (I9).
func TestToolDies(t *testing.T) {
	for _, end := range []string{"kill -9 $$", "exit 9"} {
		m := emulator.New()
		leave(t, m, emulator.SecurityTool(), key, "login")
		tool := around(t, asSecurity(t, desk.Share(t, m.Run(emulator.SecurityTool()))), `"$security" "$@"; `+end)
		s := openAs(t, "macgokeyring", Options{Program: mac.New(m.Run(newBuild())), Tool: tool})
		if _, err := s.Put(t.Context(), key, store.Item{Value: store.NewValue([]byte("after"))}, store.Any()); !errors.Is(err, store.ErrOutcomeUnknown) {
			t.Errorf("%s: put: %v", end, err)
		}
		if err := s.Delete(t.Context(), key, store.Any()); !errors.Is(err, store.ErrOutcomeUnknown) {
			t.Errorf("%s: delete: %v", end, err)
		}
		if c := m.Contents().Login; len(c) != 0 {
			t.Errorf("%s: %v is there", end, c)
		}
	}
	if err := unmade(&store.Error{Class: store.ErrTimedOut}, update); !errors.Is(err, store.ErrOutcomeUnknown) {
		t.Errorf("killed for want of time: %v", err)
	}
	s := openAs(t, "macgokeyring", Options{Program: mac.New(emulator.New().Run(newBuild())), Tool: "/nowhere/security"})
	if _, err := s.Put(t.Context(), key, store.Item{Value: store.NewValue([]byte("x"))}, store.Any()); !errors.Is(err, store.ErrNoService) {
		t.Errorf("no command: %v", err)
	}
}
