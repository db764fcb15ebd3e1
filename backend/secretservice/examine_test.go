package secretservice

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/store"
)

// TestExamine: what there is of a keyring, at each stage of a session.
func TestExamine(t *testing.T) {
	b := keyringtest.NewBus(t)
	options := optionsOn(b)
	want := func(stage string, want Examination) {
		t.Helper()
		if got, err := Examine(t.Context(), options); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", stage, got, err, want)
		}
	}
	want("a bus without a keyring", Examination{})
	k := b.StartGNOMEBare(t)
	want("a keyring without a collection", Examination{Provider: gnome})
	k.Restart(t)
	unlocked := Examination{Provider: gnome, Default: string(keyringtest.Login)}
	want("an unlocked keyring", unlocked)
	locked := unlocked
	locked.Locked = true
	k.Lock(t)
	want("a locked keyring", locked)
	k.Stop(t)
	want("a keyring that has gone", Examination{})
	b.Stop(t)
	_, err := Examine(t.Context(), options)
	wantClass(t, "a session that has ended", err, store.ErrOutOfReach)
}

// TestNothingIsStarted: where the bus would start a keyring for whoever asks, it
// is said that it would, and nobody asks: what would be started is an empty
// keyring that only hides the one that is missing (I4, I7).
func TestNothingIsStarted(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "started")
	b := keyringtest.NewActivatingBus(t, keyringtest.Service{Name: keyringtest.Name, Program: `/bin/sh -c "touch ` + trace + `; exit 1"`})
	options := optionsOn(b)
	if e, err := Examine(t.Context(), options); err != nil || e != (Examination{Startable: true}) {
		t.Errorf("%+v, %v", e, err)
	}
	_, err := Open(t.Context(), options)
	wantClass(t, "open", err, store.ErrNoService)
	k := b.StartGNOME(t)
	s, err := open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mustPut(t, s, "account", sentinel)
	k.Stop(t)
	_, err = s.Get(t.Context(), key("account"))
	wantClass(t, "get", err, store.ErrNoService)
	_, err = s.Put(t.Context(), key("account"), item("x"), store.Any())
	wantClass(t, "put", err, store.ErrNoService)
	_, err = s.List(t.Context(), "")
	wantClass(t, "list", err, store.ErrNoService)
	if _, err := os.Stat(trace); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the bus was made to start a keyring: %v", err)
	}
	// It would have shown: any other program's call does it.
	if err := b.Connect(t).Object(keyringtest.Name, keyringtest.ServicePath).Call("org.freedesktop.DBus.Peer.Ping", 0).Err; err == nil {
		t.Error("somebody serves a keyring")
	}
	if _, err := os.Stat(trace); err != nil {
		t.Error(err)
	}
}
