package keyringtest

import (
	"bytes"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/child"
)

// process is a program that a test started and stops.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	told  bool // to end
	log   log
}

// daemon is a keyring's program, which can be started again.
type daemon struct{ *process }

// Stop kills the daemon: its names have no owner any more.
func (d daemon) Stop(t testing.TB) {
	t.Helper()
	d.stop(t)
}

// Log returns what the daemon has complained of.
func (d daemon) Log() string { return d.output() }

// log is what the program complained of.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// waitDelay ends the waiting for what an ended program has left behind with its
// output still open.
const waitDelay = 10 * time.Second

// start starts a program and stops it with the test.
func start(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr = &p.log
	cmd.WaitDelay = waitDelay
	if err := child.Start(cmd); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is the test's affair, not a failure
		close(p.ended)
	}()
	t.Cleanup(func() { p.stop(t) })
	return p
}

// stop ends the program. It is killed, because some of them do not heed
// SIGTERM; stopping twice is no error. Of one that has ended by itself the test's
// log tells, because then the test met a session that it did not ask for.
func (p *process) stop(t testing.TB) {
	t.Helper()
	if !p.told && p.hasEnded() {
		t.Logf("%s ended by itself (%v): %s", p.cmd.Path, p.cmd.ProcessState, p.output())
	}
	p.told = true
	p.signal(t, syscall.SIGKILL)
	<-p.ended
}

// signal does nothing if the program has ended.
func (p *process) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if p.hasEnded() {
		return
	}
	if err := p.cmd.Process.Signal(s); err != nil && !p.hasEnded() {
		t.Logf("%s: %v", p.cmd.Path, err)
	}
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *process) output() string {
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	return p.log.buf.String()
}
