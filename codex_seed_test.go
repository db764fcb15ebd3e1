package kinring_test

import (
	"context"
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/emulator"
)

// The rules of openai/codex#14855, written anew as a subject, beside kinring's on
// the same emulated Mac and through the same troubles. Each test names one defect:
// the seed rules show it, kinring's do not. docs/RELIABILITY.md has the table, and
// says of the two that are missing here why.

// macSubject is a program with the seed's rules or with kinring's. "" is nothing.
type macSubject interface {
	get(ctx context.Context) (string, error)
	save(value string) error
	remove() error
}

func (p *program) get(ctx context.Context) (string, error) {
	v, err := p.Get(ctx, "auth")
	if errors.Is(err, kinring.ErrNotFound) {
		err = nil
	}
	return string(v.Bytes()), err
}

func (p *program) save(value string) error {
	_, err := p.Set(p.lab.Context(), "auth", []byte(value))
	return err
}

func (p *program) remove() error {
	_, err := p.Delete(p.lab.Context(), "auth")
	return err
}

// codexSeed has the seed's rules: the shared item first, and any failure of it is
// the answer; else the older build's, which is copied; both deleted one after the
// other. It knows no way not to ask a person.
type codexSeed struct{ mac secitem.Mac }

func (codexSeed) shared() secitem.Query {
	return secitem.Query{AccessGroup: macGroup, Service: "Example Auth", Account: "person"}
}

