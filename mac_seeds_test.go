package kinring_test

import (
	"errors"
	"testing"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/emulator"
)

func isError(err, want error) bool { return err != nil && errors.Is(err, want) }

// TestMacOpenAndCloseCostNothing: under shared-only neither calls a keychain, nor
// asks anybody.
func TestMacOpenAndCloseCostNothing(t *testing.T) {
	l := newMacLab(t)
	l.older(olderBuild).set("login")
	p := l.run(newBuild, "shared-only")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if n := p.process.Calls(); n != 0 || len(l.mac.Prompts()) != 0 {
		t.Errorf("%d calls, %d questions", n, len(l.mac.Prompts()))
	}
}

// TestMacFirstReadCopies is the left half of the chart of openai/codex#14855: an
// entitled build finds nothing shared, reads the older build's item, and copies
// it. That costs one question; every later read, of any entitled program, costs
// none, and is one call.
func TestMacFirstReadCopies(t *testing.T) {
	l := newMacLab(t)
	old := l.older(olderBuild)
	old.set("login")
	l.mac.SetAnswer(emulator.Script(emulator.Allow))
	l.unchanged(func() {
		p := l.run(newBuild, "shared-only")
		p.want("login", kinring.FromLegacy, 1)
		before := p.process.Calls()
		p.want("login", kinring.FromShared, 0)
		if n := p.process.Calls() - before; n != 1 {
			t.Errorf("a shared hit makes %d calls", n)
		}
		l.run(agentsApp, "shared-only").want("login", kinring.FromShared, 0)
	})
	old.want("login")
}

// TestMacNothingAnywhere: both keychains were looked at, so it is absence (I4).
func TestMacNothingAnywhere(t *testing.T) {
	newMacLab(t).run(newBuild, "shared-only").wantError(kinring.ErrNotFound, 0)
}

// TestMacCopyFails is the chart's "failure" arrow: the value is returned, the
// older build's item stays as it is, and the next read tries again.
func TestMacCopyFails(t *testing.T) {
	l := newMacLab(t)
	l.older(olderBuild).set("login")
	l.mac.SetAnswer(emulator.Script(emulator.AlwaysAllow))
	broken := true
	p := l.start(newBuild, macFamily("shared-only", macTeam), func(m secitem.Mac) secitem.Mac {
		return secitem.Faults{Mac: m, Before: func(call string) error {
			if broken && call == "SecItemAdd" {
				return secitem.ErrInteractionNotAllowed
			}
			return nil
		}}
	})
	l.unchanged(func() { p.want("login", kinring.FromLegacy, 1) })
	broken = false
	p.want("login", kinring.FromLegacy, 0)
	p.want("login", kinring.FromShared, 0)
}

// TestMacWritesSharedOnly is the chart's second line: a new value is in the shared
// item only; the older build keeps reading what it had, without a question.
func TestMacWritesSharedOnly(t *testing.T) {
	l := newMacLab(t)
	old := l.older(olderBuild)
	old.set("before")
	l.unchanged(func() {
		l.run(newBuild, "shared-only").set("after")
		l.run(agentsApp, "shared-only").want("after", kinring.FromShared, 0)
	})
	old.want("before")
}

// TestMacDeleteEverywhere: after a Delete neither build finds the value, and a
// later sign-in by the older build is taken over (I2).
func TestMacDeleteEverywhere(t *testing.T) {
	l := newMacLab(t)
	old := l.older(olderBuild)
	old.set("login")
	l.mac.SetAnswer(emulator.Script(emulator.AlwaysAllow, emulator.AlwaysAllow, emulator.AlwaysAllow))
	p, other := l.run(newBuild, "shared-only"), l.run(agentsApp, "shared-only")
	p.want("login", kinring.FromLegacy, 1)
	if existed, err := p.Delete(t.Context(), "auth"); err != nil || !existed {
		t.Fatalf("delete: %v, %v", existed, err)
	}
	old.wantNothing()
	other.wantError(kinring.ErrNotFound, 0)
	old.set("anew")
	other.want("anew", kinring.FromShared, 1)
	p.want("anew", kinring.FromShared, 0)
}

