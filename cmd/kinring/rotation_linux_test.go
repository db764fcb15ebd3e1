package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/internal/tokenserver"
)

// side is one program's turn: the new build's, or a build of Codex.
type side func(*lab)

func newBuild(l *lab)       { l.update() }
func (b build) take(l *lab) { l.codex(b) }

// builds are the builds of Codex that a test goes through. A short run, which may
// be one of slow programs, has one.
func builds() []build {
	if testing.Short() {
		return []build{newCodex}
	}
	return []build{newCodex, oldCodex}
}

// turns are the orders in which programs refresh one after the other. Where
// Codex has its login in another place than usual, the short ones have to do.
func turns(where place, codex build) map[string][]side {
	orders := map[string][]side{
		"new, Codex, new":   {newBuild, codex.take, newBuild},
		"Codex, new, Codex": {codex.take, newBuild, codex.take},
	}
	if where.name == inFile.name {
		orders["new, new, Codex, Codex, new"] = []side{newBuild, newBuild, codex.take, codex.take, newBuild}
	}
	return orders
}

// takeTurns plays an order and returns what is wrong afterwards.
func takeTurns(t *testing.T, program string, where place, codex build, order []side) (*lab, []flaw) {
	l := newLab(t, program, where, tokenserver.Options{})
	for _, turn := range order {
		turn(l)
	}
	var found []flaw
	for n := range len(order) {
		if times := l.server.State().Seen[tokenserver.Token(n+1)]; times != 1 {
			found = append(found, flaw{storesDisagree, fmt.Sprintf("%s was presented %d times", tokenserver.Token(n+1), times)})
		}
	}
	return l, append(found, l.judge(codex)...)
}

// TestRotationInTurns (I11): new builds and Codex refresh one after the other,
// and each presents each token once.
func TestRotationInTurns(t *testing.T) {
	rotationTest(t, func(t *testing.T) {
		for _, where := range places() {
			for _, codex := range builds() {
				for name, order := range turns(where, codex) {
					t.Run(where.name+", "+codex.name+": "+name, func(t *testing.T) {
						if _, found := takeTurns(t, "kinring", where, codex, order); len(found) > 0 {
							t.Error(found)
						}
					})
				}
			}
		}
	})
}

// TestRotationEightNewBuilds (I11): all of them refresh, one after the other, and
// each with a token of its own.
func TestRotationEightNewBuilds(t *testing.T) {
	rotationTest(t, func(t *testing.T) {
		l := newLab(t, "kinring", inFile, tokenserver.Options{Delay: 20 * time.Millisecond})
		l.round(8, nil, &headStart{})
		for token, times := range l.server.State().Seen {
			if times != 1 {
				t.Errorf("%s was presented %d times", token, times)
			}
		}
		if st := l.server.State(); st.Valid != tokenserver.Token(9) {
			t.Errorf("after 8 updates the valid token is %s; %s", st.Valid, l.figures())
		}
		if found := l.judge(newCodex); len(found) > 0 {
			t.Error(found)
		}
	})
}

// headStart lets Codex win: it holds up the new builds' requests until one of
// Codex's was granted, or Codex is done.
type headStart struct {
	mu   sync.Mutex
	over chan struct{}
}

func (h *headStart) begin() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.over = make(chan struct{})
}

func (h *headStart) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over != nil {
		close(h.over)
		h.over = nil
	}
}

func (h *headStart) before(r tokenserver.Request) {
	h.mu.Lock()
	over := h.over
	h.mu.Unlock()
	if r.Agent == tokenserver.Agent && over != nil {
		<-over
	}
}

func (h *headStart) after(e tokenserver.Event) {
	if e.Agent != tokenserver.Agent && e.Granted {
		h.end()
	}
}

// round starts n new builds and these builds of Codex at once, and waits for all.
func (l *lab) round(n int, codex []build, h *headStart) {
	l.Helper()
	var updates, others []running
	for i := range max(n, len(codex)) {
		if i < n {
			updates = append(updates, l.startUpdate())
		}
		if i < len(codex) {
			others = append(others, l.startCodex(codex[i]))
		}
	}
	for _, r := range others {
		l.wait(r)
	}
	h.end()
	for _, r := range updates {
		l.wait(r)
	}
}

