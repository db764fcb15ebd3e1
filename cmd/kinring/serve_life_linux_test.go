package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/broker/client"
)

// passed is a socket that a service manager has made, in a folder of the user's.
func passed(t *testing.T, l *leakLab) (socket string, file *os.File) {
	t.Helper()
	socket = l.path("run/kinring/codex.sock")
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		t.Fatal(err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	defer listener.Close()
	if err := os.Chmod(socket, 0o600); err != nil {
		t.Fatal(err)
	}
	if file, err = listener.File(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return socket, file
}

// activate starts kinring serve as systemd does: with the socket as descriptor 3,
// and the number of the process, which only that process knows, in its environment.
func (l *leakLab) activate(file *os.File, sockets string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	l.Helper()
	kinring := l.command()
	cmd := exec.CommandContext(l.Context(), "/bin/sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" serve "$@"`, kinring.Path}, args...)...)
	cmd.Env = append(kinring.Env, "LISTEN_FDS="+sockets)
	cmd.ExtraFiles = []*os.File{file}
	said := &bytes.Buffer{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		l.Fatal(err)
	}
	return cmd, said
}

// TestActivation: a broker takes over the service manager's socket, answers who
// came before it was there, ends when nobody is there any more, and leaves the
// socket for its successor.
func TestActivation(t *testing.T) {
	l := newLeakLab(t)
	socket, file := passed(t, l)
	for range 2 {
		nc, err := net.Dial("unix", socket) // nobody accepts yet
		if err != nil {
			t.Fatal(err)
		}
		early := make(chan error, 1)
		go func() {
			c, err := client.Greet(t.Context(), nc, client.Options{Family: "codex"})
			if err == nil {
				_, err = c.Set(t.Context(), "auth", []byte(leakSentinel))
				err = errors.Join(err, c.Close())
			}
			early <- err
		}()
		cmd, said := l.activate(file, "1", "--idle-exit", "300ms")
		if err := <-early; err != nil {
			t.Errorf("who came early: %v; %s", err, said)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("when nobody is there it ends with %v: %s", err, said)
		}
		if _, err := os.Lstat(socket); err != nil {
			t.Errorf("the service manager's socket: %v", err)
		}
	}
}

// TestActivationRefused: a socket that others may use, more than one, and what is
// no socket are refused, each with what is wrong.
func TestActivationRefused(t *testing.T) {
	l := newLeakLab(t)
	socket, file := passed(t, l)
	none, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer none.Close()
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file    *os.File
		sockets string
		code    int
		says    string
	}{
		{file, "1", 4, "mode 0666"}, {file, "2", 2, `"2" sockets`}, {file, "", 2, `"" sockets`}, {none, "1", 2, "no socket that listens"},
	} {
		cmd, said := l.activate(c.file, c.sockets)
		_ = cmd.Wait() // its code is asked for
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(said.String(), c.says) {
			t.Errorf("LISTEN_FDS=%s: exit %d, said %s; want %d and %q", c.sockets, code, said, c.code, c.says)
		}
	}
}

// TestOneBroker: of many brokers that are started at once one serves, and the
// others say so and end; one that is killed keeps nobody away.
func TestOneBroker(t *testing.T) {
	l := newLeakLab(t)
	for range 2 {
		const many = 6
		type end struct {
			cmd  *exec.Cmd
			said string
		}
		ended := make(chan end, many)
		for range many {
			cmd := l.command("serve")
			var said bytes.Buffer
			cmd.Stderr = &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			go func() {
				_ = cmd.Wait() // its code is asked for
				ended <- end{cmd, said.String()}
			}()
		}
		for range many - 1 {
			if e := <-ended; e.cmd.ProcessState.ExitCode() != 6 || !strings.Contains(e.said, "another broker serves") {
				t.Errorf("one too many: exit %d, %s", e.cmd.ProcessState.ExitCode(), e.said)
			}
		}
		c, err := client.Dial(t.Context(), l.socket(), client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		st, err := c.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		if err := syscall.Kill(st.PID, syscall.SIGKILL); err != nil { // it leaves socket and lock file behind
			t.Fatal(err)
		}
		<-ended
	}
}

// grantsFile writes a file of grants in the place of the one before.
func grantsFile(t *testing.T, path string, grants ...map[string]any) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"schema": "kinring.grants/1", "grants": grants})
	if err == nil {
		err = os.WriteFile(path+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestGrants: what the file of grants says holds, for the programs that it names;
// a change counts while the broker runs, and a file that cannot be read any more
// grants nothing.
func TestGrants(t *testing.T) {
	l := newLeakLab(t)
	l.run(leakSentinel, "set", "auth")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	grants := l.path("grants.json")
	read := map[string]any{"name": "read", "programs": []string{self}, "keys": []string{"auth"}, "rights": []string{"get", "list"}}
	write := map[string]any{"name": "write", "programs": []string{self}, "keys": []string{"auth"}, "rights": []string{"set"}}
	over := map[string]any{"name": "over", "keys": []string{"auth"}, "rights": []string{"delete"}, "until": "2020-01-01T00:00:00Z"}
	elsewhere := map[string]any{"name": "elsewhere", "programs": []string{"/no/such/program"}, "keys": []string{"*"}, "rights": []string{"get", "admin"}}
	grantsFile(t, grants, read, over, elsewhere)
	cmd := l.command("serve", "--grants", grants)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer endsHavingSaid(t, cmd, &said, `"grant":"read"`, `"allowed":false`, "has ended", "nothing is granted")
	awaitFile(t, l.socket())
	// Each try is a connection, which starts no row of denials: reading, which is
	// allowed, ends it.
	try := func(f func(context.Context, *client.Conn) error) error {
		c, err := client.Dial(t.Context(), l.socket(), client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return f(t.Context(), c)
	}
	get := func(ctx context.Context, c *client.Conn) error { _, err := c.Get(ctx, "auth"); return err }
	set := func(ctx context.Context, c *client.Conn) error {
		_, err := c.Set(ctx, "auth", []byte(leakSentinel))
		return err
	}
	del := func(ctx context.Context, c *client.Conn) error { _, err := c.Delete(ctx, "auth"); return err }
	other := func(ctx context.Context, c *client.Conn) error { _, err := c.Get(ctx, "secrets"); return err }
	stop := func(ctx context.Context, c *client.Conn) error { return c.Shutdown(ctx) }
	if err := try(get); err != nil {
		t.Errorf("what is granted: %v", err)
	}
	for what, f := range map[string]func(context.Context, *client.Conn) error{"writing": set, "deleting, which was granted once": del,
		"another program's key": other, "stopping the broker": stop} {
		if err := try(f); !errors.Is(err, kinring.ErrDenied) {
			t.Errorf("%s: %v", what, err)
		}
		if err := try(get); err != nil {
			t.Errorf("reading after %s: %v", what, err)
		}
	}
	grantsFile(t, grants, read, write)
	until(t, "the new grant", func() bool {
		if err := try(get); err != nil {
			t.Fatalf("what is still granted: %v", err)
		}
		return try(set) == nil
	})
	if err := os.WriteFile(grants, []byte(`{"schema":`), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "a file that grants nothing any more", func() bool { return errors.Is(try(get), kinring.ErrDenied) })
}

// endsHavingSaid stops a broker and looks for what its log has to tell.
func endsHavingSaid(t *testing.T, cmd *exec.Cmd, said *bytes.Buffer, parts ...string) {
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_ = cmd.Wait() // its log is what counts
	for _, part := range parts {
		if !strings.Contains(said.String(), part) {
			t.Errorf("%s is not in the log:\n%s", part, said)
		}
	}
}

// TestGrantsRefused: a broker does not start with grants that it cannot read, or
// that others may write.
func TestGrantsRefused(t *testing.T) {
	l := newLeakLab(t)
	grants := l.path("grants.json")
	for _, c := range []struct {
		text string
		mode os.FileMode
		code int
		says string
	}{
		{`{"schema":"kinring.grants/1","grants":[]}`, 0o666, 4, "others may write"},
		{`{"schema":"kinring.grants/1","grants":[{"name":"x","key":["a"],"rights":["get"]}]}`, 0o600, 2, `"key"`},
		{``, 0o600, 2, "grants.json"},
	} {
		if err := os.WriteFile(grants, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(grants, c.mode); err != nil {
			t.Fatal(err)
		}
		cmd := l.command("serve", "--grants", grants)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.says) {
			t.Errorf("%q with mode %v: exit %d, %s", c.text, c.mode, code, out)
		}
	}
	if _, err := os.Lstat(l.socket()); err == nil {
		t.Error("it listens")
	}
}
