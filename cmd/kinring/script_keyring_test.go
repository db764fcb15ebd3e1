package main

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kinring/kinring/internal/keyringtest"
)

func needKeyring(t *testing.T) {
	keyringtest.Find(t)
}

// TestKeyringScripts runs each script in a session of its own: with a bus on
// which nothing runs yet, until the script says `keyring start`.
func TestKeyringScripts(t *testing.T) {
	params := scriptParams(t, "keyring")
	sessions := &sessions{t: t, by: map[string]*session{}}
	params.Setup = sessions.setup
	params.Cmds["keyring"] = sessions.command
	testscript.Run(t, params)
}

// sessions are the desktop sessions of scripts, by the script's directory.
type sessions struct {
	t  *testing.T
	mu sync.Mutex
	by map[string]*session
}

type session struct {
	bus   *keyringtest.Bus
	gnome *keyringtest.GNOME
}

func (s *sessions) setup(e *testscript.Env) error {
	if err := isolate(e); err != nil {
		return err
	}
	bus := keyringtest.NewBus(s.t)
	e.Setenv("DBUS_SESSION_BUS_ADDRESS", bus.Address)
	e.Setenv("XDG_RUNTIME_DIR", filepath.Join(bus.Home, "run"))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by[e.WorkDir] = &session{bus: bus}
	return nil
}

// command is `keyring start|start-bare|lock|unlock|stop|restart|restart-locked|
// freeze|activatable`. The last one gives the script another session, whose bus
// would start a keyring for whoever asks, and leaves $WORK/started if it does.
func (s *sessions) command(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keyring VERB")
	}
	s.mu.Lock()
	this := s.by[ts.Getenv("WORK")]
	s.mu.Unlock()
	switch args[0] {
	case "start":
		this.gnome = this.bus.StartGNOME(s.t)
	case "start-bare":
		this.gnome = this.bus.StartGNOMEBare(s.t)
	case "lock":
		this.gnome.Lock(s.t)
	case "unlock":
		this.gnome.Unlock(s.t)
	case "stop":
		this.gnome.Stop(s.t)
	case "restart":
		this.gnome.Restart(s.t)
	case "restart-locked":
		this.gnome.RestartLocked(s.t)
	case "activatable":
		program := `/bin/sh -c "touch ` + ts.MkAbs("started") + `; exit 1"`
		this.bus = keyringtest.NewActivatingBus(s.t, keyringtest.Service{Name: keyringtest.Name, Program: program})
		ts.Setenv("DBUS_SESSION_BUS_ADDRESS", this.bus.Address)
	case "freeze":
		ts.Defer(this.gnome.Freeze(s.t))
	default:
		ts.Fatalf("keyring cannot %s", args[0])
	}
}
