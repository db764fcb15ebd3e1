package keyringtest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/godbus/dbus/v5"
)

// ToolKWallet is what require.Variable calls KWallet.
const ToolKWallet = "kwalletd5"

// Wallet is the collection of the wallet that KWallet makes.
const Wallet = ServicePath + "/collection/" + defaultWallet

const defaultWallet = "kdewallet"

// KWallet is a running KWallet.
type KWallet struct {
	Bus *Bus
	daemon
}

// walletConfig turns the Secret Service on and the first-use dialogue off.
const walletConfig = "[Wallet]\nEnabled=true\nFirst Use=false\nPrompt on Open=false\nDefault Wallet=kdewallet\n\n" +
	"[org.freedesktop.secrets]\napiEnabled=true\n"

// NewKWallet starts KWallet on a bus of its own, with an empty wallet that is open
// and the default.
func NewKWallet(t testing.TB) *KWallet {
	t.Helper()
	need(t, ToolKWallet, "kwalletd5", "libkf5wallet-bin")
	k := &KWallet{Bus: NewBus(t)}
	if err := os.WriteFile(filepath.Join(k.Bus.Home, "config", "kwalletrc"), []byte(walletConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	k.start(t)
	k.open(t, defaultWallet)
	k.Restart(t) // a wallet becomes a collection only when the daemon starts
	return k
}

// NewClosed makes another wallet, which is not open afterwards.
func (k *KWallet) NewClosed(t testing.TB, name string) {
	t.Helper()
	k.Lock(t) // which saves what is in it
	k.open(t, name)
	k.Restart(t)
}

func (k *KWallet) start(t testing.TB) {
	t.Helper()
	cmd := exec.Command(need(t, ToolKWallet, "kwalletd5", "libkf5wallet-bin"))
	cmd.Env = k.Bus.Environment()
	k.process = start(t, cmd)
	k.Bus.waitFor(t, Name, k.process)
}

// open opens a wallet as the desktop's login does, and makes it if there is none.
// The password is handed over as 56 bytes that were derived from it.
func (k *KWallet) open(t testing.TB, name string) {
	t.Helper()
	hash := bytes.Repeat([]byte(Password), 56)[:56]
	wallet := k.Bus.Connect(t).Object("org.kde.kwalletd5", "/modules/kwalletd5")
	if err := wallet.Call("org.kde.KWallet.pamOpen", 0, name, hash, int32(0)).Err; err != nil {
		t.Fatal(err)
	}
}

// Unlock opens the wallet, and has it unlocked for the Secret Service, which needs
// a prompt that asks nobody while the wallet is open.
func (k *KWallet) Unlock(t testing.TB) {
	t.Helper()
	k.open(t, defaultWallet)
	conn := k.Bus.Connect(t)
	var unlocked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err := conn.Object(Name, ServicePath).Call("org.freedesktop.Secret.Service.Unlock", 0, []dbus.ObjectPath{Wallet}).Store(&unlocked, &prompt)
	if err != nil {
		t.Fatal(err)
	}
	if len(unlocked) == 1 {
		return
	}
	signals := make(chan *dbus.Signal, 8)
	conn.Signal(signals)
	if err := conn.AddMatchSignal(dbus.WithMatchInterface("org.freedesktop.Secret.Prompt")); err != nil {
		t.Fatal(err)
	}
	if err := conn.Object(Name, prompt).Call("org.freedesktop.Secret.Prompt.Prompt", 0, "").Err; err != nil {
		t.Fatal(err)
	}
	if s := <-signals; s == nil || len(s.Body) != 2 || s.Body[0] != false {
		t.Fatalf("KWallet's prompt was not answered: %v", s)
	}
}

// Lock closes the wallet.
func (k *KWallet) Lock(t testing.TB) {
	t.Helper()
	lock(t, k.Bus, Wallet)
}

// Restart kills the daemon and starts it again on the same files, with the wallet
// open.
func (k *KWallet) Restart(t testing.TB) {
	t.Helper()
	k.Stop(t)
	k.start(t)
	k.Unlock(t)
}
