package keyringtest

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/internal/require"
)

// ToolBus is what require.Variable calls the message bus.
const ToolBus = "dbus-daemon"

// Bus is a private session bus in a home of its own.
type Bus struct {
	// Address is what DBUS_SESSION_BUS_ADDRESS would be.
	Address string
	// Home is the directory that HOME and the XDG variables of the bus's
	// programs point into. Its path is short enough for sockets.
	Home string

	config string
	daemon *process
}

// configuration has no servicedir: with one, a call to a keyring that is not
// there would start another.
const configuration = `<busconfig><type>session</type><listen>unix:path=@SOCKET@</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
@MORE@</busconfig>
`

// NewBus starts a bus. It skips the test, or fails it where the tool is
// required, if there is no message bus to start.
func NewBus(t testing.TB) *Bus {
	t.Helper()
	return newBus(t, "")
}

// Service is a name that a bus offers to start a program for.
type Service struct{ Name, Program string }

// NewActivatingBus is NewBus for a test of what happens where asking for a name
// starts a program, as on a desktop.
func NewActivatingBus(t testing.TB, services ...Service) *Bus {
	t.Helper()
	dir := t.TempDir()
	for _, s := range services {
		text := "[D-BUS Service]\nName=" + s.Name + "\nExec=" + s.Program + "\n"
		if err := os.WriteFile(filepath.Join(dir, s.Name+".service"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return newBus(t, "<servicedir>"+dir+"</servicedir>")
}

func newBus(t testing.TB, more string) *Bus {
	t.Helper()
	need(t, ToolBus, ToolBus, "dbus-daemon")
	b := &Bus{Home: newHome(t)}
	b.config = filepath.Join(b.Home, "session.conf")
	socket := filepath.Join(b.Home, "run", "bus")
	text := strings.NewReplacer("@SOCKET@", socket, "@MORE@", more).Replace(configuration)
	if err := os.WriteFile(b.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Address = "unix:path=" + socket
	b.start(t)
	return b
}

// start returns when the bus listens: it says so by its address.
func (b *Bus) start(t testing.TB) {
	t.Helper()
	cmd := exec.Command(ToolBus, "--config-file="+b.config, "--nofork", "--nopidfile", "--print-address=1")
	cmd.Env = b.Environment()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	b.daemon = start(t, cmd)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, b.Address+",") {
		t.Fatalf("the bus says %q, %v; want %s\n%s", line, err, b.Address, b.daemon.output())
	}
}

// memory is a file system in memory, where there is one: a keyring rewrites and
// syncs its whole file, several times for each write.
const memory = "/dev/shm"

// newHome makes a home below a system's directory for temporary files: a
// socket's path may have no more than 107 bytes, and a test's own directory may
// have more.
func newHome(t testing.TB) string {
	t.Helper()
	home, err := os.MkdirTemp(memory, "kr")
	if err != nil {
		home, err = os.MkdirTemp("", "kr")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) }) // a daemon that is ending may still write
	for _, dir := range []string{"run", "data", "config", "cache", "state", "tmp"} {
		if err := os.Mkdir(filepath.Join(home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

func need(t testing.TB, tool, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	require.Need(t, tool, err == nil, "install the Debian package "+debian)
	return path
}

// Environment is all that a program of this session gets to see: the bus, a
// home, and no display.
func (b *Bus) Environment() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "HOME=" + b.Home, "QT_QPA_PLATFORM=offscreen"}
	for name, dir := range map[string]string{"XDG_RUNTIME_DIR": "run", "XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": "config",
		"XDG_CACHE_HOME": "cache", "XDG_STATE_HOME": "state", "TMPDIR": "tmp"} {
		env = append(env, name+"="+filepath.Join(b.Home, dir))
	}
	if b.Address != "" {
		env = append(env, "DBUS_SESSION_BUS_ADDRESS="+b.Address)
	}
	return env
}

// Setenv puts the test's own process into the session. The test must not be
// parallel.
func (b *Bus) Setenv(t testing.TB) {
	t.Helper()
	for _, variable := range b.Environment() {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
}

// Connect returns a connection that is closed with the test.
func (b *Bus) Connect(t testing.TB) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(b.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the bus may be gone
	return conn
}

// client returns a connection that the keyring knows: gnome-keyring now and then
// answers somebody's first call as if there were no such method.
func (b *Bus) client(t testing.TB) *dbus.Conn {
	t.Helper()
	conn := b.Connect(t)
	for {
		err := conn.Object(Name, ServicePath).Call("org.freedesktop.Secret.Service.ReadAlias", 0, "default").Err
		if e := (dbus.Error{}); !errors.As(err, &e) || e.Name != "org.freedesktop.DBus.Error.UnknownMethod" {
			return conn
		}
	}
}

// Stop ends the bus, as the end of a session does.
func (b *Bus) Stop(t testing.TB) {
	t.Helper()
	b.daemon.stop(t)
}

// Restart ends the bus and starts another at the same address.
func (b *Bus) Restart(t testing.TB) {
	t.Helper()
	b.Stop(t)
	b.start(t)
}

// waitFor returns when the name has an owner, or when the program that should
// own it has ended: then the test fails.
func (b *Bus) waitFor(t testing.TB, name string, p *process) {
	t.Helper()
	conn, err := dbus.Connect(b.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	signals := make(chan *dbus.Signal, 64)
	conn.Signal(signals)
	match := []dbus.MatchOption{dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, name)}
	if err := conn.AddMatchSignal(match...); err != nil {
		t.Fatal(err)
	}
	var owned bool
	if err := conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, name).Store(&owned); err != nil {
		t.Fatal(err)
	}
	for !owned {
		select {
		case s := <-signals:
			owned = s != nil && len(s.Body) == 3 && s.Body[0] == name && s.Body[2] != ""
		case <-p.ended:
			t.Fatalf("%s ended before it owned %s: %s", p.cmd.Path, name, p.output())
		case <-t.Context().Done():
			t.Fatalf("%s does not come to own %s", p.cmd.Path, name)
		}
	}
}
