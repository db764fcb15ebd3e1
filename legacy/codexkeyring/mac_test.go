package codexkeyring

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/filelock"
	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/internal/source"
	"github.com/kinring/kinring/legacy/loginkeychain"
	"github.com/kinring/kinring/store"
)

// onMac is the source as it is on a Mac, the emulated one, where Codex has filed
// its login in the login keychain.
func onMac(t *testing.T) (m *emulator.Mac, s *login) {
	t.Helper()
	m = emulator.New()
	codex := m.Run(emulator.Program{Name: "codex", Identifier: "codex", Team: "2DC432GLL2", Attended: true})
	add := secitem.Query{Keychain: secitem.Login, Service: key.Service, Account: key.Account, Value: []byte("first")}
	if err := codex.Add(add.Dict()); err != nil {
		t.Fatal(err)
	}
	program := mac.New(m.Run(emulator.Program{Name: "kinring", Identifier: "kinring", Team: "ABCDE12345", Attended: true}))
	for _, l := range loginkeychain.Layouts(loginkeychain.Options{Program: program}) {
		if l.Name() == "mackeyring" {
			inner, err := l.Open(store.SourceConfig{Name: "keychain", Services: []string{key.Service}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = inner.Close() })
			return m, &login{Store: inner, Door: &source.Door{Name: "keychain"}, home: t.TempDir()}
		}
	}
	t.Fatal("no layout mackeyring")
	return nil, nil
}

func (l *login) wantFiles(t *testing.T, want bool) {
	t.Helper()
	for _, name := range locks {
		if _, err := os.Stat(filepath.Join(l.home, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// filed returns what the login keychain holds.
func filed(m *emulator.Mac) string {
	var all string
	for _, i := range m.Contents().Login {
		all += string(i.Data)
	}
	return all
}

// TestMacWritesUnasked: writing Codex's item takes no right to read it, so that it
// costs no question, and it is done under Codex's locks.
func TestMacWritesUnasked(t *testing.T) {
	m, s := onMac(t)
	if _, err := s.Put(t.Context(), key, item("second"), store.Any()); err != nil || filed(m) != "second" {
		t.Errorf("put: %v, %q is there", err, filed(m))
	}
	s.wantFiles(t, true)
	held, err := filelock.Acquire(t.Context(), filepath.Join(s.home, locks[0]), filelock.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := contextOf(t, 50*time.Millisecond)
	defer cancel()
	if _, err := s.Put(ctx, key, item("third"), store.Any()); !errors.Is(err, store.ErrTimedOut) {
		t.Errorf("put while Codex holds its lock: %v", err)
	}
	held.Unlock()
	if err := s.Delete(t.Context(), key, store.Any()); err != nil || filed(m) != "" || len(m.Prompts()) != 0 {
		t.Errorf("delete: %v, %q is there, asked %v", err, filed(m), m.Prompts())
	}
}

// TestMacAsksWithoutLocks: while a person is asked, Codex can go on.
func TestMacAsksWithoutLocks(t *testing.T) {
	m, s := onMac(t)
	m.SetLoginLocked(true)
	m.SetAnswer(func(emulator.Prompt) emulator.Answer {
		for _, name := range locks {
			held, err := filelock.Acquire(t.Context(), filepath.Join(s.home, name), filelock.Options{})
			if err != nil {
				t.Errorf("%s is held while a person is asked: %v", name, err)
				continue
			}
			held.Unlock()
		}
		return emulator.AlwaysAllow
	})
	if _, err := s.Put(t.Context(), key, item("second"), store.Any()); err != nil || filed(m) != "second" {
		t.Errorf("put: %v, %q is there", err, filed(m))
	}
	if asked := m.Prompts(); len(asked) != 2 || asked[0].Kind != emulator.Unlock || asked[1].Kind != emulator.Access {
		t.Errorf("asked %v", asked)
	}
}

// TestMacRefused: a refusal changes nothing, and is never an absence (I4).
func TestMacRefused(t *testing.T) {
	m, s := onMac(t)
	m.SetLoginLocked(true)
	never := store.WithInteraction(context.Background(), store.Never)
	_, put := s.Put(never, key, item("second"), store.Any())
	if del := s.Delete(never, key, store.Any()); !errors.Is(put, store.ErrLocked) || !errors.Is(del, store.ErrLocked) || len(m.Prompts()) != 0 {
		t.Errorf("with nobody to ask: put %v, delete %v, asked %v", put, del, m.Prompts())
	}
	if _, err := s.Put(t.Context(), key, item("second"), store.Any()); !errors.Is(err, store.ErrCancelled) {
		t.Errorf("refused: %v", err)
	}
	m.SetLoginLocked(false)
	if _, err := s.Put(t.Context(), key, item("second"), store.Absent()); !errors.Is(err, store.ErrConflict) {
		t.Errorf("put-if-absent over Codex's item: %v", err)
	}
	if filed(m) != "first" {
		t.Errorf("%q is there", filed(m))
	}
}
