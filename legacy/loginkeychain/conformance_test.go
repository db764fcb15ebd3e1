package loginkeychain

import (
	"os"
	"testing"

	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/desk"
	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// older is an older build: entitled to nothing, attended.
func older() emulator.Program {
	return emulator.Program{Name: "older", Identifier: "com.example.app", Team: "ABCDE12345", Attended: true}
}

func layoutOf(name string, o Options) store.Layout {
	for _, l := range Layouts(o) {
		if l.Name() == name {
			return l
		}
	}
	panic("no layout " + name)
}

func openAs(t testing.TB, name string, o Options) store.Store {
	t.Helper()
	s, err := layoutOf(name, o).Open(store.SourceConfig{Name: "keychain"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// opened is a source with the emulated Mac behind it.
type opened struct {
	store.Store
	machine *emulator.Mac
	options Options
}

func TestMain(m *testing.M) {
	securityMain()
	os.Exit(m.Run())
}

func target(name string) storetest.Target {
	return storetest.Target{
		Open: func(t testing.TB) store.Store {
			machine := emulator.New()
			o := &opened{machine: machine, options: Options{Program: mac.New(machine.Run(older()))}}
			if name == "macgokeyring" {
				o.options.Tool = asSecurity(t, desk.Share(t, machine.Run(emulator.SecurityTool())))
			}
			o.Store = openAs(t, name, o.options)
			return o
		},
		Reopen: func(t testing.TB, closed store.Store) store.Store {
			o := *closed.(*opened)
			o.Store = openAs(t, name, o.options)
			return &o
		},
		Troubles: []storetest.Trouble{
			{Name: "no keychain", Class: store.ErrUnavailable, Begin: func(_ testing.TB, s store.Store) store.Store {
				s.(*opened).machine.RemoveLogin()
				return s
			}},
		},
	}
}

func TestConformance(t *testing.T) {
	seconds := "the login keychain dates changes to the second"
	t.Run("mackeyring", func(t *testing.T) {
		g := target("mackeyring")
		g.Deviations = map[string]string{"I3/revisions": seconds}
		storetest.Run(t, g)
	})
	t.Run("mackeyring99", func(t *testing.T) {
		g := target("mackeyring99")
		g.Deviations = map[string]string{"I3/revisions": seconds}
		storetest.Run(t, g)
	})
	t.Run("macgokeyring", func(t *testing.T) {
		if testing.Short() {
			t.Skip("each call runs a command")
		}
		g := target("macgokeyring")
		lines := "the security command takes one line a command"
		g.Deviations = map[string]string{"I3/revisions": seconds, "I1/keys-awkward": lines, "I1/keys-boundary": lines}
		storetest.Run(t, g)
	})
	t.Run("macsafekey", func(t *testing.T) {
		g := target("macsafekey")
		key := SafeStorageKey("Example")
		g.Holds = []storetest.Held{{Key: key, Value: []byte("bWFkZSB1cCBwYXNzd29yZA==")}}
		open := g.Open
		g.Open = func(t testing.TB) store.Store {
			o := open(t).(*opened)
			app := o.machine.Run(older())
			if err := app.Add(secitem.Query{Keychain: secitem.Login, Service: key.Service, Account: key.Account, Value: g.Holds[0].Value}.Dict()); err != nil {
				t.Fatal(err)
			}
			return o
		}
		storetest.Run(t, g)
	})
}
