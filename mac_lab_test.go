package kinring_test

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/keychain"
	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/legacy/loginkeychain"
	"github.com/kinring/kinring/store"
)

// The programs of the seeds' charts, on an emulated Mac. None of this has run on
// a real one.
const (
	macTeam   = "ABCDE12345"
	macGroup  = macTeam + ".com.example.shared"
	otherTeam = "ZYXWV98765"
)

// signedBy is a program of a team, entitled to the groups, with a person in front
// of it.
func signedBy(team, name string, groups ...string) emulator.Program {
	p := emulator.Program{Name: name, Identifier: "com.example." + name, Team: team, Attended: true, Entitlements: map[string]any{}}
	if len(groups) > 0 {
		p.Validated = true
		p.Entitlements[secitem.EntitlementAccessGroups] = groups
		p.Entitlements[secitem.EntitlementTeam] = team
	}
	return p
}

var (
	olderBuild = signedBy(macTeam, "app") // the same app as newBuild, before it was entitled
	newBuild   = signedBy(macTeam, "app-new", macGroup)
	agentsApp  = signedBy(macTeam, "agents", macGroup)
	stranger   = signedBy(otherTeam, "stranger", otherTeam+".com.example.shared")
	// unentitledBuild is what go run, Homebrew or a developer's machine makes.
	unentitledBuild = emulator.Program{Name: "go-run", Build: "1", Attended: true}
)

// macLab is a Mac, a folder for what kinring keeps beside, and rings of programs.
type macLab struct {
	*testing.T
	mac *emulator.Mac
	dir string
}

func newMacLab(t *testing.T) *macLab { return &macLab{t, emulator.New(), t.TempDir()} }

// layouts counts the layouts that tests register, each for one program.
var layouts atomic.Int64

type renamed struct {
	store.Layout
	name string
}

func (r renamed) Name() string { return r.name }

// keyringOf registers the login keychain as one program sees it, and returns the
// layout's name.
func keyringOf(p *mac.Program) string {
	name := fmt.Sprintf("test-mackeyring-%d", layouts.Add(1))
	for _, l := range loginkeychain.Layouts(loginkeychain.Options{Program: p}) {
		if l.Name() == "mackeyring" {
			store.RegisterLayout(renamed{l, name})
		}
	}
	return name
}

// program is one running program with its ring.
type program struct {
	*kinring.Ring
	lab     *macLab
	process *emulator.Process
	notices []kinring.Notice
}

// macFamily is the family of the tests: a login that older builds keep in the
// login keychain.
func macFamily(preset, team string) kinring.Profile {
	return kinring.Profile{
		Name: "example", Team: team, Group: "com.example.shared", Service: "Example Auth",
		Policy: kinring.Policy{Preset: preset},
		Keys:   kinring.Keys{"auth": {Account: "person"}},
		Legacy: []kinring.Legacy{{Layout: "set by start", Name: "keychain"}},
	}
}

// start opens a ring for a program. Whatever its mac does goes through wrap, if
// that is not nil.
func (l *macLab) start(p emulator.Program, profile kinring.Profile, wrap func(secitem.Mac) secitem.Mac, options ...kinring.Option) *program {
	l.Helper()
	out := &program{lab: l, process: l.mac.Run(p)}
	var m secitem.Mac = out.process
	if wrap != nil {
		m = wrap(m)
	}
	calling := mac.New(m)
	profile.Legacy = []kinring.Legacy{{Layout: keyringOf(calling), Name: "keychain"}}
	options = append([]kinring.Option{
		kinring.WithStore(keychain.Driver(keychain.Options{Program: calling, LockDir: filepath.Join(l.dir, "locks")})),
		kinring.WithStateDir(filepath.Join(l.dir, "state", p.Team)),
		kinring.WithNotices(func(n kinring.Notice) { out.notices = append(out.notices, n) }),
	}, options...)
	var err error
	if out.Ring, err = kinring.Open(l.Context(), profile, options...); err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() {
		if err := out.Close(); err != nil {
			l.Error(err)
		}
	})
	return out
}

func (l *macLab) run(p emulator.Program, preset string) *program {
	l.Helper()
	return l.start(p, macFamily(preset, macTeam), nil)
}

// want asks for a value, where it comes from, and how many questions a person saw
// meanwhile.
func (p *program) want(value string, provenance kinring.Provenance, prompts int) {
	p.lab.Helper()
	before := len(p.lab.mac.Prompts())
	v, err := p.Get(p.lab.Context(), "auth")
	if err != nil || string(v.Bytes()) != value || v.Provenance != provenance {
		p.lab.Errorf("get: %q, %v, %v; want %q, %v", v.Bytes(), v.Provenance, err, value, provenance)
	}
	p.lab.wantPrompts(before, prompts)
}

// wantError asks for an error of Get.
func (p *program) wantError(want error, prompts int) {
	p.lab.Helper()
	before := len(p.lab.mac.Prompts())
	_, err := p.Get(p.lab.Context(), "auth")
	if !isError(err, want) {
		p.lab.Errorf("get: %v; want %v", err, want)
	}
	p.lab.wantPrompts(before, prompts)
}

func (l *macLab) wantPrompts(before, want int) {
	l.Helper()
	if seen := l.mac.Prompts(); len(seen)-before != want {
		l.Errorf("a person was asked %d times, want %d: %v", len(seen)-before, want, seen[before:])
	}
}

func (p *program) set(value string) {
	p.lab.Helper()
	if _, err := p.Set(p.lab.Context(), "auth", []byte(value)); err != nil {
		p.lab.Fatalf("set: %v", err)
	}
}

// older is an older build: it knows the login keychain and nothing of kinring. It
// looks for the item as the keyring crate does, without naming a keychain.
type older struct {
	lab     *macLab
	process *emulator.Process
}

func (l *macLab) older(p emulator.Program) older { return older{l, l.mac.Run(p)} }

func olderItem() secitem.Query {
	return secitem.Query{Keychain: secitem.Unsaid, Service: "Example Auth", Account: "person"}
}

func (o older) set(value string) {
	o.lab.Helper()
	q := olderItem()
	q.Value = []byte(value)
	err := o.process.Add(q.Dict())
	if err == error(secitem.ErrDuplicateItem) {
		q.Value = nil
		err = o.process.Update(q.Dict(), secitem.Change{Value: []byte(value)}.Dict())
	}
	if err != nil {
		o.lab.Fatalf("older build: set: %v", err)
	}
}

func (o older) want(value string) {
	o.lab.Helper()
	before := len(o.lab.mac.Prompts())
	q := olderItem()
	q.ReturnData = true
	items, err := o.process.CopyMatching(q.Dict())
	if err != nil || string(items[0].Data) != value {
		o.lab.Errorf("older build: %v, %v; want %q", items, err, value)
	}
	o.lab.wantPrompts(before, 0)
}

func (o older) wantNothing() {
	o.lab.Helper()
	if items, err := o.process.CopyMatching(olderItem().Dict()); err != error(secitem.ErrItemNotFound) {
		o.lab.Errorf("older build: %v, %v; want nothing", items, err)
	}
}

// unchanged runs f and asks that the login keychain is byte for byte what it was,
// dates included.
func (l *macLab) unchanged(f func()) {
	l.Helper()
	before := l.mac.Contents().Login
	f()
	if after := l.mac.Contents().Login; !reflect.DeepEqual(before, after) {
		l.Errorf("the login keychain has changed: %v is %v", before, after)
	}
}

func silent(ctx context.Context) context.Context {
	return store.WithInteraction(ctx, kinring.Never)
}