// crowd is eight builds of Codex, the given ones in turn.
func crowd(builds ...build) []build {
	var all []build
	for len(all) < 8 {
		all = append(all, builds...)
	}
	return all[:8]
}

func rounds() int {
	if testing.Short() {
		return 1
	}
	return 4
}

// besideCodex lets eight new builds and eight of Codex refresh at once, several
// times over, and every other time gives Codex a head start.
func besideCodex(t *testing.T, program string, where place, codex []build, delay time.Duration) (*lab, []flaw) {
	var h headStart
	l := newLab(t, program, where, tokenserver.Options{Delay: delay, Before: h.before, After: h.after})
	l.wait(l.start(l.command(program, "update", "auth", "--", keepProgram))) // the new build has the login
	l.codex(codex[0])
	for n := range rounds() {
		if n%2 == 0 {
			h.begin()
		}
		l.round(8, codex, &h)
	}
	t.Log(l.figures())
	return l, l.judge(codex[0])
}

// TestRotationBesideCodex (I11): eight new builds and eight of Codex at once.
// Codex holds no lock while it asks, so some are refused; nobody loses the
// login.
func TestRotationBesideCodex(t *testing.T) {
	rotationTest(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			where place
			codex []build
			delay time.Duration
		}{
			"0.169.0":                  {inFile, crowd(newCodex), 0},
			"0.145.0":                  {inFile, crowd(oldCodex), 0},
			"both":                     {inFile, crowd(newCodex, oldCodex), 0},
			"both, and a slow network": {inFile, crowd(oldCodex, newCodex), 40 * time.Millisecond},
			"both, in the keyring":     {inKeyring, crowd(newCodex, oldCodex), 0},
			"all in the keyring":       {bothInKeyring, crowd(newCodex, oldCodex), 0},
		} {
			t.Run(name, func(t *testing.T) {
				if testing.Short() && name != "both" {
					t.Skip("one crowd is enough for a short run")
				}
				if _, found := besideCodex(t, "kinring", c.where, c.codex, c.delay); len(found) > 0 {
					t.Error(found)
				}
			})
		}
	})
}

// held makes the server hold a request of the given kind until release is
// called, once it has told arrived of it. Others pass.
type held struct {
	arrived, release chan struct{}
	codex            bool
}

func holdFirst(codex bool) *held {
	return &held{make(chan struct{}, 1), make(chan struct{}), codex}
}

func (h *held) before(r tokenserver.Request) {
	if (r.Agent != tokenserver.Agent) != h.codex || r.Token != tokenserver.Token(1) {
		return
	}
	select {
	case h.arrived <- struct{}{}:
		<-h.release
	default:
	}
}

// contest is one build of Codex beside a new build.
type contest struct {
	where place
	codex build
}

// losers are the contests in which one of the two loses.
func losers() map[string]contest {
	all := map[string]contest{"0.169.0": {inFile, newCodex}}
	if !testing.Short() {
		all["0.145.0"] = contest{inFile, oldCodex}
		all["0.169.0, in the keyring"] = contest{inKeyring, newCodex}
		all["0.145.0, in the keyring"] = contest{inKeyring, oldCodex}
	}
	return all
}

// TestRotationNewBuildLoses: Codex uses the token while the new build's request
// with the same one is on its way. The new build changes nothing and takes over
// what Codex got.
func TestRotationNewBuildLoses(t *testing.T) {
	rotationTest(t, func(t *testing.T) {
		for name, c := range losers() {
			t.Run(name, func(t *testing.T) {
				codex, h := c.codex, holdFirst(false)
				l := newLab(t, "kinring", c.where, tokenserver.Options{Before: h.before})
				loser := l.startUpdate()
				<-h.arrived
				l.codex(codex)
				close(h.release)
				if code, said := l.wait(loser); code != exitCommand || !strings.Contains(said, refreshProgram) {
					t.Errorf("the refused update: exit %d: %s", code, said)
				}
				l.takesOver(l.server.State().Valid)
				if found := l.judge(codex); len(found) > 0 {
					t.Error(found)
				}
			})
		}
	})
}

