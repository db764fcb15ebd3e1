package keyringtest

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

// ToolGNOME and ToolSecret are what require.Variable calls gnome-keyring and
// libsecret's own program.
const (
	ToolGNOME  = "gnome-keyring"
	ToolSecret = "secret-tool"
)

// Password unlocks every keyring of this package.
const Password = "labpass of a test"

// Names of the Secret Service, which every provider serves.
const (
	Name        = "org.freedesktop.secrets"
	ServicePath = dbus.ObjectPath("/org/freedesktop/secrets")
)

// Login is the collection that gnome-keyring makes when it is first unlocked.
const Login = ServicePath + "/collection/login"

// GNOME is a running gnome-keyring.
type GNOME struct {
	Bus *Bus
	daemon
}

// NewGNOME starts gnome-keyring on a bus of its own, with an empty, unlocked
// login keyring that is the default.
func NewGNOME(t testing.TB) *GNOME {
	t.Helper()
	need(t, ToolGNOME, "gnome-keyring-daemon", "gnome-keyring")
	return NewBus(t).StartGNOME(t)
}

// StartGNOME starts gnome-keyring on this bus with the login keyring unlocked.
func (b *Bus) StartGNOME(t testing.TB) *GNOME {
	t.Helper()
	k := &GNOME{Bus: b}
	k.start(t, Password)
	return k
}

// StartGNOMEBare starts gnome-keyring as activation would: nobody has given it a
// password, so that a login keyring that exists is locked, and where there is
// none there is no default collection either.
func (b *Bus) StartGNOMEBare(t testing.TB) *GNOME {
	t.Helper()
	k := &GNOME{Bus: b}
	k.start(t, "")
	return k
}

// start starts the daemon. It reads the password up to the end of its input,
// newline included.
func (k *GNOME) start(t testing.TB, password string) {
	t.Helper()
	program := need(t, ToolGNOME, "gnome-keyring-daemon", "gnome-keyring")
	args := []string{"--foreground", "--components=secrets"}
	if password != "" {
		args = append(args, "--unlock")
	}
	cmd := exec.Command(program, args...)
	cmd.Env = k.Bus.Environment()
	cmd.Stdin = strings.NewReader(password)
	k.process = start(t, cmd)
	k.Bus.waitFor(t, Name, k.process)
}

// Restart kills the daemon and starts it again, unlocked, on the same files.
func (k *GNOME) Restart(t testing.TB) {
	t.Helper()
	k.Stop(t)
	k.start(t, Password)
}

// RestartLocked is Restart without the password.
func (k *GNOME) RestartLocked(t testing.TB) {
	t.Helper()
	k.Stop(t)
	k.start(t, "")
}

// Lock locks the login keyring.
func (k *GNOME) Lock(t testing.TB) {
	t.Helper()
	lock(t, k.Bus, Login)
}

func lock(t testing.TB, b *Bus, collection dbus.ObjectPath) {
	t.Helper()
	service := b.client(t).Object(Name, ServicePath)
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err := service.Call("org.freedesktop.Secret.Service.Lock", 0, []dbus.ObjectPath{collection}).Store(&locked, &prompt)
	if err != nil || len(locked) != 1 {
		t.Fatalf("locking %s: %v, prompt %s, %v", collection, locked, prompt, err)
	}
}

// secret is the Secret Service's struct for a secret in a session.
type secret struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

// Unlock unlocks the login keyring without asking anybody, through an interface
// that gnome-keyring has for its own login.
func (k *GNOME) Unlock(t testing.TB) {
	t.Helper()
	if err := k.unlockWith(t, Password); err != nil {
		t.Fatal(err)
	}
}

func (k *GNOME) unlockWith(t testing.TB, password string) error {
	t.Helper()
	service := k.Bus.client(t).Object(Name, ServicePath)
	return service.Call("org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface.UnlockWithMasterPassword", 0,
		Login, plainSecret(t, service, password)).Err
}

func plainSecret(t testing.TB, service dbus.BusObject, text string) secret {
	t.Helper()
	var output dbus.Variant
	var session dbus.ObjectPath
	err := service.Call("org.freedesktop.Secret.Service.OpenSession", 0, "plain", dbus.MakeVariant("")).Store(&output, &session)
	if err != nil {
		t.Fatal(err)
	}
	return secret{session, []byte{}, []byte(text), "text/plain"}
}

// NewCollection makes another unlocked collection and returns its path.
func (k *GNOME) NewCollection(t testing.TB, label string) dbus.ObjectPath {
	t.Helper()
	service := k.Bus.client(t).Object(Name, ServicePath)
	properties := map[string]dbus.Variant{"org.freedesktop.Secret.Collection.Label": dbus.MakeVariant(label)}
	var path dbus.ObjectPath
	err := service.Call("org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface.CreateWithMasterPassword", 0,
		properties, plainSecret(t, service, Password)).Store(&path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Entry is one item of a keyring, as any program sees it.
type Entry struct {
	Path        string
	Collection  string
	Label       string
	Attributes  map[string]string // without xdg:schema, which comes and goes
	Secret      string
	ContentType string
	Created     uint64
	Modified    uint64
}

// Find skips or fails the test if there is no bus, no gnome-keyring or no
// secret-tool.
func Find(t testing.TB) {
	t.Helper()
	need(t, ToolBus, ToolBus, "dbus-daemon")
	need(t, ToolGNOME, "gnome-keyring-daemon", "gnome-keyring")
	need(t, ToolSecret, "secret-tool", "libsecret-tools")
}
