package keychain

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/store"
)

const otherTeam = "ZYXWV98765"

// claiming is a program whose signature claims these groups; ownTeam is what its
// profile was issued to, if anything.
func claiming(ownTeam string, claims ...any) emulator.Program {
	p := emulator.Program{Name: "app", Identifier: "com.example.app", Team: team, Validated: true, Entitlements: map[string]any{}}
	if claims != nil {
		p.Entitlements[secitem.EntitlementAccessGroups] = claims
	}
	if ownTeam != "" {
		p.Entitlements[secitem.EntitlementTeam] = ownTeam
	}
	return p
}

// TestGroup: which access group is the family's, from the profile and from the
// program's own entitlements, and that none is ever guessed.
func TestGroup(t *testing.T) {
	const name = "com.example.shared"
	for _, c := range []struct {
		what    string
		program emulator.Program
		family  store.Family
		want    string
		err     error
		says    string
	}{
		{"team and group", claiming("", otherTeam+".first", group), store.Family{Team: team, Group: name}, group, nil, ""},
		{"team and group, not claimed", claiming("", otherTeam+".first"), store.Family{Team: team, Group: name}, "", store.ErrOutOfReach, "not entitled to the access group " + group},
		{"no entitlement at all", claiming(""), store.Family{Team: team, Group: name}, "", store.ErrOutOfReach, group},
		{"the group of another team", claiming("", otherTeam+"."+name), store.Family{Team: team, Group: name}, "", store.ErrOutOfReach, group},
		{"a wildcard is no group", claiming("", team+".*"), store.Family{Team: team, Group: name}, "", store.ErrOutOfReach, "takes literally"},
		{"nor is a setting that nobody expanded", claiming("", "$(AppIdentifierPrefix)"+name), store.Family{Team: team, Group: name}, "", store.ErrOutOfReach, "$(AppIdentifierPrefix)"},
		{"a claim that is a wildcard matches no profile with one", claiming("", team+".*"), store.Family{Team: team, Group: "*"}, "", store.ErrOutOfReach, ""},
		{"one member that is no text voids the list", claiming("", group, 7), store.Family{Team: team, Group: name}, "", store.ErrOutOfReach, ""},

		{"the name alone", claiming("", team+".other", group), store.Family{Group: name}, group, nil, ""},
		{"the name alone, of any team", claiming("", otherTeam+"."+name), store.Family{Group: name}, otherTeam + "." + name, nil, ""},
		{"the name alone, of two teams: one's own", claiming(team, otherTeam+"."+name, group), store.Family{Group: name}, group, nil, ""},
		{"the name alone, of two teams: whose?", claiming("", otherTeam+"."+name, group), store.Family{Group: name}, "", store.ErrAmbiguous, "entitled to"},
		{"the name alone, of two other teams", claiming("AAAAAAAAAA", otherTeam+"."+name, group), store.Family{Group: name}, "", store.ErrAmbiguous, ""},
		{"the name alone, not claimed", claiming("", team+".other"), store.Family{Group: name}, "", store.ErrOutOfReach, "TEAM." + name},
		{"an application group is no such name", claiming("", "group."+name, "short."+name, "lowercase0."+name), store.Family{Group: name}, "", store.ErrOutOfReach, ""},

		{"the first one, as the profile allows", claiming("", team+".*", secitem.TokenGroup, team+".first", group), store.Family{FirstGroup: true}, team + ".first", nil, ""},
		{"the first one, of none", claiming("", secitem.TokenGroup), store.Family{FirstGroup: true}, "", store.ErrOutOfReach, "any access group"},
		{"no group, no fallback", claiming("", group), store.Family{}, "", store.ErrAbsentByDesign, "names no access group"},
	} {
		t.Run(c.what, func(t *testing.T) {
			p := emulator.New().Run(c.program)
			got, err := groupOf(p, c.family)
			if got != c.want || !errors.Is(err, c.err) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q, %v; want %q, %v", got, err, c.want, c.err)
			}
			var own *store.Error
			if err != nil && (!errors.As(err, &own) || own.Remedy == "") {
				t.Errorf("%v has no remedy", err)
			}
			if p.Calls() != 0 {
				t.Errorf("%d calls of the keychain", p.Calls())
			}
		})
	}
}

