package keyringtest

import (
	"bytes"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/kinring/kinring/internal/tied"
)

// process is a program that a test started and stops.
type process struct {
	cmd   *exec.Cmd
	ended <-chan struct{}
	log   log
	told  atomic.Bool // to end
}

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

// start starts a program and stops it with the test.
func start(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd}
	cmd.Stderr = &p.log
	var err error
	if p.ended, err = tied.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.stop(t) })
	return p
}

// stop ends the program. It is killed, because some of them do not heed
// SIGTERM; stopping twice is no error. One that ended by itself is told of,
// because then the test met a session that it did not ask for.
func (p *process) stop(t testing.TB) {
	t.Helper()
	select {
	case <-p.ended:
		if !p.told.Load() {
			t.Logf("%s ended by itself (%v): %s", p.cmd.Path, p.cmd.ProcessState, p.output())
		}
	default:
	}
	p.told.Store(true)
	p.signal(t, syscall.SIGKILL)
	<-p.ended
}

// signal does nothing if the program has ended.
func (p *process) signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	select {
	case <-p.ended:
		return
	default:
	}
	if err := p.cmd.Process.Signal(s); err != nil {
		select {
		case <-p.ended:
		default:
			t.Logf("%s: %v", p.cmd.Path, err)
		}
	}
}

func (p *process) output() string {
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	return p.log.buf.String()
}
