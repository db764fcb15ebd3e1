package vault

import (
	"os/exec"
	"testing"

	"github.com/kinring/kinring/internal/litedb"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Target{
		Open:   func(t testing.TB) store.Store { return openVault(t, newVault(t)) },
		Reopen: func(t testing.TB, closed store.Store) store.Store { return openVault(t, closed.Info().ID) },
		Spawn: func(t testing.TB, s store.Store, env ...string) *exec.Cmd {
			return storetest.Reexec(t, append(env, workerPath+"="+s.Info().ID)...)
		},
		Hold: hold,
		Troubles: []storetest.Trouble{
			{Name: "damaged", Class: store.ErrCorrupt, Begin: damage},
		},
	})
}

func TestConformanceReadOnly(t *testing.T) {
	held := []storetest.Held{{Key: key("held"), Value: []byte(sentinel)}}
	storetest.Run(t, storetest.Target{
		Holds: held,
		Open: func(t testing.TB) store.Store {
			path := newVault(t)
			s := openVault(t, path)
			mustPut(t, s, "held", sentinel)
			mustClose(t, s)
			return openReadOnly(t, path)
		},
		Reopen: func(t testing.TB, closed store.Store) store.Store { return openReadOnly(t, closed.Info().ID) },
		Spawn: func(t testing.TB, s store.Store, env ...string) *exec.Cmd {
			return storetest.Reexec(t, append(env, workerPath+"="+s.Info().ID)...)
		},
	})
}

func openReadOnly(t testing.TB, path string) store.Store {
	t.Helper()
	o := options(path)
	o.ReadOnly = true
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// hold takes every connection for reading, and begins a write beside the store
// that does not end: readers are never held up by that alone.
func hold(t testing.TB, s store.Store) (release func()) {
	f := s.(*vaultStore).file
	f.joinSharedMemory()
	other, err := openConn(t.Context(), f.path, accessWrite)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	for range maxReaders {
		f.slots <- struct{}{}
	}
	return func() {
		for range maxReaders {
			<-f.slots
		}
		if err := other.Exec("ROLLBACK"); err != nil {
			t.Error(err)
		}
		if err := other.Close(); err != nil {
			t.Error(err)
		}
	}
}

// damage overwrites every value in a closed vault, as nobody with the key would.
func damage(t testing.TB, s store.Store) store.Store {
	path := s.Info().ID
	mustClose(t, s)
	sqlExec(t, path, "UPDATE items SET value = zeroblob(length(value))")
	return openVault(t, path)
}

// sqlExec changes a vault's file behind kinring's back, and without its limits.
func sqlExec(t testing.TB, path, query string, args ...any) {
	t.Helper()
	n, err := litedb.Open(t.Context(), litedb.Address(path, string(accessWrite)))
	if err == nil {
		err = n.PersistWAL()
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Script(query, args...); err != nil {
		t.Error(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}