// TestMacOtherTeamSeesNothing: the same group name, service and account under
// another team is another place; a claim to the first team's group is refused
// before any call.
func TestMacOtherTeamSeesNothing(t *testing.T) {
	l := newMacLab(t)
	l.run(newBuild, "shared-only").set("login")
	own := l.start(stranger, macFamily("shared-only", otherTeam), nil)
	own.wantError(kinring.ErrNotFound, 0)
	if list, err := own.List(t.Context()); err != nil || len(list.Keys) != 0 {
		t.Errorf("list: %v, %v", list, err)
	}
	own.set("its own")
	l.run(agentsApp, "shared-only").want("login", kinring.FromShared, 0)
	claiming := l.run(stranger, "shared-only")
	claiming.wantError(kinring.ErrOutOfReach, 0)
	if _, err := claiming.Set(t.Context(), "auth", []byte("x")); !isError(err, kinring.ErrOutOfReach) {
		t.Errorf("set into another team's group: %v", err)
	}
}

// TestMacUnentitledBuild: every operation of a build that is not signed into the
// group has its answer. Nothing reaches the login keychain by accident.
func TestMacUnentitledBuild(t *testing.T) {
	l := newMacLab(t)
	l.run(newBuild, "shared-only").set("shared login")
	p := l.run(unentitledBuild, "shared-only")
	// Nothing in legacy proves nothing (I4).
	p.wantError(kinring.ErrOutOfReach, 0)
	l.unchanged(func() {
		_, err := p.Set(t.Context(), "auth", []byte("x"))
		var e *kinring.Error
		if !isError(err, kinring.ErrOutOfReach) || !errors.As(err, &e) || e.Advice() == "" {
			t.Errorf("set: %v; want out of reach with a remedy", err)
		}
	})
	old := l.older(olderBuild)
	old.set("older login")
	l.mac.SetAnswer(emulator.Script(emulator.AlwaysAllow))
	p.want("older login", kinring.Unverified, 1)
	p.want("older login", kinring.Unverified, 0)
	if _, err := p.Update(t.Context(), "auth", nil); !isError(err, kinring.ErrOutOfReach) {
		t.Errorf("update: %v", err)
	}
	existed, err := p.Delete(t.Context(), "auth")
	var e *kinring.Error
	if !existed || !errors.As(err, &e) || e.Class != kinring.ErrPartial || len(e.Missing) != 1 || e.Missing[0] != "shared" {
		t.Errorf("delete: %v, %v; want partial without the shared store", existed, err)
	}
	old.wantNothing()
	l.run(agentsApp, "shared-only").want("shared login", kinring.FromShared, 0)
	said := 0
	for _, n := range p.notices {
		if n.Kind == "unverified" {
			said++
		}
	}
	if said != 1 {
		t.Errorf("out of reach was said %d times: %v", said, p.notices)
	}
}

// TestMacUnentitledDualWrite: under dual writes the older build's store is written
// all the same, and the rest is told.
func TestMacUnentitledDualWrite(t *testing.T) {
	l := newMacLab(t)
	old := l.older(olderBuild)
	old.set("before")
	l.mac.SetAnswer(emulator.Script(emulator.AlwaysAllow))
	p := l.run(unentitledBuild, "dual-write")
	_, err := p.Set(t.Context(), "auth", []byte("after"))
	var e *kinring.Error
	if !errors.As(err, &e) || e.Class != kinring.ErrPartial || e.Done[0] != "keychain" || e.Missing[0] != "shared" {
		t.Errorf("set: %v; want partial", err)
	}
	old.want("after")
}

// TestMacDualWrite is microsoft/vscode#308990's chart: the new value is in both,
// the older build reads it without a question, and goes on writing.
func TestMacDualWrite(t *testing.T) {
	l := newMacLab(t)
	old := l.older(olderBuild)
	old.set("first")
	l.mac.SetAnswer(emulator.Script(emulator.AlwaysAllow, emulator.AlwaysAllow))
	code, agents := l.run(newBuild, "dual-write"), l.run(agentsApp, "dual-write")
	code.want("first", kinring.FromShared, 1) // the first operation migrates
	agents.want("first", kinring.FromShared, 1)
	code.set("second")
	old.want("second")
	agents.want("second", kinring.FromShared, 0)
	old.set("third")
	agents.want("third", kinring.FromShared, 0)
	code.want("third", kinring.FromShared, 0)
}

// TestMacNobodyIsAsked: a call that must ask nobody says why it did not answer,
// and that is never absence (I4).
func TestMacNobodyIsAsked(t *testing.T) {
	l := newMacLab(t)
	l.older(olderBuild).set("login")
	p := l.run(newBuild, "shared-only")
	for name, c := range map[string]struct {
		locked bool
		want   error
	}{"not trusted": {false, kinring.ErrDenied}, "locked": {true, kinring.ErrLocked}} {
		l.mac.SetLoginLocked(c.locked)
		if _, err := p.Get(silent(t.Context()), "auth"); !isError(err, c.want) {
			t.Errorf("%s: %v; want %v", name, err, c.want)
		}
	}
	l.wantPrompts(0, 0)
	remote := newBuild
	remote.Attended = false
	l.mac.SetLoginLocked(false)
	l.run(remote, "shared-only").wantError(kinring.ErrDenied, 0)
	if shared := l.mac.Contents().DataProtection; len(shared) != 0 {
		t.Errorf("something was copied: %v", shared)
	}
}

