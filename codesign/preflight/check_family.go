package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kinring/kinring/codesign/bundle"
)

// member is one program of the family with the groups that it claims.
type member struct {
	input  *Input
	path   string
	team   string
	groups []string
	front  bool // the program that its input is about: an outermost app, or a bare binary
}

// noteMember remembers a program for the comparison with the others.
func (c *checker) noteMember(e *bundle.Executable, all []*subject) {
	s := all[0]
	if s.dir == nil || !s.isProgram() || e.Role != bundle.RoleMain && e.Role != bundle.RoleBare {
		return
	}
	groups, _ := s.claims.Strings(keyGroups)
	c.members = append(c.members, member{
		input: c.current, path: e.Path, team: s.dir.Team, groups: groups,
		front: e.Role == bundle.RoleBare || e.Bundle.Parent == nil && e.Bundle.Kind.AppLike(),
	})
}

// checkFamily compares the programs of all inputs.
func (c *checker) checkFamily() {
	c.checkExpectedGroup()
	if c.Group == "" {
		c.checkSameGroups()
	}
	c.checkSameTeam()
}

// checkExpectedGroup looks for the expected group in each input's own program.
func (c *checker) checkExpectedGroup() {
	if c.Group == "" {
		return
	}
	for _, m := range c.members {
		if !m.front || m.bareBesideApp(c.members) {
			continue
		}
		c.current = m.input
		c.expectGroup(m)
	}
}

// expectGroup compares one program's groups with the expected one.
func (c *checker) expectGroup(m member) {
	if c.Group == "" {
		return
	}
	at := slices.IndexFunc(m.groups, func(g string) bool { return g == c.Group || g == m.team+"."+c.Group })
	switch {
	case at < 0 && len(m.groups) == 0:
		c.addPath("KR501", m.path, "", "claims no keychain access group, expected %q", c.Group)
	case at < 0:
		c.addPath("KR501", m.path, "", "claims %s, expected %q", quoted(m.groups), c.Group)
	case at > 0:
		c.addPath("KR502", m.path, "", "%q is number %d of %s", m.groups[at], at+1, quoted(m.groups))
	}
}

// bareBesideApp reports whether m is a bare file in an input that has an app:
// then the app is what the input is about.
func (m member) bareBesideApp(all []member) bool {
	isApp := func(o member) bool { return o.input == m.input && o.front && strings.Contains(o.path, ".app/") }
	return !isApp(m) && slices.ContainsFunc(all, isApp)
}

// checkSameGroups demands one group that every claiming program has, at the
// same place in its list.
func (c *checker) checkSameGroups() {
	var claiming []member
	for _, m := range c.members {
		if len(m.groups) > 0 && len(slices.Compact(slices.Clone(m.groups))[0]) > 0 {
			claiming = append(claiming, m)
		}
	}
	if len(claiming) < 2 {
		return
	}
	first := claiming[0]
	for i, g := range first.groups {
		if !slices.ContainsFunc(claiming, func(m member) bool { return i >= len(m.groups) || m.groups[i] != g }) {
			return
		}
	}
	c.tellDisagreement(claiming)
}

// tellDisagreement reports each program that differs from the first one.
func (c *checker) tellDisagreement(claiming []member) {
	first := claiming[0]
	for _, m := range claiming[1:] {
		if !slices.Equal(m.groups, first.groups) {
			c.current = m.input
			c.addPath("KR503", m.path, "", "claims %s, and %s claims %s", quoted(m.groups), first.path, quoted(first.groups))
		}
	}
}

// checkSameTeam compares the teams of the inputs' own programs.
func (c *checker) checkSameTeam() {
	var first *member
	for i, m := range c.members {
		switch {
		case !m.front || m.team == "":
		case first == nil:
			first = &c.members[i]
		case m.team != first.team:
			c.current = m.input
			c.addPath("KR505", m.path, "", "signed by team %q, and %s by %q", m.team, first.path, first.team)
		}
	}
}

// Matrix lists which program claims which keychain group, at which place: "1"
// is the group that writes go to when none is named.
func (r *Report) Matrix() (groups []string, rows []MatrixRow) {
	for _, e := range r.Executables {
		groups = append(groups, e.Groups...)
	}
	slices.Sort(groups)
	groups = slices.Compact(groups)
	for _, e := range r.Executables {
		if len(e.Groups) == 0 {
			continue
		}
		row := MatrixRow{Path: e.Path}
		for _, g := range groups {
			cell := "-"
			if at := slices.Index(e.Groups, g); at >= 0 {
				cell = fmt.Sprint(at + 1)
			}
			row.Places = append(row.Places, cell)
		}
		rows = append(rows, row)
	}
	return groups, rows
}

// MatrixRow is one program in the matrix of groups.
type MatrixRow struct {
	Path   string
	Places []string // per group: its place in the program's list, or "-"
}
