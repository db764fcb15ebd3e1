package secretservice

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// workerAddress and workerLocks tell a process that a test has started where the
// keyring and its fences are.
const (
	workerAddress = "KINRING_SECRETSERVICE_TEST_ADDRESS"
	workerLocks   = "KINRING_SECRETSERVICE_TEST_LOCKS"
)

func workerOptions() Options {
	return Options{Address: os.Getenv(workerAddress), locks: os.Getenv(workerLocks)}
}

func TestMain(m *testing.M) {
	storetest.WorkerMain(func() (store.Store, error) { return Open(context.Background(), workerOptions()) })
	if os.Getenv(servantVariable) != "" {
		servantMain()
	}
	os.Exit(m.Run())
}

// desk is a keyring as a test uses it: with fences of its own.
type desk struct {
	*keyringtest.GNOME
	options Options
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	k := keyringtest.NewGNOME(t)
	return &desk{k, Options{Address: k.Bus.Address, locks: filepath.Join(k.Bus.Home, "locks")}}
}

func (d *desk) open(t testing.TB) *keyring {
	t.Helper()
	s, err := open(t.Context(), d.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // some tests close it themselves
	return s
}

// environment is what a worker needs to open the same store.
func (d *desk) environment() []string {
	return []string{workerAddress + "=" + d.options.Address, workerLocks + "=" + d.options.locks}
}

func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("the whole suite on a real keyring takes half a minute")
	}
	var mu sync.Mutex
	desks := map[store.Store]*desk{}
	of := func(s store.Store) *desk {
		mu.Lock()
		defer mu.Unlock()
		return desks[s]
	}
	open := func(t testing.TB, d *desk) store.Store {
		s := d.open(t)
		mu.Lock()
		defer mu.Unlock()
		desks[s] = d
		return s
	}
	storetest.Run(t, storetest.Target{
		Open:   func(t testing.TB) store.Store { return open(t, newDesk(t)) },
		Reopen: func(t testing.TB, closed store.Store) store.Store { return open(t, of(closed)) },
		Spawn: func(t testing.TB, s store.Store, env ...string) *exec.Cmd {
			return storetest.Reexec(t, append(env, of(s).environment()...)...)
		},
		Hold: func(t testing.TB, s store.Store) (release func()) { return of(s).Freeze(t) },
		Troubles: []storetest.Trouble{
			{Name: "locked", Class: store.ErrLocked,
				Begin: func(t testing.TB, s store.Store) store.Store { of(s).Lock(t); return s },
				End:   func(t testing.TB, s store.Store) store.Store { of(s).Unlock(t); return s }},
			{Name: "restarted and locked", Class: store.ErrLocked,
				Begin: func(t testing.TB, s store.Store) store.Store { of(s).RestartLocked(t); return s },
				End:   func(t testing.TB, s store.Store) store.Store { of(s).Unlock(t); return s }},
			{Name: "gone", Class: store.ErrUnavailable,
				Begin: func(t testing.TB, s store.Store) store.Store { of(s).Stop(t); return s },
				End:   func(t testing.TB, s store.Store) store.Store { of(s).Restart(t); return s }},
		},
	})
}
