package peer

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kinring/kinring/internal/require"
)

// dialVariable makes a run of this test binary a client: it connects to the socket
// that the variable names, says so, and ends when
// its input does; told "exec", it becomes another program with the connection open.
const dialVariable = "KINRING_TEST_PEER_SOCKET"

func TestMain(m *testing.M) {
	if socket := os.Getenv(dialVariable); socket != "" {
		if err := beClient(socket); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func beClient(socket string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0) // not closed by exec
	if err != nil {
		return err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: socket}); err != nil {
		return err
	}
	os.Stdout.WriteString("connected\n")
	order := make([]byte, len("exec\n")) // and no more: the rest is for what it becomes
	if _, err := io.ReadFull(os.Stdin, order); err != nil {
		return nil // its time is over
	}
	return unix.Exec("/bin/cat", []string{"cat"}, os.Environ()) // it says what it is told
}

// client is a process that has connected, and the other end of its connection.
type client struct {
	*testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	said *bufio.Reader
	conn *net.UnixConn
}

// connected starts a program that connects.
func connected(t *testing.T, program string) *client {
	t.Helper()
	dir, err := os.MkdirTemp("", "kr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := &client{T: t, cmd: exec.Command(program)}
	c.cmd.Env = append(os.Environ(), dialVariable+"="+socket)
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.said = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.end)
	c.hears("connected\n")
	if c.conn, err = l.AcceptUnix(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.conn.Close() })
	return c
}

func (c *client) tell(line string) {
	c.Helper()
	if _, err := io.WriteString(c.in, line); err != nil {
		c.Fatal(err)
	}
}

func (c *client) hears(want string) {
	c.Helper()
	if got, err := c.said.ReadString('\n'); err != nil || got != want {
		c.Fatalf("the client said %q, %v; want %q", got, err, want)
	}
}

// end ends the process and waits for it; it may have ended.
func (c *client) end() {
	c.in.Close()
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Wait() // a client that was killed has failed
	}
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// identified is who is at the other end, by the kernel's process descriptor or
// without it, as on a kernel before 6.5.
func (c *client) identified(pinned bool) *process {
	c.Helper()
	found, err := Of(c.conn)
	if err != nil {
		c.Fatal(err)
	}
	p := found.(*process)
	c.Cleanup(func() {
		if err := p.Close(); err != nil {
			c.Error(err)
		}
	})
	if pinned && p.pidfd < 0 {
		c.Skip("this kernel has no SO_PEERPIDFD")
	}
	if !pinned {
		if err := p.Close(); err != nil {
			c.Fatal(err)
		}
	}
	return p
}

// TestProcess: the kernel says who connected, and knows when it has ended: by a
// process descriptor, and by the start time where there is none.
func TestProcess(t *testing.T) {
	for name, pinned := range map[string]bool{"SO_PEERPIDFD": true, "start time": false} {
		t.Run(name, func(t *testing.T) {
			c := connected(t, self(t))
			p := c.identified(pinned)
			id := p.Identity()
			want := Identity{UID: os.Getuid(), PID: c.cmd.Process.Pid, Started: startTime(c.cmd.Process.Pid), Label: self(t)}
			if id != want || id.Started == "" {
				t.Errorf("it is %+v, want %+v", id, want)
			}
			if p.Proves() {
				t.Error("a nonce is asked for, where a program is no boundary")
			}
			if err := p.Check(); err != nil {
				t.Errorf("while it runs: %v", err)
			}
			c.end()
			if err := p.Check(); !errors.Is(err, ErrGone) {
				t.Errorf("after its end: %v", err)
			}
		})
	}
}

// TestEndedBeforeLooked: a process that was gone when it was asked about keeps its
// user, which the kernel noted when it connected, and nothing that is read by its
// number: another process may have it by now.
func TestEndedBeforeLooked(t *testing.T) {
	c := connected(t, self(t))
	pid := c.cmd.Process.Pid
	c.end()
	p, err := Of(c.conn)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if id, want := p.Identity(), (Identity{UID: os.Getuid(), PID: pid}); id != want {
		t.Errorf("it is %+v, want %+v", id, want)
	}
	if err := p.Check(); !errors.Is(err, ErrGone) {
		t.Errorf("Check: %v", err)
	}
}

// TestNumberReused: another process with the number of one that ended is not taken
// for it, nor do the two share a limit.
func TestNumberReused(t *testing.T) {
	now := &process{id: Identity{PID: os.Getpid(), Started: startTime(os.Getpid())}, pidfd: -1}
	if err := now.Check(); err != nil {
		t.Errorf("this process: %v", err)
	}
	before := &process{id: Identity{PID: os.Getpid(), Started: "1"}, pidfd: -1}
	if err := before.Check(); !errors.Is(err, ErrGone) {
		t.Errorf("the one that had the number before: %v", err)
	}
	if now.id.Process() == before.id.Process() {
		t.Errorf("both are %q", now.id.Process())
	}
	unknown := &process{id: Identity{PID: os.Getpid()}, pidfd: -1}
	if err := unknown.Check(); !errors.Is(err, ErrGone) {
		t.Errorf("one whose start nobody saw: %v", err)
	}
}

// TestBecameAnother: on Linux a process that became another program is the same
// peer: whoever may run as the user may do what the user may.
func TestBecameAnother(t *testing.T) {
	require.Need(t, "cat", exists("/bin/cat"), "the client becomes it")
	c := connected(t, self(t))
	p := c.identified(false)
	c.tell("exec\n")
	c.tell("it is another one\n")
	c.hears("it is another one\n")
	if err := p.Check(); err != nil {
		t.Errorf("after exec: %v", err)
	}
	if again := c.identified(false).Identity(); again.Label == p.Identity().Label || again.Process() != p.Identity().Process() {
		t.Errorf("before %+v, after %+v", p.Identity(), again)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestLabel: the path of the executable is what its owner called it, and says no
// more: a copy by a trusted name has the trusted label, and no signature.
func TestLabel(t *testing.T) {
	trusted := filepath.Join(t.TempDir(), "trusted) 1 2 3") // neither does the name upset what is read of the process
	if err := os.Link(self(t), trusted); err != nil {
		t.Skipf("the test binary cannot be given another name here: %v", err)
	}
	c := connected(t, trusted)
	id := c.identified(false).Identity()
	if id.Label != trusted || id.Team != "" || id.Identifier != "" {
		t.Errorf("it is %+v", id)
	}
	if _, err := strconv.ParseUint(id.Started, 10, 64); err != nil || id.Started == "0" {
		t.Errorf("it started at %q", id.Started)
	}
}

// TestNotLocal: nobody tells who is at the other end of a network connection, so
// that nobody is served over one.
func TestNotLocal(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if p, err := Of(a); err == nil {
		t.Errorf("it is %+v", p.Identity())
	}
}

// TestParent: a connection that was inherited is its giver's.
func TestParent(t *testing.T) {
	p := Parent(7, 8)
	if id := p.Identity(); !id.Inherited || id.UID != 7 || id.PID != 8 || p.Proves() || p.Check() != nil || p.Close() != nil {
		t.Errorf("it is %+v", id)
	}
}
