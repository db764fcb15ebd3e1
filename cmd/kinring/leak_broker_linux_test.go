package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/internal/unprivileged"
)

// servant is a broker of the leak tests, which may write core dumps as far as the
// test has to say: into a folder of its own, with the runtime asked for them.
type servant struct {
	*leakLab
	cmd *exec.Cmd
	log bytes.Buffer
}

func (l *leakLab) serve() *servant {
	l.Helper()
	if err := os.MkdirAll(l.path("cores"), 0o700); err != nil {
		l.Fatal(err)
	}
	s := &servant{leakLab: l}
	kinring := l.command("serve", "--verbose")
	s.cmd = exec.Command("/bin/sh", "-c", `ulimit -c unlimited 2>/dev/null; exec "$0" serve --verbose`, kinring.Path)
	s.cmd.Env = append(kinring.Env, "GOTRACEBACK=crash")
	s.cmd.Dir = l.path("cores")
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		l.Fatal(err)
	}
	awaitFile(l.T, s.socket())
	return s
}

func (l *leakLab) socket() string { return l.path("run/kinring/codex.sock") }

// dies ends the broker by a signal and returns all that it ever said.
func (s *servant) dies(signal os.Signal) string {
	s.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.Fatal(err)
	}
	_ = s.cmd.Wait() // how it ended is not of interest
	if err := os.RemoveAll(s.path("run/kinring")); err != nil {
		s.Fatal(err)
	}
	return s.log.String()
}

// dumps reports whether a program that does nothing against it leaves a core dump
// in its folder here, if it is killed.
func dumps(t *testing.T) bool {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("/bin/sh", "-c", "ulimit -c unlimited && kill -ABRT $$")
	cmd.Dir = dir
	_ = cmd.Run() // it is killed
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(left) > 0
}

// TestBrokerLeaksNothing (I8): a secret that went through the broker is in no log,
// argument list, environment, temporary file or core dump, also when the broker is
// killed in a way that asks for one, and with all goroutines printed.
func TestBrokerLeaksNothing(t *testing.T) {
	if !dumps(t) {
		t.Log("this machine writes core dumps elsewhere: that part shows nothing")
	}
	l := newLeakLab(t)
	for _, signal := range []os.Signal{syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGQUIT, syscall.SIGTERM} {
		s := l.serve()
		l.run(leakSentinel, "set", "auth")
		if got := l.run("", "get", "auth"); got != leakSentinel {
			t.Errorf("what was set reads %q", got)
		}
		said := l.run("", "--json", "update", "auth", "--", probeProgram)
		if r := l.report(); !r.Stdin || r.OwnEnvironment || strings.Contains(said, leakText) {
			t.Errorf("the command saw %+v; kinring said %s", r, said)
		}
		bad := l.command("set", "auth")
		bad.Stdin = strings.NewReader(leakText) // which is no login
		if out, err := bad.CombinedOutput(); err == nil || strings.Contains(string(out), leakText) {
			t.Errorf("a bad value: %v, said %s", err, out)
		}
		c, err := client.Dial(t.Context(), l.socket(), client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if r, err := c.Get(t.Context(), "auth"); err != nil || string(r.Value.Bytes()) != leakSentinel {
			t.Errorf("the broker has it: %v", err)
		}
		for _, file := range []string{"cmdline", "environ"} {
			if found := processesWith(file, leakText); len(found) > 0 {
				t.Errorf("the secret is in %v", found)
			}
		}
		log := s.dies(signal)
		c.Close()
		if strings.Contains(log, leakText) || strings.Contains(log, "bWFkZS11cC1zZW50aW5lb") { // as base64, too
			t.Errorf("%v: the log holds the secret", signal)
		}
		if !strings.Contains(log, `"broker: decision"`) || signal != syscall.SIGTERM && !strings.Contains(log, "goroutine ") {
			t.Errorf("%v: the log is %s", signal, log)
		}
		if left, err := os.ReadDir(l.path("cores")); err != nil || len(left) > 0 {
			t.Errorf("%v left %v, %v", signal, left, err)
		}
		l.clean()
	}
}

// TestBrokerMayNotDump: the limits of the running broker rule core dumps out,
// whatever started it allowed.
func TestBrokerMayNotDump(t *testing.T) {
	s := newLeakLab(t).serve()
	defer s.dies(syscall.SIGTERM)
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(strings.Split(string(limits), "\n"), func(line string) bool {
		f := strings.Fields(line)
		return len(f) > 5 && strings.HasPrefix(line, "Max core file size") && f[4] == "0" && f[5] == "0"
	})
	if i < 0 {
		t.Errorf("its limits are\n%s", limits)
	}
}

// TestBrokerIsNotRead (I8): no other program of the user reads the broker's memory
// or environment, or attaches to it. Of a process that did nothing against it the
// same user reads both.
func TestBrokerIsNotRead(t *testing.T) {
	unprivileged.Run(t, func(*testing.T, string) {}, func(t *testing.T, dir string) {
		l := newLeakLab(t)
		s := l.serve()
		defer s.dies(syscall.SIGTERM)
		l.run(leakSentinel, "set", "auth")
		ordinary := exec.Command("/bin/cat")
		in, err := ordinary.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := ordinary.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() {
			in.Close()
			_ = ordinary.Wait() // it ends with its input
		}()
		for _, file := range []string{"mem", "environ"} {
			if err := opens(ordinary.Process.Pid, file); err != nil {
				t.Fatalf("%s of an ordinary process: %v", file, err)
			}
			if err := opens(s.cmd.Process.Pid, file); !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s of the broker: %v", file, err)
			}
		}
		if err := unix.PtraceSeize(s.cmd.Process.Pid); !errors.Is(err, unix.EPERM) {
			t.Errorf("attaching to the broker: %v", err)
		}
		gcore(t, s.cmd.Process.Pid)
	})
}

func opens(pid int, file string) error {
	f, err := os.Open(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return err
	}
	return f.Close()
}

// gcore tries to have the debugger write a dump, where there is one.
func gcore(t *testing.T, pid int) {
	t.Helper()
	program, err := exec.LookPath("gcore")
	if err != nil {
		return
	}
	dir := t.TempDir()
	out, err := exec.CommandContext(t.Context(), program, "-o", filepath.Join(dir, "core"), fmt.Sprint(pid)).CombinedOutput()
	left, listing := os.ReadDir(dir)
	if err == nil || listing != nil || len(left) > 0 {
		t.Errorf("gcore: %v, %s; left %v, %v", err, out, left, listing)
	}
}

// TestHandedIsWiped (I8): a passphrase that was handed over is overwritten when it
// is forgotten.
func TestHandedIsWiped(t *testing.T) {
	h := &handed{passphrase: []byte("correct horse")}
	kept := h.passphrase
	h.forget()
	if !bytes.Equal(kept, make([]byte, len(kept))) || h.passphrase != nil {
		t.Errorf("it is still %q", kept)
	}
}