// TestGroupUnknown: a program that cannot look at itself is not one without
// entitlements (I4).
func TestGroupUnknown(t *testing.T) {
	for entitlement, f := range map[string]store.Family{
		secitem.EntitlementAccessGroups: family,
		secitem.EntitlementTeam:         {Group: "com.example.shared"},
	} {
		p := failing{emulator.New().Run(claiming(team, group, otherTeam+".com.example.shared")), entitlement}
		if got, err := groupOf(p, f); got != "" || !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrOutOfReach) {
			t.Errorf("%s: %q, %v", entitlement, got, err)
		}
	}
}

// failing is a program that cannot read one of its entitlements.
type failing struct {
	*emulator.Process
	name string
}

func (f failing) Entitlement(name string) (any, error) {
	if name == f.name {
		return nil, secitem.ErrAllocate
	}
	return f.Process.Entitlement(name)
}

// TestOpenLooksBeforeItCalls: a program that is not entitled is told at once, and
// no keychain is called.
func TestOpenLooksBeforeItCalls(t *testing.T) {
	p := emulator.New().Run(claiming(""))
	d := Driver(Options{Program: mac.New(p)})
	s, err := d.Open(t.Context(), family)
	if s != nil || !errors.Is(err, store.ErrOutOfReach) || p.Calls() != 0 {
		t.Errorf("%v, %v, %d calls", s, err, p.Calls())
	}
	if caps := d.Capabilities(); !caps.AtomicAbsent || !caps.AtomicMatch || !caps.Records || caps.MayPrompt {
		t.Errorf("the driver promises %+v", caps)
	}
}

// TestExamine: what a program can say of itself and of both keychains, in each
// state; nobody is asked and no value is read.
func TestExamine(t *testing.T) {
	attended := entitled("app")
	attended.Attended = true
	login := "/Users/person/Library/Keychains/login.keychain-db"
	whole := Examination{Identifier: "com.example.app", Team: team, Groups: []string{group}, Validated: true, Group: group,
		Login: login, LoginUnlocked: true, Attended: true}
	for _, c := range []struct {
		name                  string
		program               emulator.Program
		begin                 func(*emulator.Mac)
		want                  Examination
		group, shared, inFile error
	}{
		{name: "all is well", program: attended, want: whole},
		{name: "before the first unlock", program: attended, want: whole, shared: store.ErrLocked, begin: func(m *emulator.Mac) {
			put(m, attended)
			m.SetDevice(emulator.BeforeFirstUnlock)
		}},
		{name: "no service", program: attended, want: whole, shared: store.ErrUnavailable, begin: func(m *emulator.Mac) { m.SetService(false) }},
		{name: "not entitled", program: emulator.Program{Name: "x"}, group: store.ErrOutOfReach, want: Examination{Login: login, LoginUnlocked: true}},
		{name: "login keychain locked", program: attended, begin: func(m *emulator.Mac) { m.SetLoginLocked(true) },
			want: func() Examination { e := whole; e.LoginUnlocked = false; return e }()},
		{name: "no login keychain", program: attended, begin: (*emulator.Mac).RemoveLogin, inFile: store.ErrUnavailable,
			want: func() Examination { e := whole; e.LoginUnlocked, e.Login = false, ""; return e }()},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := emulator.New()
			if c.begin != nil {
				c.begin(m)
			}
			got, err := Examine(t.Context(), Options{Program: mac.New(m.Run(c.program))}, family)
			if err != nil || !errors.Is(got.GroupErr, c.group) || !errors.Is(got.SharedErr, c.shared) || !errors.Is(got.LoginErr, c.inFile) || got.ProgramErr != nil {
				t.Errorf("%v; group %v, shared %v, login %v, program %v", err, got.GroupErr, got.SharedErr, got.LoginErr, got.ProgramErr)
			}
			got.GroupErr, got.SharedErr, got.LoginErr = nil, nil, nil
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if len(m.Prompts()) != 0 {
				t.Errorf("asked %v", m.Prompts())
			}
		})
	}
	broken := failing{emulator.New().Run(attended), secitem.EntitlementAccessGroups}
	if got, err := Examine(t.Context(), Options{Program: mac.New(broken)}, family); err != nil || got.ProgramErr == nil || got.GroupErr == nil {
		t.Errorf("a program that cannot be examined: %+v, %v", got, err)
	}
}

// put leaves an item in the shared keychain.
func put(m *emulator.Mac, p emulator.Program) {
	q := secitem.Query{AccessGroup: group, Service: family.Service, Account: "person", Value: []byte("v"),
		Accessible: secitem.AccessibleAfterFirstUnlockThisDevice}
	if err := m.Run(p).Add(q.Dict()); err != nil {
		panic(err)
	}
}
