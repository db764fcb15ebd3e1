package broker_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kinring/kinring/broker"
	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/internal/require"
	"github.com/kinring/kinring/internal/unprivileged"
)

// strangers are other users, as the kernel sees them. The second one is root in a
// namespace of its own, and so takes itself for the broker's user.
var strangers = map[string]*syscall.SysProcAttr{
	"another user": {Credential: &syscall.Credential{Uid: unprivileged.ID, Gid: unprivileged.ID}},
	"root of a user namespace": {
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: unprivileged.ID, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: unprivileged.ID, Size: 1}},
		Credential:  &syscall.Credential{Uid: 0, Gid: 0},
	},
}

// forAnybody makes a copy of the test binary that every user may run.
func forAnybody(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	program := filepath.Join(dir, "program")
	out, err := os.OpenFile(program, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err == nil {
		_, err = io.Copy(out, in)
		err = errors.Join(err, out.Close(), os.Chmod(dir, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// TestStrangers (I8): programs of other users are kept out by the directory. Where
// somebody has opened it up, the broker refuses them and tells them nothing of the
// family; meanwhile a good client is served, and afterwards nothing is left.
func TestStrangers(t *testing.T) {
	require.Need(t, "root", os.Geteuid() == 0, "only root can be another user")
	program := forAnybody(t)
	for name, who := range strangers {
		for _, open := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", everything open"}[open], func(t *testing.T) { beset(t, program, who, open) })
		}
	}
}

func beset(t *testing.T, program string, who *syscall.SysProcAttr, open bool) {
	var log bytes.Buffer
	b := serve(t, inMemory(), broker.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	if _, err := b.ring.Set(t.Context(), "auth", []byte("a secret")); err != nil {
		t.Fatal(err)
	}
	good, err := client.Dial(t.Context(), b.socket, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer good.Close()
	if open {
		openUp(t, b.socket)
	}
	m := b.beset(t, program, who, func() {
		if r, err := good.Get(t.Context(), "auth"); err != nil || string(r.Value.Bytes()) != "a secret" {
			t.Errorf("the good client got %v", err)
		}
	})
	if !open {
		if m.Shut != strangersTries || m.Connected > 0 {
			t.Errorf("the directory let it in: %+v", m)
		}
		return
	}
	if m.Ended != strangersTries || len(m.Answers) != 1 || !strings.Contains(m.Answers[0], "another user") || strings.Contains(m.Answers[0], family.Name) {
		t.Errorf("it met with %+v", m)
	}
	if !strings.Contains(m.Client, "denied") {
		t.Errorf("kinring's client uses another user's broker: %q", m.Client)
	}
	b.await(t, "the strangers to be gone", func() bool { return b.server.Conns() == 1 })
	b.end()
	if lines := strings.Count(log.String(), "another user"); lines == 0 || lines > strangersTries/4 {
		t.Errorf("%d tries are %d lines in the log", strangersTries, lines)
	}
	if strings.Contains(log.String(), "a secret") {
		t.Error("the log holds the secret")
	}
}

// openUp makes every directory on the way, and the socket, everybody's.
func openUp(t *testing.T, socket string) {
	t.Helper()
	run := filepath.Dir(socket)
	for _, path := range []string{filepath.Dir(run), run, socket} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
}

// beset runs the stranger, and meanwhile again and again what a good client does.
func (r *running) beset(t *testing.T, program string, who *syscall.SysProcAttr, meanwhile func()) met {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = []string{strangerSocket + "=" + r.socket}
	cmd.SysProcAttr = who
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Start()
	require.Need(t, "root", !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.ENOSPC), "a user namespace is made")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for rounds := 0; ; rounds++ {
		meanwhile()
		select {
		case err := <-ended:
			var m met
			if err != nil || json.Unmarshal(out.Bytes(), &m) != nil {
				t.Fatalf("the stranger: %v, %s%s", err, &out, &said)
			}
			t.Logf("%d requests of the good client meanwhile; it met with %+v", rounds, m)
			return m
		default:
		}
	}
}