// takesOver checks that a program that was refused gets the winner's login from
// Rejected, and that every new build has it from then on.
func (l *lab) takesOver(token string) {
	l.Helper()
	ring := l.ring()
	refused, err := ring.Get(l.Context(), "auth")
	if err != nil {
		l.Fatal(err)
	}
	better, err := ring.Rejected(l.Context(), "auth", refused)
	if got := tokenserver.RefreshToken(better.Bytes()); err != nil || got != token {
		l.Errorf("Rejected returned %s, %v; want %s", got, err, token)
	}
	if got := l.sharedToken(); got != token {
		l.Errorf("get then shows %s, want %s", got, token)
	}
}

// TestRotationCodexLoses: the new build uses the token while Codex's request with
// the same one is on its way. What Codex takes over is what the new build
// mirrored.
func TestRotationCodexLoses(t *testing.T) {
	rotationTest(t, func(t *testing.T) {
		for name, c := range losers() {
			t.Run(name, func(t *testing.T) {
				codex, h := c.codex, holdFirst(true)
				l := newLab(t, "kinring", c.where, tokenserver.Options{Before: h.before})
				loser := l.startCodex(codex)
				<-h.arrived
				if code, said := l.update(); code != 0 {
					t.Errorf("update: exit %d: %s", code, said)
				}
				close(h.release)
				l.wait(loser)
				if found := l.judge(codex); len(found) > 0 {
					t.Error(found)
				}
			})
		}
	})
}

// TestRotationKilledInFlight: a new build that is killed while its request is on
// its way leaves a login that only the server has moved on from. The next one is
// told so before it presents the token again.
func TestRotationKilledInFlight(t *testing.T) {
	rotationTest(t, func(t *testing.T) {
		h := holdFirst(false)
		l := newLab(t, "kinring", inFile, tokenserver.Options{Before: h.before})
		killed := l.startUpdate()
		<-h.arrived
		if err := killed.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		close(h.release) // what it ran ends then, and has nobody to tell
		l.wait(killed)
		ring := l.ring()
		told := false
		_, err := ring.Update(t.Context(), "auth", func(_ context.Context, c kinring.Current) ([]byte, error) {
			told = c.Interrupted && c.Found
			return nil, kinring.Keep
		})
		if err != nil || !told {
			t.Errorf("the next update: %v, told of the one that was killed: %v", err, told)
		}
		if times := l.server.State().Seen[tokenserver.Token(1)]; times != 1 {
			t.Errorf("the token was presented %d times", times)
		}
	})
}

// TestRotationSeedRules: the rules that write to the shared store alone and never
// look at legacy again sign somebody out in each of these tests.
func TestRotationSeedRules(t *testing.T) {
	if testing.Short() {
		t.Skip("the seed rules are not among what a short run looks at")
	}
	rotationTest(t, func(t *testing.T) {
		for name, order := range turns(inFile, newCodex) {
			t.Run(name, func(t *testing.T) {
				_, found := takeTurns(t, seedProgram, inFile, newCodex, order)
				wantFlaws(t, found, storesDisagree)
			})
		}
		t.Run("beside Codex", func(t *testing.T) {
			_, found := besideCodex(t, seedProgram, inFile, crowd(newCodex), 0)
			wantFlaws(t, found, storesDisagree, presentedStale, presentedTwice)
		})
	})
}

// wantFlaws wants problems of these kinds among the findings.
func wantFlaws(t *testing.T, found []flaw, want ...problem) {
	t.Helper()
	for _, p := range want {
		if !slices.ContainsFunc(found, func(f flaw) bool { return f.problem == p }) {
			t.Errorf("the judge did not find that %s: %v", p, found)
		}
	}
}
