package loginkeychain

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/store"
)

// faulty opens a source whose calls fail as told, on a Mac where the program
// itself has made an item an hour ago.
func faulty(t *testing.T, before func(call string) error, after func(call string, err error) error) (*emulator.Mac, store.Store) {
	t.Helper()
	m := emulator.New()
	m.SetClock(func() time.Time { return time.Now().Add(-time.Hour) })
	leave(t, m, older(), key, "before")
	return m, openAs(t, "mackeyring", Options{Program: mac.New(secitem.Faults{Mac: m.Run(older()), Before: before, After: after})})
}

// TestLostAnswers: a write whose answer says nothing definite may have been made,
// and the caller is told exactly that (I9). One that was refused was not.
func TestLostAnswers(t *testing.T) {
	for _, status := range []secitem.Status{secitem.ErrNotAvailable, secitem.ErrIO, secitem.ErrInternalComponent, -1} {
		lost := func(call string, err error) error {
			if call == "SecItemCopyMatching" {
				return err
			}
			return status
		}
		m, s := faulty(t, nil, lost)
		if _, err := s.Put(t.Context(), key, store.Item{Value: store.NewValue([]byte("after"))}, store.Any()); !errors.Is(err, store.ErrOutcomeUnknown) {
			t.Errorf("%v: put: %v", status, err)
		}
		if c := m.Contents().Login; len(c) != 1 || string(c[0].Data) != "after" {
			t.Errorf("%v: %v is there", status, c)
		}
		if err := s.Delete(t.Context(), key, store.Any()); !errors.Is(err, store.ErrOutcomeUnknown) {
			t.Errorf("%v: delete: %v", status, err)
		}
		if c := m.Contents().Login; len(c) != 0 {
			t.Errorf("%v: %v is there", status, c)
		}
	}
}

// TestEveryCallFails: whichever call fails, and however, no answer is "not found"
// or another value (I4), and nothing that failed before it began was done.
func TestEveryCallFails(t *testing.T) {
	for _, name := range []string{"SecItemAdd", "SecItemCopyMatching", "SecItemUpdate", "SecItemDelete"} {
		for _, status := range []secitem.Status{secitem.ErrAuthFailed, secitem.ErrUserCanceled, secitem.ErrInteractionNotAllowed, secitem.ErrNotAvailable, secitem.ErrParam, secitem.ErrInternalComponent} {
			m, s := faulty(t, func(call string) error {
				if call == name {
					return status
				}
				return nil
			}, nil)
			before := m.Contents()
			_, get := s.Get(t.Context(), key)
			_, list := s.List(t.Context(), key.Service)
			_, put := s.Put(t.Context(), key, store.Item{Value: store.NewValue([]byte("after"))}, store.Any())
			_, add := s.Put(t.Context(), store.Key{Service: key.Service, Account: "another"}, store.Item{Value: store.NewValue([]byte("x"))}, store.Absent())
			del := s.Delete(t.Context(), key, store.Any())
			failed := map[string][]error{"SecItemAdd": {add}, "SecItemCopyMatching": {get, list, put, add, del}, "SecItemUpdate": {put}, "SecItemDelete": {del}}[name]
			for i, err := range failed {
				if class := store.ClassOf(err); class == nil || class == store.ErrNotFound || class == store.ErrConflict {
					t.Errorf("%s ends with %v: operation %d: %v", name, status, i, err)
				}
			}
			if name == "SecItemCopyMatching" && len(m.Contents().Login) != len(before.Login) {
				t.Errorf("%s ends with %v: something was written without a look", name, status)
			}
		}
	}
}

// TestTooLargeToRead: a value that no store may hold is an error, and stays.
func TestTooLargeToRead(t *testing.T) {
	m := emulator.New()
	leave(t, m, older(), key, strings.Repeat("x", store.MaxValue+1))
	s := openAs(t, "mackeyring", Options{Program: mac.New(m.Run(older()))})
	if _, err := s.Get(t.Context(), key); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("get: %v", err)
	}
	if c := m.Contents().Login; len(c) != 1 || len(c[0].Data) != store.MaxValue+1 {
		t.Error("it was changed")
	}
}

// TestStamp: it costs no question, changes with the item, says nothing of one
// that may change again unseen, and is an error where nobody can look.
func TestStamp(t *testing.T) {
	m := emulator.New()
	now := time.Now().Add(-time.Hour)
	m.SetClock(func() time.Time { return now })
	s := openAs(t, "mackeyring", Options{Program: mac.New(m.Run(newBuild()))})
	stamp := func() string {
		t.Helper()
		text, err := s.(*source).Stamp(t.Context(), key)
		if err != nil {
			t.Error(err)
		}
		return text
	}
	none := stamp()
	leave(t, m, older(), key, "one")
	first, again := stamp(), stamp()
	now = now.Add(time.Minute)
	q := secitem.Query{Keychain: secitem.Login, Service: key.Service, Account: key.Account}
	if err := m.Run(older()).Update(q.Dict(), secitem.Change{Value: []byte("two")}.Dict()); err != nil {
		t.Fatal(err)
	}
	second := stamp()
	if none == "" || first == none || first != again || second == first || second == "" {
		t.Errorf("stamps %q, %q, %q, %q", none, first, again, second)
	}
	now = time.Now()
	if err := m.Run(older()).Update(q.Dict(), secitem.Change{Value: []byte("three")}.Dict()); err != nil {
		t.Fatal(err)
	}
	if fresh := stamp(); fresh != "" {
		t.Errorf("an item that was just written has the stamp %q", fresh)
	}
	if len(m.Prompts()) != 0 {
		t.Errorf("asked %v", m.Prompts())
	}
	m.RemoveLogin()
	if text, err := s.(*source).Stamp(t.Context(), key); text != "" || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("no keychain: %q, %v", text, err)
	}
}

// TestSystems: where there is no Mac, the layouts say so when they are opened.
func TestSystems(t *testing.T) {
	for _, l := range Layouts(Options{}) {
		s, err := l.Open(store.SourceConfig{Name: "keychain"})
		if err == nil {
			_ = s.Close()
		} else if !errors.Is(err, store.ErrUnsupported) || !strings.Contains(err.Error(), "darwin") {
			t.Errorf("%s: %v", l.Name(), err)
		}
		if value := []byte(` {"a": 1}`); !bytes.Equal(l.Canonical(value), value) {
			t.Errorf("%s changes values", l.Name())
		}
	}
}
