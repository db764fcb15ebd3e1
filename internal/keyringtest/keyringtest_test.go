package keyringtest

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

// TestGNOMELife: what the other tests rely on.
func TestGNOMELife(t *testing.T) {
	k := NewGNOME(t)
	put(t, k, "alice", "s3cret")
	wantOne(t, k, "alice", "s3cret")
	k.Restart(t)
	wantOne(t, k, "alice", "s3cret")

	k.RestartLocked(t)
	wantLocked(t, k, true)
	if err := k.unlockWith(t, "wrong"); err == nil {
		t.Error("a wrong password unlocks")
	}
	k.Unlock(t)
	wantLocked(t, k, false)
	k.Lock(t)
	wantLocked(t, k, true)

	k.Stop(t)
	err := k.Bus.Connect(t).Object(Name, ServicePath).Call("org.freedesktop.DBus.Peer.Ping", 0).Err
	var e dbus.Error
	if !errors.As(err, &e) || e.Name != "org.freedesktop.DBus.Error.ServiceUnknown" {
		t.Errorf("after the daemon was stopped: %v", err)
	}
}

// TestNothingIsActivated: without a login keyring and without a password there
// is no default collection, and asking starts nothing.
func TestNothingIsActivated(t *testing.T) {
	b := NewBus(t)
	if err := b.Connect(t).Object(Name, ServicePath).Call("org.freedesktop.DBus.Peer.Ping", 0).Err; err == nil {
		t.Fatal("somebody serves the name on a new bus")
	}
	need(t, ToolGNOME, "gnome-keyring-daemon", "gnome-keyring")
	b.StartGNOMEBare(t)
	var path dbus.ObjectPath
	err := b.Connect(t).Object(Name, ServicePath).Call("org.freedesktop.Secret.Service.ReadAlias", 0, "default").Store(&path)
	if err != nil || path != "/" {
		t.Errorf("default is %q, %v", path, err)
	}
}

// put stores an item with the desktop's own tool.
func put(t *testing.T, k *GNOME, user, value string) {
	t.Helper()
	tool := need(t, ToolSecret, "secret-tool", "libsecret-tools")
	cmd := exec.Command(tool, "store", "--label=made up", "username", user)
	cmd.Env, cmd.Stdin = k.Bus.Environment(), strings.NewReader(value)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func wantOne(t *testing.T, k *GNOME, user, value string) {
	t.Helper()
	all := Dump(t, k.Bus)
	if len(all) != 1 || all[0].Secret != value || all[0].Attributes["username"] != user || all[0].Label != "made up" || len(all[0].Attributes) != 1 {
		t.Errorf("the keyring holds %+v", all)
	}
}

func wantLocked(t *testing.T, k *GNOME, want bool) {
	t.Helper()
	var locked bool
	err := k.Bus.Connect(t).Object(Name, Login).StoreProperty("org.freedesktop.Secret.Collection.Locked", &locked)
	if err != nil || locked != want {
		t.Errorf("locked: %v, %v; want %v", locked, err, want)
	}
}
