package kinring_test

import (
	"context"
	"slices"
	"testing"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/keychain"
	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// The rules of microsoft/vscode#308990, written anew as a subject, beside
// kinring's on the same stores and through the same troubles. Each test names one
// defect: the seed rules show it, kinring's do not. docs/RELIABILITY.md has the
// table.

// machine is what outlives the programs on it: the stores.
type machine struct {
	t      *testing.T
	shared *storetest.Faults
	legacy *storetest.Faults
	driver *driver
}

func newMachine(t *testing.T) *machine {
	d := newDriver(t)
	m := &machine{t: t, shared: d.shared, legacy: storetest.NewFaults(memory.New()), driver: d}
	machines[t.Name()] = m.legacy
	t.Cleanup(func() { delete(machines, t.Name()) })
	return m
}

// machines are the older builds' stores of the tests that run, for the layout.
var machines = map[string]*storetest.Faults{}

func init() { store.RegisterLayout(machineLayout{}) }

// machineLayout opens a test's own store as a legacy source.
type machineLayout struct{}

func (machineLayout) Name() string                     { return "machine" }
func (machineLayout) Capabilities() store.Capabilities { return memory.New().Info().Capabilities }
func (machineLayout) Canonical(value []byte) []byte    { return value }
func (machineLayout) Open(c store.SourceConfig) (store.Store, error) {
	return unclosed{machines[c.Options["test"]]}, nil
}

// unclosed is a store that survives the programs that close it.
type unclosed struct{ *storetest.Faults }

func (unclosed) Close() error { return nil }

// seedSubject is a program that the user starts: with the seed's rules, or with
// kinring's. An error is what the user is told.
type seedSubject interface {
	get() string // "" is nothing
	set(value string) error
	delete() error
}

// ringProgram has kinring's rules.
type ringProgram struct {
	t    *testing.T
	ring *kinring.Ring
}

func (m *machine) kinring() seedSubject { return m.kinringOn(m.driver) }

func (m *machine) kinringOn(shared store.Driver) seedSubject {
	m.t.Helper()
	ring, err := kinring.Open(m.t.Context(), kinring.Profile{
		Name: "seed", Service: seedKey.Service, Policy: kinring.Policy{Preset: "dual-write"},
		Keys:   kinring.Keys{"auth": {Account: seedKey.Account}},
		Share:  []string{"auth"},
		Legacy: []kinring.Legacy{{Layout: "machine", Options: map[string]string{"test": m.t.Name()}}},
		Team:   macTeam, Group: "com.example.shared",
	}, kinring.WithStore(shared), kinring.WithStateDir(m.t.TempDir()))
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { ring.Close() })
	return ringProgram{m.t, ring}
}

func (p ringProgram) get() string {
	v, _ := p.ring.Get(p.t.Context(), "auth")
	return string(v.Bytes())
}

func (p ringProgram) set(value string) error {
	_, err := p.ring.Set(p.t.Context(), "auth", []byte(value))
	return err
}

func (p ringProgram) delete() error {
	_, err := p.ring.Delete(p.t.Context(), "auth")
	return err
}

var (
	seedKey  = store.Key{Service: "com.example.seed", Account: `{"extensionId":"a.b","key":"c"}`}
	seedFlag = store.Key{Service: "state", Account: "sharedKeychain.migrationDone"}
)

// seedProgram has the seed's rules: every failure of the shared store is logged
// and answered with nothing, and what it does first it does for good.
type seedProgram struct {
	m        *machine
	loaded   store.Store
	loadErr  error
	imported bool
	resolved bool // what kind of storage there is
	early    bool // the rules of its first commit: no migration, and the kind is asked before it is known
	migrated bool
}

func (m *machine) seed() *seedProgram { return &seedProgram{m: m} }

// sharedStore imports the native part once; a failure stays.
func (p *seedProgram) sharedStore() store.Store {
	if !p.imported {
		p.imported = true
		p.loaded, p.loadErr = p.m.driver.Open(context.Background(), store.Family{})
	}
	if p.loadErr != nil {
		return nil
	}
	return p.loaded
}

func read(s store.Store, key store.Key) (string, bool) {
	if s == nil {
		return "", false
	}
	item, err := s.Get(context.Background(), key)
	return string(item.Value.Bytes()), err == nil
}

func write(s store.Store, key store.Key, value string) error {
	if s == nil {
		return nil
	}
	_, err := s.Put(context.Background(), key, store.Item{Value: store.NewValue([]byte(value))}, store.Any())
	return err
}

// shares reports whether the shared store takes part, and settles it afterwards.
func (p *seedProgram) shares() bool {
	known := p.resolved
	p.resolved = true
	return known || !p.early
}

