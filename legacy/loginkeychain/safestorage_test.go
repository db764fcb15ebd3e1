package loginkeychain_test

import (
	"context"
	"errors"
	"testing"

	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/legacy/loginkeychain"
	"github.com/kinring/kinring/legacy/safestorage"
	"github.com/kinring/kinring/store"
)

const made = "bWFkZSB1cCBrZXkgdGV4dA=="

func wantSecret(t *testing.T, k safestorage.Keys, want string) {
	t.Helper()
	if secret, err := k.Secret(t.Context(), safestorage.DarwinKey); err != nil || string(secret) != want {
		t.Errorf("%q, %v; want %q", secret, err, want)
	}
}

// TestSafeStorage runs against the emulated Mac: the key of an Electron app and of
// Chromium is found, that of another app is not, and nothing is made.
func TestSafeStorage(t *testing.T) {
	machine := emulator.New()
	program := emulator.Program{Name: "app", Identifier: "com.example.app", Team: "ABCDE12345", Attended: true}
	app := machine.Run(program)
	for account, value := range map[string]string{"Code Key": made, "Chromium": "older"} {
		service := map[string]string{"Code Key": "Code", "Chromium": "Chromium"}[account] + " Safe Storage"
		if err := app.Add(secitem.Query{Keychain: secitem.Login, Service: service, Account: account, Value: []byte(value)}.Dict()); err != nil {
			t.Fatal(err)
		}
	}
	options := loginkeychain.Options{Program: mac.New(app)}
	item := func(name string) *safestorage.Safe {
		return &safestorage.Safe{GOOS: "darwin", Keys: loginkeychain.SafeStorage{App: name, Options: options}}
	}
	wantSecret(t, item("Code").Keys, made)
	wantSecret(t, item("Chromium").Keys, "older")
	sealed, err := item("Code").Seal(t.Context(), safestorage.DarwinKey, []byte("made up"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := item("Code").Open(t.Context(), sealed); err != nil || string(plain) != "made up" {
		t.Errorf("%q, %v", plain, err)
	}
	insiders := item("Code - Insiders")
	if _, err := insiders.Keys.Secret(t.Context(), safestorage.DarwinKey); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another app's key: %v", err)
	}
	if _, err := insiders.Seal(t.Context(), safestorage.DarwinKey, nil); !errors.Is(err, store.ErrLocked) {
		t.Errorf("sealing without a key: %v", err)
	}
	if _, err := (loginkeychain.SafeStorage{App: "Code", Options: options}).Secret(context.Background(), safestorage.LinuxKeyring); !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("a key of Linux: %v", err)
	}
}
