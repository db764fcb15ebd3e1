// Package kinringtest helps programs that use kinring to test what they do with
// it: in memory, in throwaway folders, without a keyring and without touching
// anything of whoever runs the test.
//
//	ring := kinringtest.New(t, kinringtest.WithProfile(profile))
//
// gives a ring of the program's own family. Its shared store is in memory. The
// older builds' stores are folders, whatever layout the profile names: they hold
// any value, and the order, names and keys of the sources are the profile's.
// [OlderBuild] plays an older build, [Beside] another program of the family that
// runs at the same time, and [Fail] makes the shared store fail as a keyring
// may. The package keeps no state of its own: tests may run in parallel.
package kinringtest

import (
	"context"
	"path/filepath"
	"strconv"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// TB is what this package needs of a test: every testing.TB is one.
type TB interface {
	Helper()
	Cleanup(func())
	TempDir() string
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Option adjusts what New makes.
type Option func(*driver)

// WithProfile makes a ring of this family instead of a made-up one. Its variables
// point into a throwaway folder, whatever the environment says; the environment
// variables of its keys stay in force. Sources are in use whatever an older
// build's configuration would say.
func WithProfile(p kinring.Profile) Option { return func(d *driver) { d.profile = p } }

// WithOptions opens the ring with more options, say its budget or who is told of
// notices.
func WithOptions(options ...kinring.Option) Option {
	return func(d *driver) { d.options = append(d.options, options...) }
}

// New returns a ring that is closed and forgotten when the test ends.
func New(t TB, options ...Option) *kinring.Ring {
	t.Helper()
	d := &driver{dir: t.TempDir(), faults: storetest.NewFaults(memory.New()), profile: madeUp()}
	t.Cleanup(func() {
		if err := d.faults.Close(); err != nil {
			t.Errorf("kinringtest: closing the store: %v", err)
		}
	})
	for _, option := range options {
		option(d)
	}
	d.confine()
	return d.open(t)
}

// Beside returns a ring for another program of the same family, on the same
// stores as a ring that New returned.
func Beside(t TB, ring *kinring.Ring) *kinring.Ring {
	t.Helper()
	return driverOf(t, ring).open(t)
}

// madeUp is the family of a test that names none: a login that rotates, and one
// store of older builds.
func madeUp() kinring.Profile {
	return kinring.Profile{
		Name:    "kinringtest",
		Service: "com.example.kinringtest",
		Policy:  kinring.Policy{Preset: "shared-only"},
		Keys:    kinring.Keys{"auth": {Account: "login", Rotates: true}},
		Legacy:  []kinring.Legacy{{Layout: folderLayout, Name: "older"}},
	}
}

// driver opens the stores of one family for the rings of one test.
type driver struct {
	dir     string
	faults  *storetest.Faults
	profile kinring.Profile
	options []kinring.Option
}

// confine keeps the profile inside the test's own folder.
func (d *driver) confine() {
	vars := map[string]kinring.Var{}
	for name, v := range d.profile.Vars {
		vars[name] = kinring.Var{Default: filepath.Join(d.dir, "vars", name), Form: v.Form}
	}
	var legacy []kinring.Legacy
	for i, l := range d.profile.Legacy {
		legacy = append(legacy, kinring.Legacy{Layout: folderLayout, Name: l.SourceName(), OS: l.OS, Keys: l.Keys, Path: d.folder(i)})
	}
	d.profile.Vars, d.profile.Legacy = vars, legacy
}

// folder is where the i-th source of the older builds is.
func (d *driver) folder(i int) string { return filepath.Join(d.dir, "legacy", strconv.Itoa(i)) }

func (d *driver) open(t TB) *kinring.Ring {
	t.Helper()
	options := append([]kinring.Option{kinring.WithStateDir(filepath.Join(d.dir, "state"))}, d.options...)
	ring, err := kinring.Open(t.Context(), d.profile, append(options, kinring.WithStore(d))...)
	if err != nil {
		t.Fatalf("kinringtest: %v", err)
	}
	t.Cleanup(func() {
		if err := ring.Close(); err != nil {
			t.Errorf("kinringtest: closing the ring: %v", err)
		}
	})
	return ring
}

// driverOf returns what New made a ring with.
func driverOf(t TB, ring *kinring.Ring) *driver {
	t.Helper()
	d, ok := ring.Driver().(*driver)
	if !ok {
		t.Fatalf("kinringtest: the ring's store is %s; make the ring with kinringtest.New", ring.StoreKind())
	}
	return d
}

// Kind returns memory.
func (d *driver) Kind() string { return memory.Kind }

// Capabilities are those of a store that the family's programs share: items
// outlive the ring that wrote them.
func (d *driver) Capabilities() store.Capabilities {
	caps := memory.Capabilities()
	caps.Persistent = true
	return caps
}

// Open returns a way to the one store of the test.
func (d *driver) Open(ctx context.Context, _ store.Family) (store.Store, error) {
	if err := store.FromContext(ctx); err != nil {
		return nil, err
	}
	return shared{d.faults, d}, nil
}

// shared is one ring's way to the store.
type shared struct {
	*storetest.Faults
	driver *driver
}

// Info describes the store.
func (s shared) Info() store.Info {
	info := s.Faults.Info()
	info.Capabilities = s.driver.Capabilities()
	return info
}

// LockDir is where the leases on the test's keys are.
func (s shared) LockDir() string { return filepath.Join(s.driver.dir, "locks") }

// Close leaves the store to the other rings.
func (s shared) Close() error { return nil }