func (p *seedProgram) migrate() {
	if p.migrated || p.early {
		return
	}
	p.migrated = true
	if _, done := read(p.m.legacy, seedFlag); done {
		return
	}
	entries, _ := p.m.legacy.List(context.Background(), seedKey.Service)
	for _, e := range entries {
		if value, ok := read(p.m.legacy, e.Key); ok {
			_ = write(p.sharedStore(), e.Key, value)
		}
	}
	_ = write(p.m.legacy, seedFlag, "1")
}

func (p *seedProgram) get() string {
	p.migrate()
	if p.shares() {
		if value, ok := read(p.sharedStore(), seedKey); ok {
			return value
		}
	}
	value, _ := read(p.m.legacy, seedKey)
	return value
}

func (p *seedProgram) set(value string) error {
	p.migrate()
	if p.shares() {
		_ = write(p.sharedStore(), seedKey, value)
	}
	return write(p.m.legacy, seedKey, value)
}

func (p *seedProgram) delete() error {
	p.migrate()
	if s := p.sharedStore(); s != nil && p.shares() {
		_ = s.Delete(context.Background(), seedKey, store.Any())
	}
	return p.m.legacy.Delete(context.Background(), seedKey, store.Any())
}

// both runs a course with the seed's rules and with kinring's. It returns whether
// a promise was broken.
func both(t *testing.T, course func(t *testing.T, m *machine, start func() seedSubject) (broken bool)) {
	t.Helper()
	t.Run("seed rules", func(t *testing.T) {
		m := newMachine(t)
		if !course(t, m, func() seedSubject { return m.seed() }) {
			t.Error("the seed's rules do not show the defect: the test shows nothing")
		}
	})
	t.Run("kinring", func(t *testing.T) {
		m := newMachine(t)
		if course(t, m, m.kinring) {
			t.Error("kinring has the defect")
		}
	})
}

func (m *machine) older(value string) {
	m.t.Helper()
	did(m.t, write(m.legacy, seedKey, value))
	m.legacy.Reset()
}

// did stops a test whose course did not come to what it is about.
func did(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fails makes all calls of a verb fail until it is called.
func (m *machine) fails(verb storetest.Verb) (end func()) {
	m.shared.Inject(verb, 1, storetest.FailBefore(store.ErrLocked).Forever())
	return m.shared.Reset
}

// TestVSCodeDefect1: the migration counts as done although every write failed, so
// that programs that know the shared store alone never see the secret.
func TestVSCodeDefect1(t *testing.T) {
	both(t, func(t *testing.T, m *machine, start func() seedSubject) bool {
		m.older("login")
		end := m.fails(storetest.VerbPut)
		start().get()
		end()
		start().get()
		_, there := read(m.shared, seedKey)
		return !there
	})
}

// TestVSCodeDefect2: a write whose shared half fails leaves the old shared value,
// which wins.
func TestVSCodeDefect2(t *testing.T) {
	both(t, func(t *testing.T, m *machine, start func() seedSubject) bool {
		did(t, start().set("old"))
		end := m.fails(storetest.VerbPut)
		_ = start().set("new") // that a part failed may be told: the whole is worth more than nothing
		end()
		return start().get() == "old"
	})
}

// TestVSCodeDefect3: a deletion whose shared half fails says nothing, and the
// secret is back.
func TestVSCodeDefect3(t *testing.T) {
	both(t, func(t *testing.T, m *machine, start func() seedSubject) bool {
		did(t, start().set("login"))
		m.fails(storetest.VerbDelete)
		end := m.fails(storetest.VerbPut)
		p := start()
		told := p.delete()
		end()
		if told != nil {
			did(t, p.delete()) // who is told does it again
		}
		return start().get() != ""
	})
}

// TestVSCodeDefect4: the migration overwrites what another program wrote.
func TestVSCodeDefect4(t *testing.T) {
	both(t, func(t *testing.T, m *machine, start func() seedSubject) bool {
		m.older("old")
		did(t, write(m.shared, seedKey, "newer, by another program"))
		start().get()
		value, _ := read(m.shared, seedKey)
		return value == "old"
	})
}

// TestVSCodeDefect5: back to an older build and forward again, the new one shows
// what it had before.
func TestVSCodeDefect5(t *testing.T) {
	both(t, func(t *testing.T, m *machine, start func() seedSubject) bool {
		did(t, start().set("before"))
		m.older("signed in anew with the older build")
		return start().get() == "before"
	})
}

// TestVSCodeDefect6: a change by another program is noticed by nobody. The seed
// has events of legacy only; what it would tell is counted here.
func TestVSCodeDefect6(t *testing.T) {
	both(t, func(t *testing.T, m *machine, start func() seedSubject) bool {
		p := start()
		did(t, p.set("one"))
		r, isRing := p.(ringProgram)
		if !isRing {
			m.legacy.Reset()
			did(t, write(m.shared, seedKey, "two, by another program"))
			changes := slices.ContainsFunc(m.legacy.Calls(), func(c storetest.Call) bool { return c.Verb == storetest.VerbPut })
			return !changes // then no storage event fires
		}
		events := 0
		for e := range r.ring.Watch(t.Context(), "auth") {
			if events++; events == 2 {
				return e.Err != nil || !e.Present
			}
			did(t, write(m.shared, seedKey, "two, by another program"))
		}
		return true
	})
}

// TestVSCodeDefect7: what kind of storage there is was asked before it was known,
// so that the first operation went past the shared store.
func TestVSCodeDefect7(t *testing.T) {
	course := func(t *testing.T, m *machine, start func() seedSubject) bool {
		m.older("old")
		did(t, write(m.shared, seedKey, "shared"))
		return start().get() != "shared"
	}
	t.Run("seed rules", func(t *testing.T) {
		m := newMachine(t)
		if !course(t, m, func() seedSubject { return &seedProgram{m: m, early: true} }) {
			t.Error("the seed's rules do not show the defect: the test shows nothing")
		}
	})
	t.Run("kinring", func(t *testing.T) {
		m := newMachine(t)
		if course(t, m, m.kinring) {
			t.Error("kinring has the defect")
		}
	})
}

// TestVSCodeDefect8: one failure to load the store disables it for the life of
// the process.
func TestVSCodeDefect8(t *testing.T) {
	both(t, func(t *testing.T, m *machine, start func() seedSubject) bool {
		m.older("old")
		m.driver.err = &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Detail: "a module is being replaced"}
		p := start()
		p.get()
		m.driver.err = nil
		did(t, p.set("new"))
		value, _ := read(m.shared, seedKey)
		return value != "new"
	})
}

