package emulator

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/secitem"
)

const (
	team  = "TEAM000001"
	group = team + ".com.example.shared"
	other = team + ".com.example.other"
)

// entitled is a program of the family, entitled to both groups.
func entitledProgram() Program {
	return Program{Name: "app", Identifier: "com.example.app", Team: team, Validated: true, Attended: true,
		Entitlements: map[string]any{secitem.EntitlementAccessGroups: []string{group, other}}}
}

func unentitled() Program {
	return Program{Name: "cli", Identifier: "com.example.cli", Team: team, Attended: true}
}

// noGroups is a program that has no group at all, not even the token's: an
// application identifier is claimed and not validated.
func noGroups() Program {
	p := unentitled()
	p.Entitlements = map[string]any{secitem.EntitlementApplicationID: team + ".com.example.cli"}
	return p
}

// stage is a Mac with one process that a row is about.
type stage struct {
	*testing.T
	mac *Mac
	*Process
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
			mac := New()
			s := stage{t, mac, mac.Run(program)}
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

// covers fails when a table lacks one of the rows that it is to cover.
func covers(t *testing.T, rows []tableRow, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if !slices.ContainsFunc(rows, func(r tableRow) bool { return r.id == id }) {
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

// dp and file are the item that most rows are about, in either keychain.
func dp() secitem.Query {
	return secitem.Query{AccessGroup: group, Service: "svc", Account: "acc"}
}

func file() secitem.Query {
	return secitem.Query{Keychain: secitem.Login, Service: "svc", Account: "acc"}
}

// but returns the dictionary of a query with some keys changed; nil removes one.
func but(q secitem.Query, pairs ...any) secitem.Dict {
	d := q.Dict()
	for i := 0; i < len(pairs); i += 2 {
		if k := secitem.Key(pairs[i].(string)); pairs[i+1] == nil {
			delete(d, k)
		} else {
			d[k] = pairs[i+1]
		}
	}
	return d
}

func value(v string) secitem.Dict { return secitem.Change{Value: []byte(v)}.Dict() }

// make adds an item and must be able to.
func (s stage) make(q secitem.Query, v string, pairs ...any) {
	s.Helper()
	q.Value = []byte(v)
	if err := s.Add(but(q, pairs...)); err != nil {
		s.Fatalf("making %q: %v", v, err)
	}
}

// status runs a search and returns what it says.
func (s stage) status(d secitem.Dict) error { _, err := s.CopyMatching(d); return err }

// data returns a query for the value.
func data(q secitem.Query) secitem.Query { q.ReturnData = true; return q }

// finds fails unless the query returns exactly these values, in any order.
func (s stage) finds(d secitem.Dict, want ...string) {
	s.Helper()
	items, err := s.CopyMatching(d)
	if err != nil && !(len(want) == 0 && err == error(secitem.ErrItemNotFound)) {
		s.Fatalf("finding %q: %v", want, err)
	}
	got := make([]string, 0, len(items))
	for _, i := range items {
		got = append(got, string(i.Data))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.Errorf("found %q, want %q", got, want)
	}
}

// holds fails unless the keychains hold exactly these values.
func (s stage) holds(dataProtection, login string) {
	s.Helper()
	c := s.mac.Contents()
	for name, pair := range map[string][2]string{"data-protection": {values(c.DataProtection), dataProtection}, "login": {values(c.Login), login}} {
		if pair[0] != pair[1] {
			s.Errorf("the %s keychain holds %q, want %q", name, pair[0], pair[1])
		}
	}
}

func values(items []secitem.Item) string {
	var out []string
	for _, i := range items {
		out = append(out, string(i.Data))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// prompted fails unless so many prompts were shown.
func (s stage) prompted(n int) {
	s.Helper()
	if got := s.mac.Prompts(); len(got) != n {
		s.Errorf("%d prompts, want %d: %v", len(got), n, got)
	}
}
