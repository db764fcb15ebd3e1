package packaging

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kinring/kinring/codesign/plist"
)

// Problem is one fault of an entitlements list.
type Problem struct {
	Key    string `json:"key,omitempty"` // empty where the list as a whole is meant
	Seen   string `json:"seen"`
	Remedy string `json:"remedy"`
}

// checker collects problems.
type checker struct {
	family   Family
	program  Program
	entries  plist.Dict
	problems []Problem
}

// Check lists what would go wrong with an entitlements list: what codesign or
// macOS refuse, and what keeps the program out of the family's group. The error
// says that the list does not read, or that the family's own names are no good.
func (f Family) Check(raw []byte, p Program) ([]Problem, error) {
	if err := f.check(p); err != nil {
		return nil, err
	}
	doc, err := plist.ParseDict(raw)
	if err != nil {
		return nil, err
	}
	c := &checker{family: f, program: p, entries: doc.Root.Entries}
	c.form(doc)
	for _, e := range c.entries {
		c.values(e.Key, e.Value)
	}
	if p.Kind == Tool {
		c.tool()
	} else {
		c.claims()
	}
	return c.problems, nil
}

func (c *checker) add(key, remedy, seen string, args ...any) {
	c.problems = append(c.problems, Problem{Key: key, Seen: fmt.Sprintf(seen, args...), Remedy: remedy})
}

// form checks how the list is written.
func (c *checker) form(doc *plist.Document) {
	const merge = "let kinring entitlements --merge rewrite the file"
	if doc.Format != plist.XML {
		c.add("", merge, "it is a binary property list, and notarization wants xml")
	}
	if doc.Comments > 0 {
		c.add("", merge, "it has %s, with which codesign signs without any entitlement and reports success", comments(doc.Comments))
	}
	if doc.ByteMark {
		c.add("", merge, "it starts with a byte order mark")
	}
	for _, key := range doc.Duplicates {
		c.add(key, "remove the wrong one", "the key occurs twice")
	}
	if c.entries.Bool(keyDebug) {
		c.add(keyDebug, "leave it out of releases", "it is true, and notarization refuses that")
	}
}

// values checks every text of a claim.
func (c *checker) values(key string, v plist.Value) {
	switch v.Kind {
	case plist.String:
		if hasVariable(v.Text) {
			c.add(key, "let kinring entitlements --merge expand it, or write the value itself", "%q is a variable of xcode, which codesign does not expand", v.Text)
		}
		if restricted(key) && strings.Contains(v.Text, "*") {
			c.add(key, "claim the very name; wildcards belong into the profile", "%q has a wildcard", v.Text)
		}
	case plist.Array:
		for _, item := range v.Items {
			c.values(key, item)
		}
	}
}

// tool checks a list for a bare binary.
func (c *checker) tool() {
	for _, key := range c.entries.Keys() {
		if restricted(key) {
			c.add(key, "wrap the binary as a helper app (kinring wrap), or remove the claim",
				"it needs a provisioning profile, and a bare binary has no place for one: macos will kill it")
		}
	}
}

// claims checks a list for a program with a profile.
func (c *checker) claims() {
	c.same(keyAppID, c.family.Team+"."+c.program.ID)
	c.same(keyTeam, c.family.Team)
	v, found := c.entries.Get(keyGroups)
	groups, ok := v.Strings()
	want := c.family.AccessGroup()
	const add = "add it, or let kinring entitlements --merge do so"
	switch {
	case !found:
		c.add(keyGroups, add, "it is not there")
	case !ok || v.Kind != plist.Array:
		c.add(keyGroups, "write a list of texts", "it is %s", v)
	case !slices.Contains(groups, want):
		c.add(keyGroups, add, "the family's group %s is not among %s", want, v)
	case groups[0] != want:
		c.add(keyGroups, "put the family's group first", "%s is not the first: a program that names no group writes into %s", want, groups[0])
	}
	c.foreign(groups)
}

// foreign checks the prefix of every group.
func (c *checker) foreign(groups []string) {
	for _, g := range groups {
		if !strings.HasPrefix(g, c.family.Team+".") && !hasVariable(g) {
			c.add(keyGroups, "name a group of the signing team", "%q does not start with the team %s", g, c.family.Team)
		}
	}
}

// same checks a claim that must have one value.
func (c *checker) same(key, want string) {
	v, found := c.entries.Get(key)
	switch {
	case !found:
		c.add(key, "add it with the value "+want, "it is not there")
	case v.Kind != plist.String || v.Text != want && !hasVariable(v.Text):
		c.add(key, "correct it, or the family", "it is %s, and the family says %q", v, want)
	}
}

// comments counts comments in words.
func comments(n int) string {
	if n == 1 {
		return "a comment"
	}
	return fmt.Sprintf("%d comments", n)
}