// TestVSCodeDefect9: any process of the product can ask for any key: what one
// extension keeps to itself ends up where all of them look.
func TestVSCodeDefect9(t *testing.T) {
	both(t, func(t *testing.T, m *machine, start func() seedSubject) bool {
		private := store.Key{Service: seedKey.Service, Account: `{"extensionId":"a.b","key":"its own"}`}
		m.older("login")
		did(t, write(m.legacy, private, "nobody else's"))
		start().get()
		if _, there := read(m.shared, seedKey); !there {
			t.Fatal("nothing is shared: the test shows nothing")
		}
		_, there := read(m.shared, private)
		return there
	})
}

// addon is the seed's native part in a program that holds no access group: then it
// names neither group nor keychain.
type addon struct {
	store.Store
	process *emulator.Process
}

func (a addon) query(key store.Key) secitem.Query {
	return secitem.Query{Keychain: secitem.Unsaid, Service: key.Service, Account: key.Account}
}

func (a addon) Get(_ context.Context, key store.Key) (store.Item, error) {
	q := a.query(key)
	q.ReturnData = true
	items, err := a.process.CopyMatching(q.Dict())
	if err != nil {
		return store.Item{}, err
	}
	return store.Item{Value: store.NewValue(items[0].Data)}, nil
}

func (a addon) Put(_ context.Context, key store.Key, item store.Item, _ store.Condition) (store.Revision, error) {
	q := a.query(key)
	q.Value = item.Value.Bytes()
	return "", a.process.Add(q.Dict())
}

// TestVSCodeDefect10: each read goes to the keychain, and asks the user: whoever
// builds the product anew is another program to the keychain.
func TestVSCodeDefect10(t *testing.T) {
	for name, start := range map[string]func(m *machine, p *emulator.Process) seedSubject{
		"seed rules": func(m *machine, p *emulator.Process) seedSubject {
			return &seedProgram{m: m, imported: true, loaded: addon{process: p}}
		},
		"kinring": func(m *machine, p *emulator.Process) seedSubject {
			return m.kinringOn(keychain.Driver(keychain.Options{Program: mac.New(p), LockDir: m.t.TempDir()}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, desk := newMachine(t), emulator.New()
			desk.SetAnswer(emulator.Script(emulator.Allow))
			build := func(number string) seedSubject {
				return start(m, desk.Run(emulator.Program{Name: "product", Build: number, Attended: true}))
			}
			_ = build("1").set("login") // that it is in the database alone may be told
			if got := build("2").get(); got != "login" {
				t.Errorf("got %q", got)
			}
			if asked := len(desk.Prompts()); (asked > 0) != (name == "seed rules") {
				t.Errorf("a person is asked %d times", asked)
			}
		})
	}
}