// load returns nil for nothing.
func (s codexSeed) load(q secitem.Query) ([]byte, error) {
	q.ReturnData = true
	items, err := s.mac.CopyMatching(q.Dict())
	if errors.Is(err, secitem.ErrItemNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return items[0].Data, nil
}

func (s codexSeed) get(context.Context) (string, error) {
	value, err := s.load(s.shared())
	if err == nil && value == nil {
		if value, err = s.load(olderItem()); value != nil {
			_ = s.save(string(value)) // that it could not be copied is logged
		}
	}
	if err == nil && !utf8.Valid(value) {
		err = errors.New("not UTF-8")
	}
	return string(value), err
}

func (s codexSeed) save(value string) error {
	q := s.shared()
	q.Value = []byte(value)
	err := s.mac.Add(q.Dict())
	if errors.Is(err, secitem.ErrDuplicateItem) {
		err = s.mac.Update(s.shared().Dict(), secitem.Change{Value: []byte(value)}.Dict())
	}
	return err
}

func (s codexSeed) remove() error {
	for _, q := range []secitem.Query{s.shared(), olderItem()} {
		if err := s.mac.Delete(q.Dict()); err != nil && !errors.Is(err, secitem.ErrItemNotFound) {
			return err
		}
	}
	return nil
}

// starter starts a program; what it asks of the Mac goes through wrap, if that is
// not nil.
type starter func(p emulator.Program, wrap func(secitem.Mac) secitem.Mac) macSubject

// bothOnMac runs a course with the seed's rules and with kinring's, each on a Mac
// of its own. It returns whether a promise was broken.
func bothOnMac(t *testing.T, course func(l *macLab, start starter) (broken bool)) {
	t.Helper()
	t.Run("seed rules", func(t *testing.T) {
		l := newMacLab(t)
		if !course(l, func(p emulator.Program, wrap func(secitem.Mac) secitem.Mac) macSubject {
			if wrap == nil {
				return codexSeed{l.mac.Run(p)}
			}
			return codexSeed{wrap(l.mac.Run(p))}
		}) {
			t.Error("the seed's rules do not show the defect: the test shows nothing")
		}
	})
	t.Run("kinring", func(t *testing.T) {
		l := newMacLab(t)
		if course(l, func(p emulator.Program, wrap func(secitem.Mac) secitem.Mac) macSubject {
			family := macFamily("shared-only", macTeam)
			family.Keys = kinring.Keys{"auth": {Account: "person", Value: "utf8"}}
			return l.start(p, family, wrap)
		}) {
			t.Error("kinring has the defect")
		}
	})
}

// TestCodexDefect1: a build without the entitlement cannot read at all.
func TestCodexDefect1(t *testing.T) {
	bothOnMac(t, func(l *macLab, start starter) bool {
		l.older(olderBuild).set("login")
		l.mac.SetAnswer(emulator.Script(emulator.Allow))
		value, err := start(unentitledBuild, nil).get(l.Context())
		return err != nil || value != "login"
	})
}

// TestCodexDefect2: reading and deleting in the old keychain meet an item of the
// program's own in the new one.
func TestCodexDefect2(t *testing.T) {
	bothOnMac(t, func(l *macLab, start starter) bool {
		const group = macTeam + ".com.example.other"
		both := signedBy(macTeam, "both", macGroup, group)
		process := l.mac.Run(both)
		private := secitem.Query{AccessGroup: group, Service: "Example Auth", Account: "person", Value: []byte("private")}
		did(l.T, process.Add(private.Dict()))
		p := start(both, nil)
		value, err := p.get(l.Context())
		did(l.T, err)
		did(l.T, p.remove())
		private.Value = nil
		_, err = process.CopyMatching(private.Dict())
		return value == "private" || err != nil
	})
}

// TestCodexDefect4: a deletion that fails half-way leaves the older copy, which
// the next read brings back.
func TestCodexDefect4(t *testing.T) {
	bothOnMac(t, func(l *macLab, start starter) bool {
		l.older(olderBuild).set("login")
		l.mac.SetAnswer(emulator.Script(emulator.AlwaysAllow))
		p := start(newBuild, func(m secitem.Mac) secitem.Mac { return keepsLogin{m} })
		_, err := p.get(l.Context())
		did(l.T, err)
		if err := p.remove(); err == nil {
			l.Fatal("the deletion did not fail: the test shows nothing")
		}
		value, _ := start(newBuild, nil).get(l.Context())
		return value != ""
	})
}

// keepsLogin is a Mac whose login keychain deletes nothing.
type keepsLogin struct{ secitem.Mac }

func (k keepsLogin) Delete(query secitem.Dict) error {
	if query[secitem.KeyDataProtection] == true {
		return k.Mac.Delete(query)
	}
	return secitem.ErrNotAvailable
}

// TestCodexDefect6: a copy of an older value overwrites what another program
// wrote meanwhile.
func TestCodexDefect6(t *testing.T) {
	bothOnMac(t, func(l *macLab, start starter) bool {
		l.older(olderBuild).set("old")
		l.mac.SetAnswer(emulator.Script(emulator.AlwaysAllow))
		other, written := start(agentsApp, nil), false
		p := start(newBuild, func(m secitem.Mac) secitem.Mac {
			return secitem.Faults{Mac: m, Before: func(call string) error {
				if call == "SecItemAdd" && !written {
					written = true
					did(l.T, other.save("newer"))
				}
				return nil
			}}
		})
		_, err := p.get(l.Context())
		did(l.T, err)
		value, err := other.get(l.Context())
		did(l.T, err)
		return value != "newer"
	})
}

// TestCodexDefect7: the old keychain is searched for in more places than the older
// build wrote to, so that what lies there takes the place of what was deleted.
func TestCodexDefect7(t *testing.T) {
	bothOnMac(t, func(l *macLab, start starter) bool {
		old := l.older(olderBuild)
		old.set("login")
		const second = "/Users/person/Library/Keychains/work.keychain-db"
		l.mac.AddSearched(second)
		q := olderItem()
		q.Value = []byte("somebody else's")
		did(l.T, l.mac.MakeInSearched(old.process, second, q.Dict()))
		l.mac.SetAnswer(emulator.Script(emulator.AlwaysAllow, emulator.AlwaysAllow))
		p := start(newBuild, nil)
		told := p.remove()
		value, _ := p.get(l.Context())
		return told == nil && value != ""
	})
}

// TestCodexDefect8: the first read of an older build's item asks the user, also
// where nobody is to be asked.
func TestCodexDefect8(t *testing.T) {
	bothOnMac(t, func(l *macLab, start starter) bool {
		l.older(olderBuild).set("login")
		l.mac.SetAnswer(emulator.Script(emulator.Allow))
		_, _ = start(newBuild, nil).get(silent(l.Context())) // what it answers is the matter of other tests
		return len(l.mac.Prompts()) > 0
	})
}

// TestCodexDefect9: garbage is copied first and refused afterwards.
func TestCodexDefect9(t *testing.T) {
	bothOnMac(t, func(l *macLab, start starter) bool {
		l.older(olderBuild).set("\xff")
		l.mac.SetAnswer(emulator.Script(emulator.Allow))
		if _, err := start(newBuild, nil).get(l.Context()); err == nil {
			l.Error("garbage is no error")
		}
		for _, item := range l.mac.Contents().DataProtection {
			if string(item.Data) == "\xff" {
				return true
			}
		}
		return false
	})
}
