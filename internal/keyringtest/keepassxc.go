package keyringtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ToolKeePassXC is what require.Variable calls KeePassXC.
const ToolKeePassXC = "keepassxc"

// KeePassXC is a running KeePassXC.
type KeePassXC struct {
	Bus *Bus
	daemon
}

// database is an empty one whose root group is exposed as a collection.
const database = `<?xml version="1.0" encoding="utf-8" standalone="yes"?>
<KeePassFile><Meta><Generator>test</Generator><DatabaseName>test</DatabaseName>
<CustomData><Item><Key>FDO_SECRETS_EXPOSED_GROUP</Key><Value>{11111111-2222-3333-4444-555555555555}</Value></Item></CustomData></Meta>
<Root><Group><UUID>ERERESIiMzNERFVVVVVVVQ==</UUID><Name>Root</Name></Group></Root></KeePassFile>
`

const keepassConfig = `[General]
ConfigVersion=2
UpdateCheckMessageShown=true
SingleInstance=false
AutoSaveAfterEveryChange=true
[GUI]
CheckForUpdates=false
[FdoSecrets]
Enabled=true
ShowNotification=false
ConfirmAccessItem=false
ConfirmDeleteItem=false
`

// NewKeePassXC starts KeePassXC on a bus of its own, with an empty, open database.
// It bears a few items only: many, made quickly, end it.
func NewKeePassXC(t testing.TB) *KeePassXC {
	t.Helper()
	program := need(t, ToolKeePassXC, "keepassxc", "keepassxc")
	k := &KeePassXC{Bus: NewBus(t)}
	path := k.makeDatabase(t)
	cmd := exec.Command(program, "--pw-stdin", path)
	cmd.Env = k.Bus.Environment()
	cmd.Stdin = strings.NewReader(Password + "\n")
	k.process = start(t, cmd)
	k.Bus.waitFor(t, Name, k.process)
	k.waitUntilOpen(t)
	return k
}

// waitUntilOpen returns when the database is unlocked, which KeePassXC does some
// time after it has taken the name. Until then a search asks for the password.
func (k *KeePassXC) waitUntilOpen(t testing.TB) {
	t.Helper()
	collection := k.Bus.Connect(t).Object(Name, ServicePath+"/collection/db")
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for {
		var locked bool
		err := collection.StoreProperty("org.freedesktop.Secret.Collection.Locked", &locked)
		if err == nil && !locked {
			return
		}
		select {
		case <-pause.C:
		case <-k.ended:
			t.Fatalf("KeePassXC ended: %s", k.Log())
		case <-t.Context().Done():
			t.Fatalf("KeePassXC does not open its database: %v", err)
		}
	}
}

func (k *KeePassXC) makeDatabase(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(k.Bus.Home, "config", "keepassxc")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{filepath.Join(dir, "keepassxc.ini"): keepassConfig, filepath.Join(k.Bus.Home, "db.xml"): database} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(k.Bus.Home, "db.kdbx")
	cmd := exec.Command(need(t, ToolKeePassXC, "keepassxc-cli", "keepassxc"), "import", "-p", filepath.Join(k.Bus.Home, "db.xml"), path)
	cmd.Env = k.Bus.Environment()
	cmd.Stdin = strings.NewReader(Password + "\n" + Password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("making a database: %v: %s", err, out)
	}
	return path
}
