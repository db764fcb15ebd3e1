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
	return &desk{k, optionsOn(k.Bus)}
}

func optionsOn(b *keyringtest.Bus) Options {
	return Options{Address: b.Address, locks: filepath.Join(b.Home, "locks")}
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

// daemon is what the suite does to a provider.
type daemon interface {
	Lock(testing.TB)
	Unlock(testing.TB)
	Stop(testing.TB)
	Restart(testing.TB)
	Freeze(testing.TB) (thaw func())
}

// place is one provider with a store on it.
type place struct {
	daemon
	options Options
}

func (p place) open(t testing.TB) store.Store {
	t.Helper()
	s, err := Open(t.Context(), p.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // some cases close it themselves
	return s
}

// places finds the place of a store.
type places struct {
	mu sync.Mutex
	by map[store.Store]place
}

func (p *places) of(s store.Store) place {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.by[s]
}

func (p *places) open(t testing.TB, at place) store.Store {
	s := at.open(t)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.by[s] = at
	return s
}

// fault is a trouble of a provider.
type fault struct {
	name       string
	class      *store.Class
	begin, end func(place, testing.TB)
}

var lockedUp = fault{"locked", store.ErrLocked, place.Lock, place.Unlock}

var wentAway = fault{"gone", store.ErrUnavailable, place.Stop, place.Restart}

// closedAndGone: KWallet saves what was written when a wallet is closed, or some
// seconds later.
var closedAndGone = fault{"gone", store.ErrUnavailable, func(p place, t testing.TB) {
	p.Lock(t)
	p.Stop(t)
}, place.Restart}

// restartedLocked: gnome-keyring then shows digests in the place of attributes.
var restartedLocked = fault{"restarted and locked", store.ErrLocked, func(p place, t testing.TB) {
	p.daemon.(*keyringtest.GNOME).RestartLocked(t)
}, place.Unlock}

// suite is what the conformance suite needs to know of a provider. It starts one
// for each store.
func suite(start func(testing.TB) place, faults ...fault) storetest.Target {
	all := &places{by: map[store.Store]place{}}
	out := storetest.Target{
		Open:   func(t testing.TB) store.Store { return all.open(t, start(t)) },
		Reopen: func(t testing.TB, closed store.Store) store.Store { return all.open(t, all.of(closed)) },
		Spawn: func(t testing.TB, s store.Store, env ...string) *exec.Cmd {
			o := all.of(s).options
			return storetest.Reexec(t, append(env, workerAddress+"="+o.Address, workerLocks+"="+o.locks)...)
		},
		Hold: func(t testing.TB, s store.Store) (release func()) { return all.of(s).Freeze(t) },
	}
	for _, f := range faults {
		out.Troubles = append(out.Troubles, storetest.Trouble{Name: f.name, Class: f.class,
			Begin: func(t testing.TB, s store.Store) store.Store { f.begin(all.of(s), t); return s },
			End:   func(t testing.TB, s store.Store) store.Store { f.end(all.of(s), t); return s }})
	}
	return out
}

func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("the whole suite on a real keyring takes half a minute")
	}
	storetest.Run(t, suite(func(t testing.TB) place {
		k := keyringtest.NewGNOME(t)
		return place{k, optionsOn(k.Bus)}
	}, lockedUp, wentAway, restartedLocked))
}

func TestConformanceKWallet(t *testing.T) {
	if testing.Short() {
		t.Skip("the whole suite on a real keyring takes half a minute")
	}
	target := suite(func(t testing.TB) place {
		k := keyringtest.NewKWallet(t)
		return place{k, optionsOn(k.Bus)}
	}, lockedUp, closedAndGone)
	target.Deviations = map[string]string{
		"I1/keys-awkward": "KWallet drops a byte order mark at the beginning of an attribute, so such keys are refused",
	}
	storetest.Run(t, target)
}
