package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/history"
	"github.com/kinring/kinring/internal/tokenserver"
)

// throughOwnBroker makes each kinring of a script use a broker of its own, over
// standard input and output.
const throughOwnBroker = "KINRING_SOCK=exec:KINRING_SOCK= kinring serve --stdio"

// TestCodexScriptsThroughBroker: the same scripts with the real Codex, and every
// access to the shared store goes through a broker.
func TestCodexScriptsThroughBroker(t *testing.T) { runScripts(t, "codex", throughOwnBroker) }

// serve starts the broker of the lab, which everything after it uses.
func (l *lab) serve() {
	l.Helper()
	l.broker = l.path("run/b.sock")
	cmd := exec.Command(l.command("kinring").Path, "serve") // it ends after the test does
	cmd.Env = l.environment()
	r := l.start(cmd)
	l.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if code, said := l.wait(r); code != 0 {
			l.Errorf("the broker: exit %d: %s", code, said)
		}
	})
	awaitFile(l.T, l.broker)
}

// TestRotationThroughBroker (I11): eight new builds whose shared store is behind a
// broker refresh at once: one after the other, each with a token of its own.
func TestRotationThroughBroker(t *testing.T) {
	rotationTest(t, func(t *testing.T) {
		l := newLab(t, "kinring", inFile, tokenserver.Options{Delay: 20 * time.Millisecond})
		l.serve()
		l.round(8, nil, &headStart{})
		for token, times := range l.server.State().Seen {
			if times != 1 {
				t.Errorf("%s was presented %d times", token, times)
			}
		}
		if st := l.server.State(); st.Valid != tokenserver.Token(9) {
			t.Errorf("after 8 updates the valid token is %s; %s", st.Valid, l.figures())
		}
		l.broker = "" // and one that does without the broker
		l.round(1, nil, &headStart{})
		if found := l.judge(newCodex); len(found) > 0 {
			t.Error(found)
		}
	})
}

// TestRotationThroughBrokerInTurns (I11): new builds through the broker and Codex
// refresh one after the other.
func TestRotationThroughBrokerInTurns(t *testing.T) {
	rotationTest(t, func(t *testing.T) {
		l := newLab(t, "kinring", inFile, tokenserver.Options{})
		l.serve()
		order := turns(inFile, newCodex)["new, new, Codex, Codex, new"]
		for _, turn := range order {
			turn(l)
		}
		for n := range len(order) {
			if times := l.server.State().Seen[tokenserver.Token(n+1)]; times != 1 {
				t.Errorf("%s was presented %d times", tokenserver.Token(n+1), times)
			}
		}
		if found := l.judge(newCodex); len(found) > 0 {
			t.Error(found)
		}
	})
}

// mortal is a broker that is killed now and then, and started again at once.
type mortal struct {
	t    *testing.T
	h    *household
	path string

	mu    sync.Mutex
	cmd   *exec.Cmd
	kills int
}

func (m *mortal) start() {
	self, err := os.Executable()
	if err != nil {
		m.t.Fatal(err)
	}
	m.cmd = exec.Command(self, "serve")
	m.cmd.Args[0] = "kinring" // the name under which TestMain runs the command
	m.cmd.Env = m.h.env
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
}

// kill lets the broker die in the middle of whatever it does.
func (m *mortal) kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait()
	m.kills++
	m.start()
}

// TestBrokerLinearisable (I1, I2, I3, I9, I10): eight client processes through a
// broker, clients and broker killed at random moments: what the clients saw could
// have happened one after the other, where whoever was killed or cut off may have
// done it or not.
func TestBrokerLinearisable(t *testing.T) {
	h := newHousehold(t)
	socket := filepath.Join(h.dir, "run", "b.sock")
	h.env = append(h.env, "KINRING_SOCK="+socket)
	m := &mortal{t: t, h: h, path: socket}
	m.start()
	defer func() {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
	}()
	awaitFile(t, socket)
	load := history.Load{Workers: 8, Ops: 30, Keys: []string{"a", "b"}, Seed: 7}
	if testing.Short() {
		load.Ops = 8
	}
	if os.Getenv("KINRING_LONG") != "" {
		load.Ops = 200
	}
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(7, 7))
	outcomes := map[history.Outcome]int{}
	done, err := history.Drive(t.Context(), load, func(ctx context.Context, r history.Request) (history.Result, error) {
		mu.Lock()
		fate, after := random.IntN(16), time.Duration(random.IntN(40))*time.Millisecond
		mu.Unlock()
		if fate == 0 {
			m.kill()
		}
		result, err := h.mortally(ctx, r, fate < 3, after)
		mu.Lock()
		outcomes[result.Outcome]++
		mu.Unlock()
		return result, err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the broker was killed %d times; outcomes: %v", m.kills, outcomes)
	if m.kills == 0 || outcomes[history.Unknown] == 0 || outcomes[history.Done] == 0 {
		t.Error("nothing was killed, or nothing was left")
	}
	if err := history.Check(done); err != nil {
		t.Error(err)
	}
}

// mortally performs an operation by a client that may be killed after some time.
func (h *household) mortally(ctx context.Context, r history.Request, dies bool, after time.Duration) (history.Result, error) {
	if dies {
		killed, kill := context.WithTimeout(ctx, after)
		defer kill()
		result, err := h.perform(killed, r)
		if killed.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
			return history.Result{Outcome: history.Unknown}, nil
		}
		return settle(r, result), err
	}
	result, err := h.perform(ctx, r)
	return settle(r, result), err
}

// settle says of a delete that took place no more than the command does: not
// whether there was anything.
func settle(r history.Request, result history.Result) history.Result {
	if r.Kind == history.Delete && result.Outcome == history.Done {
		result.Outcome = history.Gone
	}
	return result
}
