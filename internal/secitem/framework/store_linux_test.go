package framework

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kinring/kinring/backend/keychain"
	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/desk"
	"github.com/kinring/kinring/internal/secitem/secitemtest"
	"github.com/kinring/kinring/legacy/loginkeychain"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// The store on top of all this, held to its contract through the FFI.

const (
	socketVariable = "KINRING_TEST_FRAMEWORK_SOCKET"
	groupVariable  = "KINRING_TEST_FRAMEWORK_GROUP"
)

// ring is an open store. The libraries have one keychain in a process, so every
// store has an access group of its own.
type ring struct {
	store.Store
	mac  secitem.Mac
	name string
	gate *sync.RWMutex
}

func family(name string) store.Family {
	return store.Family{Name: "example", Service: "com.example", Team: secitemtest.Team, Group: name}
}

func openStore(ctx context.Context, m secitem.Mac, name, locks string) (store.Store, error) {
	return keychain.Driver(keychain.Options{Program: mac.New(m), LockDir: locks}).Open(ctx, family(name))
}

func (r *ring) open(t testing.TB) store.Store {
	t.Helper()
	s, err := openStore(t.Context(), r.mac, r.name, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r.Store = s
	return r
}

// worker is what another process of the suite opens: the same libraries, through
// the process that has them.
func worker() (store.Store, error) {
	m, err := desk.Dial(os.Getenv(socketVariable))
	if err != nil {
		return nil, err
	}
	return openStore(context.Background(), m, os.Getenv(groupVariable), os.TempDir())
}

// TestStore: the whole contract of a store, and its failures.
func TestStore(t *testing.T) {
	if testing.Short() {
		t.Skip("the emulator is held to the same contract in backend/keychain")
	}
	d := open(t)
	socket := desk.Share(t, d)
	var names []string
	var count atomic.Int64
	storetest.Run(t, storetest.Target{
		Open: func(t testing.TB) store.Store {
			r := &ring{name: fmt.Sprintf("group%d", count.Add(1))}
			names = append(names, secitemtest.Team+"."+r.name)
			d.member(t, secitem.EntitlementAccessGroups, names...)
			r.mac, r.gate = secitemtest.Gate(d)
			return r.open(t)
		},
		Reopen: func(t testing.TB, closed store.Store) store.Store { r := *closed.(*ring); return r.open(t) },
		Spawn: func(t testing.TB, s store.Store, env ...string) *exec.Cmd {
			cmd := storetest.Reexec(t, append(env, socketVariable+"="+socket, groupVariable+"="+s.(*ring).name)...)
			cmd.Path = cmp.Or(os.Getenv(selfVariable), cmd.Path)
			return cmd
		},
		Hold: func(_ testing.TB, s store.Store) func() {
			g := s.(*ring).gate
			g.Lock()
			return g.Unlock
		},
		Troubles: []storetest.Trouble{
			{Name: "locked", Class: store.ErrLocked,
				Begin: func(_ testing.TB, s store.Store) store.Store { d.lock(1); return s },
				End:   func(_ testing.TB, s store.Store) store.Store { d.lock(0); return s }},
		},
	})
}

// TestLegacySource: the same for older builds' items in the login keychain.
func TestLegacySource(t *testing.T) {
	if testing.Short() {
		t.Skip("the emulator is held to the same contract in legacy/loginkeychain")
	}
	d := open(t)
	d.sessionIs(graphicAccess, keychainUnlocked|keychainReadable|keychainWritable, 0)
	program := mac.New(d)
	source := func(t testing.TB) store.Store {
		for _, l := range loginkeychain.Layouts(loginkeychain.Options{Program: program}) {
			if l.Name() != "mackeyring" {
				continue
			}
			s, err := l.Open(store.SourceConfig{Name: "keychain"})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		t.Fatal("there is no such layout")
		return nil
	}
	storetest.Run(t, storetest.Target{
		// The cases run one after the other, so each may have the keychain empty.
		Open:       func(t testing.TB) store.Store { d.clear(t); return source(t) },
		Reopen:     func(t testing.TB, _ store.Store) store.Store { return source(t) },
		Deviations: map[string]string{"I3/revisions": "the login keychain dates changes to the second"},
	})
}

// clear empties the login keychain.
func (d *double) clear(t testing.TB) {
	t.Helper()
	all := secitem.Query{Keychain: secitem.Login, All: true}
	if err := d.Delete(all.Dict()); err != nil && err != error(secitem.ErrItemNotFound) {
		t.Fatal(err)
	}
}
