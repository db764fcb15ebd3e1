package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kinring/kinring/backend/keychain"
	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/desk"
	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/legacy/loginkeychain"
	"github.com/kinring/kinring/store"
)

// The command, run as several programs of one emulated Mac: each run is a process
// of its own. Nothing of it has run on a real Mac.

const (
	// macProgram is the command with the Mac behind it that deskVariable names.
	macProgram   = "mackinring"
	deskVariable = "KINRING_TEST_DESK"
	// emulatedLayout is mackeyring on that Mac: the real one is for macOS alone.
	emulatedLayout = "emulated"
)

func init() { scripts["mac"] = func(*testing.T) {} }

// leaveKeychainsAlone gives a process of the tests an empty Mac of its own where
// there is a real one, on which somebody may be signed in to Codex.
func leaveKeychainsAlone() {
	if runtime.GOOS == "darwin" {
		mac.StandIn(mac.New(emulator.New().Run(macPrograms()["gorun"])))
	}
}

func TestMacScripts(t *testing.T) {
	p := scriptParams(t, "mac")
	p.Setup = func(e *testscript.Env) error {
		if err := isolate(e); err != nil {
			return err
		}
		return setUpMac(e)
	}
	p.Cmds["login"], p.Cmds["machine"] = loginItem, machine
	testscript.Run(t, p)
}

// macMain is the command as one program on the Mac.
func macMain() {
	m, err := desk.Dial(os.Getenv(deskVariable))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitInternal)
	}
	program := mac.New(m)
	for _, l := range loginkeychain.Layouts(loginkeychain.Options{Program: program}) {
		if l.Name() == "mackeyring" {
			store.RegisterLayout(emulated{l})
		}
	}
	a := &app{console: systemConsole()}
	a.keychain = keychain.Options{Program: program, LockDir: filepath.Join(os.Getenv("HOME"), "locks")}
	os.Exit(a.run(os.Args[1:]))
}

type emulated struct{ store.Layout }

func (emulated) Name() string { return emulatedLayout }

// macPrograms are those of a script, by the variable that holds their socket.
// newapp is what app became: the same program, entitled.
func macPrograms() map[string]emulator.Program {
	const team = "ABCDE12345"
	signed := func(name, id, team string, groups ...string) emulator.Program {
		p := emulator.Program{Name: name, Identifier: id, Team: team, Attended: true}
		if len(groups) > 0 {
			p.Validated = true
			p.Entitlements = map[string]any{secitem.EntitlementAccessGroups: groups}
		}
		return p
	}
	return map[string]emulator.Program{
		"app":      signed("app", "com.example.app", team),
		"newapp":   signed("newapp", "com.example.app", team, team+".com.example.shared"),
		"helper":   signed("helper", "com.example.helper", team, team+".com.example.shared"),
		"stranger": signed("stranger", "com.example.stranger", "ZYXWV98765", "ZYXWV98765.com.example.shared"),
		"wildcard": signed("wildcard", "com.example.wildcard", team, team+".*"),
		"gorun":    {Name: "gorun", Build: "1", Attended: true},
	}
}

type macKey struct{}

// setUpMac makes a script's Mac and a socket for each program.
func setUpMac(e *testscript.Env) error {
	m := emulator.New()
	e.Values[macKey{}] = m
	for name, p := range macPrograms() {
		socket, done, err := desk.Open(m.Run(p))
		if err != nil {
			return err
		}
		e.Defer(done)
		e.Vars = append(e.Vars, name+"="+socket)
	}
	e.Vars = append(e.Vars, "KINRING_FAMILY=", "KINRING_PROFILE="+filepath.Join(e.WorkDir, "family.toml"))
	return nil
}

// loginItem is what an older build does in the login keychain: `login PROGRAM set
// VALUE`, `login PROGRAM is VALUE` or `login PROGRAM none`.
func loginItem(ts *testscript.TestScript, _ bool, args []string) {
	m := ts.Value(macKey{}).(*emulator.Mac)
	process := m.Run(macPrograms()[args[0]])
	q := secitem.Query{Keychain: secitem.Login, Service: "Example Auth", Account: "person"}
	switch args[1] {
	case "set":
		add := q
		add.Value = []byte(args[2])
		err := process.Add(add.Dict())
		if errors.Is(err, secitem.ErrDuplicateItem) {
			err = process.Update(q.Dict(), secitem.Change{Value: []byte(args[2])}.Dict())
		}
		ts.Check(err)
	case "is":
		q.ReturnData = true
		items, err := process.CopyMatching(q.Dict())
		ts.Check(err)
		if string(items[0].Data) != args[2] {
			ts.Fatalf("the login keychain has %q, want %q", items[0].Data, args[2])
		}
	case "none":
		if _, err := process.CopyMatching(q.Dict()); !errors.Is(err, secitem.ErrItemNotFound) {
			ts.Fatalf("the login keychain has something: %v", err)
		}
	}
}

// machine changes the Mac: `machine lock-login`, `machine unlock-login`, `machine
// remove-login` (its file), `machine before-first-unlock`, `machine an-hour-ago` (what is written is dated then: no
// date is so fresh that it says nothing). `machine answer WORD…` says what a person answers, in
// order, and `machine asked KIND…` what the person has been asked since; `machine
// unprompted` is that nobody ever was.
func machine(ts *testscript.TestScript, _ bool, args []string) {
	m := ts.Value(macKey{}).(*emulator.Mac)
	switch args[0] {
	case "lock-login":
		m.SetLoginLocked(true)
	case "unlock-login":
		m.SetLoginLocked(false)
	case "remove-login":
		m.RemoveLogin()
	case "before-first-unlock":
		m.SetDevice(emulator.BeforeFirstUnlock)
	case "an-hour-ago":
		m.SetClock(func() time.Time { return time.Now().Add(-time.Hour) })
	case "answer":
		var answers []emulator.Answer
		for _, word := range args[1:] {
			answer, known := map[string]emulator.Answer{"deny": emulator.Deny, "allow": emulator.Allow, "always": emulator.AlwaysAllow}[word]
			if !known {
				ts.Fatalf("machine answer %s", word)
			}
			answers = append(answers, answer)
		}
		m.SetAnswer(emulator.Script(answers...))
		ts.Setenv("ASKED", fmt.Sprint(len(m.Prompts())))
	case "asked":
		before, err := strconv.Atoi(cmp.Or(ts.Getenv("ASKED"), "0"))
		ts.Check(err)
		var kinds []string
		for _, p := range m.Prompts()[before:] {
			kinds = append(kinds, string(p.Kind))
		}
		if !slices.Equal(kinds, args[1:]) {
			ts.Fatalf("a person was asked for %q, want %q", kinds, args[1:])
		}
	case "unprompted":
		if seen := m.Prompts(); len(seen) > 0 {
			ts.Fatalf("a person was asked: %v", seen)
		}
	default:
		ts.Fatalf("machine %s", args[0])
	}
}