// TestMacPersonSaysNo: a refusal is an answer of its own, copies nothing, and is
// asked again only when somebody reads again.
func TestMacPersonSaysNo(t *testing.T) {
	l := newMacLab(t)
	l.older(olderBuild).set("login")
	p := l.run(newBuild, "shared-only")
	l.unchanged(func() { p.wantError(kinring.ErrCancelled, 1) })
	if st, err := p.Status(t.Context()); err != nil || len(st.Keys) != 1 {
		t.Errorf("status: %+v, %v", st, err)
	}
	l.wantPrompts(0, 1)
	l.mac.SetAnswer(emulator.Script(emulator.Allow))
	p.want("login", kinring.FromLegacy, 1)
}

// TestMacSharedTroubleIsNoAbsence: what is wrong with the shared keychain is said,
// though an older build's value is there (I4, the seed's third defect).
func TestMacSharedTroubleIsNoAbsence(t *testing.T) {
	l := newMacLab(t)
	l.older(olderBuild).set("older")
	p := l.run(newBuild, "shared-only")
	p.set("newer")
	l.mac.SetDevice(emulator.BeforeFirstUnlock)
	p.wantError(kinring.ErrLocked, 0)
	l.mac.SetDevice(emulator.ScreenLocked) // a background program goes on
	p.want("newer", kinring.FromShared, 0)
	l.mac.SetDevice(emulator.Unlocked)
	l.mac.SetService(false)
	p.wantError(kinring.ErrUnavailable, 0)
}

// TestMacLegacyNeverMeetsShared: neither reading nor deleting in the old keychain
// touches an item of the new one, in whatever group of this program (I5, the
// seed's second defect).
func TestMacLegacyNeverMeetsShared(t *testing.T) {
	l := newMacLab(t)
	both := signedBy(macTeam, "both", macGroup, macTeam+".com.example.other")
	process := l.mac.Run(both)
	private := secitem.Query{AccessGroup: macTeam + ".com.example.other", Service: "Example Auth", Account: "person", Value: []byte("private")}
	if err := process.Add(private.Dict()); err != nil {
		t.Fatal(err)
	}
	p := l.run(both, "shared-only")
	p.wantError(kinring.ErrNotFound, 0)
	if existed, err := p.Delete(t.Context(), "auth"); err != nil || existed {
		t.Errorf("delete: %v, %v", existed, err)
	}
	private.Value, private.ReturnData = nil, true
	if items, err := process.CopyMatching(private.Dict()); err != nil || string(items[0].Data) != "private" {
		t.Errorf("the program's private item: %v, %v", items, err)
	}
}

// TestMacSeveralKeychains: an item that several files of the search list hold is
// ambiguous, and nothing is guessed (the seed's seventh defect).
func TestMacSeveralKeychains(t *testing.T) {
	l := newMacLab(t)
	old := l.older(olderBuild)
	old.set("login")
	l.mac.AddSearched("/Users/person/Library/Keychains/work.keychain-db")
	q := olderItem()
	q.Value = []byte("another")
	if err := l.mac.MakeInSearched(old.process, "/Users/person/Library/Keychains/work.keychain-db", q.Dict()); err != nil {
		t.Fatal(err)
	}
	l.unchanged(func() { l.run(newBuild, "shared-only").wantError(kinring.ErrAmbiguous, 0) })
}

// TestMacRollback: going back gives the older build what the new one has.
func TestMacRollback(t *testing.T) {
	l := newMacLab(t)
	old := l.older(olderBuild)
	old.set("before")
	l.mac.SetAnswer(emulator.Script(emulator.AlwaysAllow))
	p := l.run(newBuild, "shared-only")
	p.want("before", kinring.FromLegacy, 1)
	p.set("after")
	key, err := p.Family().Key("auth")
	if err != nil {
		t.Fatal(err)
	}
	if sources, err := p.Rollback(t.Context(), key, false); err != nil || len(sources) != 1 {
		t.Errorf("rollback: %v, %v", sources, err)
	}
	old.want("after")
}
