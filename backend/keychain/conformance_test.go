package keychain

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/desk"
	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/internal/secitem/secitemtest"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

const (
	team  = "ABCDE12345"
	group = team + ".com.example.shared"
)

var family = store.Family{Name: "example", Service: "com.example", Team: team, Group: "com.example.shared"}

// entitled is a program of the family.
func entitled(name string) emulator.Program {
	return emulator.Program{Name: name, Identifier: "com.example." + name, Team: team, Validated: true,
		Entitlements: map[string]any{secitem.EntitlementAccessGroups: []string{group}, secitem.EntitlementTeam: team}}
}

// opened is a store with the emulated Mac behind it.
type opened struct {
	store.Store
	machine *emulator.Mac
	desk    string // the socket that serves it
	program secitem.Mac
	gate    *sync.RWMutex // held up while it is locked
}

func openOn(t testing.TB, m secitem.Mac) store.Store {
	t.Helper()
	s, err := Driver(Options{Program: mac.New(m), LockDir: t.TempDir()}).Open(t.Context(), family)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// deskVariable tells a worker which Mac to use.
const deskVariable = "KINRING_TEST_DESK"

// openWorker opens a worker's store: on the Mac that is served to it.
var openWorker = func(ctx context.Context) (store.Store, error) {
	remote, err := desk.Dial(os.Getenv(deskVariable))
	if err != nil {
		return nil, err
	}
	return Driver(Options{Program: mac.New(remote)}).Open(ctx, family)
}

func TestMain(m *testing.M) {
	storetest.WorkerMain(func() (store.Store, error) { return openWorker(context.Background()) })
	os.Exit(m.Run())
}

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Target{
		Open: func(t testing.TB) store.Store {
			machine := emulator.New()
			p, gate := secitemtest.Gate(machine.Run(entitled("app")))
			return &opened{openOn(t, p), machine, desk.Share(t, p), p, gate}
		},
		Reopen: func(t testing.TB, closed store.Store) store.Store {
			o := closed.(*opened)
			return &opened{openOn(t, o.program), o.machine, o.desk, o.program, o.gate}
		},
		Spawn: func(t testing.TB, s store.Store, env ...string) *exec.Cmd {
			return storetest.Reexec(t, append(env, deskVariable+"="+s.(*opened).desk)...)
		},
		Hold: func(_ testing.TB, s store.Store) func() {
			g := s.(*opened).gate
			g.Lock()
			return g.Unlock
		},
		Troubles: []storetest.Trouble{
			trouble("before the first unlock", store.ErrLocked, func(m *emulator.Mac) { m.SetDevice(emulator.BeforeFirstUnlock) },
				func(m *emulator.Mac) { m.SetDevice(emulator.Unlocked) }),
			trouble("no service", store.ErrUnavailable, func(m *emulator.Mac) { m.SetService(false) },
				func(m *emulator.Mac) { m.SetService(true) }),
			{Name: "not entitled", Class: store.ErrUnavailable, Begin: func(t testing.TB, s store.Store) store.Store {
				o := s.(*opened)
				p := mac.New(o.machine.Run(emulator.Program{Name: "stranger"}))
				return &opened{&keychain{program: p, group: group}, o.machine, o.desk, o.program, o.gate}
			}},
		},
	})
}

func trouble(name string, class *store.Class, begin, end func(*emulator.Mac)) storetest.Trouble {
	do := func(f func(*emulator.Mac)) func(testing.TB, store.Store) store.Store {
		return func(_ testing.TB, s store.Store) store.Store {
			f(s.(*opened).machine)
			return s
		}
	}
	return storetest.Trouble{Name: name, Class: class, Begin: do(begin), End: do(end)}
}
