package emulator

import (
	"fmt"
	"slices"
	"testing"

	"github.com/kinring/kinring/internal/secitem"
	. "github.com/kinring/kinring/internal/secitem/secitemtest"
)

// entitled is a program of the family, entitled to both groups.
func entitledProgram() Program {
	return Program{Name: "app", Identifier: "com.example.app", Team: Team, Validated: true, Attended: true,
		Entitlements: map[string]any{secitem.EntitlementAccessGroups: []string{Group, Other}}}
}

func unentitled() Program {
	return Program{Name: "cli", Identifier: "com.example.cli", Team: Team, Attended: true}
}

// noGroups is a program that has no group at all, not even the token's: an
// application identifier is claimed and not validated.
func noGroups() Program {
	p := unentitled()
	p.Entitlements = map[string]any{secitem.EntitlementApplicationID: Team + ".com.example.cli"}
	return p
}

// stage is a Mac with one process that a row is about.
type stage struct {
	Stage
	mac *Mac
	*Process
}

// on returns where a process runs.
func on(t testing.TB, mac *Mac, p Program) stage {
	process := mac.Run(p)
	return stage{Stage{TB: t, Mac: process}, mac, process}
}

// row of a table: what is there, one call, its status, what is there after.
type tableRow struct {
	id, name string
	program  Program
	before   func(s stage)
	call     func(s stage) error
	want     error
	after    func(s stage)
}

func run(t *testing.T, rows []tableRow) {
	for _, r := range rows {
		t.Run(r.id+" "+r.name, func(t *testing.T) {
			program := r.program
			if program.Name == "" {
				program = entitledProgram()
			}
			s := on(t, New(), program)
			if r.before != nil {
				r.before(s)
			}
			if err := r.call(s); err != r.want {
				t.Fatalf("got %v, want %v", err, r.want)
			}
			if r.after != nil {
				r.after(s)
			}
		})
	}
}

// covers fails when neither table has one of the rows that they are to cover.
func covers(t *testing.T, shared []Row, rows []tableRow, ids ...string) {
	t.Helper()
	for _, id := range ids {
		own := slices.ContainsFunc(rows, func(r tableRow) bool { return r.id == id })
		if !own && !slices.ContainsFunc(shared, func(r Row) bool { return r.ID == id }) {
			t.Errorf("no test of row %s", id)
		}
	}
}

// numbers returns the ids from first to last.
func numbers(first, last int) (ids []string) {
	for i := first; i <= last; i++ {
		ids = append(ids, fmt.Sprint(i))
	}
	return ids
}

// holds fails unless the keychains hold exactly these values, readable or not.
func (s stage) holds(dataProtection, login string) {
	s.Helper()
	c := s.mac.Contents()
	if got := Values(c.DataProtection); got != dataProtection {
		s.Errorf("the data-protection keychain holds %q, want %q", got, dataProtection)
	}
	if got := Values(c.Login); got != login {
		s.Errorf("the login keychain holds %q, want %q", got, login)
	}
}

// prompted fails unless so many prompts were shown.
func (s stage) prompted(n int) {
	s.Helper()
	if got := s.mac.Prompts(); len(got) != n {
		s.Errorf("%d prompts, want %d: %v", len(got), n, got)
	}
}

// TestSuite: what every secitem.Mac must do.
func TestSuite(t *testing.T) {
	All(t, func(t testing.TB, groups ...string) secitem.Mac {
		p := unentitled()
		if groups != nil {
			p.Entitlements = map[string]any{secitem.EntitlementAccessGroups: groups}
		}
		return New().Run(p)
	})
}
