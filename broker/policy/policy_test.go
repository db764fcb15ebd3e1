package policy

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/store"
)

var now = time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC)

var policy = Policy{[]Grant{
	{Name: "cli", Programs: []string{"/usr/bin/cli"}, Keys: []string{"auth", "mcp/*"}, Rights: []Right{Get, List}},
	{Name: "team", Signed: []string{"TEAM1/com.example.*"}, Keys: []string{"*"}, Rights: []Right{Get, Set, Store}},
	{Name: "trial", Programs: []string{"/opt/*"}, Keys: []string{"auth"}, Rights: []Right{Set}, Until: now.Add(time.Hour)},
	{Name: "over", Programs: []string{"/opt/*"}, Keys: []string{"auth"}, Rights: []Right{Delete}, Until: now},
}}

func TestDecide(t *testing.T) {
	cli := Subject{Owner: true, Program: "/usr/bin/cli"}
	signed := Subject{Owner: true, Team: "TEAM1", Identifier: "com.example.helper"}
	trial := Subject{Owner: true, Program: "/opt/x/y"}
	for _, c := range []struct {
		name   string
		who    Subject
		right  Right
		key    string
		grant  string
		reason string
	}{
		{"granted", cli, Get, "auth", "cli", ""},
		{"by pattern", cli, Get, "mcp/a/b", "cli", ""},
		{"another right", cli, Set, "auth", "", "no grant"},
		{"another key", cli, Get, "authx", "", "no grant"},
		{"a key that begins alike", cli, Get, "mcp", "", "no grant"},
		{"another program", Subject{Owner: true, Program: "/usr/bin/cli2"}, Get, "auth", "", "no grant"},
		{"nobody", Subject{}, Get, "auth", "", "another user"},
		{"another user with the label", Subject{Program: "/usr/bin/cli"}, Get, "auth", "", "another user"},
		{"another user with the signature", Subject{Team: "TEAM1", Identifier: "com.example.helper"}, Get, "auth", "", "another user"},
		{"signed", signed, Set, "anything", "team", ""},
		{"of the family", signed, Store, "", "team", ""},
		{"of the family, not granted", signed, Admin, "", "", "no grant"},
		{"another team", Subject{Owner: true, Team: "TEAM2", Identifier: "com.example.helper"}, Get, "auth", "", "no grant"},
		{"another identifier", Subject{Owner: true, Team: "TEAM1", Identifier: "org.example.helper"}, Get, "auth", "", "no grant"},
		{"a team in the program's name", Subject{Owner: true, Program: "TEAM1/com.example.helper"}, Get, "auth", "", "no grant"},
		{"an empty team", Subject{Owner: true, Identifier: "TEAM1/com.example.helper"}, Get, "auth", "", "no grant"},
		{"for a while", trial, Set, "auth", "trial", ""},
		{"ended", trial, Delete, "auth", "", "has ended"},
	} {
		d := policy.Decide(c.who, c.right, c.key, now)
		if d.Allowed != (c.grant != "") || d.Grant != c.grant || !strings.Contains(d.Reason, c.reason) || (d.Reason == "") != d.Allowed {
			t.Errorf("%s: %+v", c.name, d)
		}
	}
	if d := policy.Decide(trial, Set, "auth", now.Add(time.Hour)); d.Allowed {
		t.Error("a grant lasts beyond its end")
	}
	if d := policy.Decide(trial, Set, "auth", now); !d.Until.Equal(now.Add(time.Hour)) {
		t.Errorf("it ends %v", d.Until)
	}
}

// TestDefaults: no policy denies, an owner's allows the owner, a team's the team.
func TestDefaults(t *testing.T) {
	owner := Subject{Owner: true}
	for _, r := range Rights() {
		if (Policy{}).Decide(owner, r, "auth", now).Allowed || (Policy{}).Any(owner, r, now) {
			t.Errorf("the zero policy allows %s", r)
		}
		if !Owners().Decide(owner, r, "auth", now).Allowed || !Owners().Any(owner, r, now) || Owners().Decide(Subject{}, r, "auth", now).Allowed || Owners().Any(Subject{}, r, now) {
			t.Errorf("the owners' policy is wrong about %s", r)
		}
		team := Signed("TEAM1")
		if team.Decide(owner, r, "auth", now).Allowed || !team.Decide(Subject{Owner: true, Team: "TEAM1", Identifier: "x"}, r, "auth", now).Allowed {
			t.Errorf("the team's policy is wrong about %s", r)
		}
	}
	signed := Subject{Owner: true, Team: "TEAM1", Identifier: "x"}
	for _, c := range []struct {
		signatures    bool
		team          string
		owner, signed bool
	}{{false, "TEAM1", true, true}, {true, "", true, true}, {true, "TEAM1", false, true}, {true, "TEAM2", false, false}} {
		p := Usual(c.signatures, c.team)
		if got := p.Decide(owner, Get, "auth", now).Allowed; got != c.owner {
			t.Errorf("%+v: a program of the user: %v", c, got)
		}
		if got := p.Decide(signed, Get, "auth", now).Allowed; got != c.signed {
			t.Errorf("%+v: one of TEAM1: %v", c, got)
		}
		if p.Decide(Subject{Owner: true, Inherited: true}, Get, "auth", now).Allowed != c.owner {
			t.Errorf("%+v: one that was given the connection has no signature", c)
		}
	}
	if !policy.Any(Subject{Owner: true, Program: "/usr/bin/cli"}, Get, now) || policy.Any(Subject{Owner: true, Program: "/usr/bin/cli"}, Set, now) ||
		policy.Any(Subject{Owner: true, Program: "/opt/x"}, Delete, now) {
		t.Error("Any says something else than Decide")
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true}, {"*", "a/b", true}, {"a", "a", true}, {"a", "ab", false}, {"a*", "a", true}, {"a*", "ab", true}, {"a*a", "a", false},
		{"a*a", "aa", true}, {"*a*b*", "xaybz", true}, {"*a*b*", "xbya", false}, {"a*b*c", "abc", true}, {"a*b*c", "acb", false},
		{"", "", true}, {"", "a", false}, {"a?", "ab", false}, {"[ab]", "a", false}, {"**", "x", true}, {"mcp/*", "mcp", false},
	} {
		if got := Match(c.pattern, c.name); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.name, got)
		}
	}
}

const file = `{"schema":"kinring.grants/1","grants":[
 {"name":"cli","programs":["/usr/bin/cli"],"keys":["auth"],"rights":["get","list"],"until":"2027-01-01T13:00:00Z"},
 {"name":"team","signed":["TEAM1/*"],"rights":["store"]}]}`

func TestParse(t *testing.T) {
	p, err := Parse("grants.json", []byte(file))
	if err != nil || len(p.Grants) != 2 || !p.Grants[0].Until.Equal(now.Add(time.Hour)) || !slices.Equal(p.Grants[1].Rights, []Right{Store}) {
		t.Fatalf("%+v, %v", p, err)
	}
	for what, text := range map[string]string{
		"no JSON": `{`, "more": file + `{}`, "another schema": `{"schema":"kinring.grants/2","grants":[]}`,
		"an unknown field": `{"schema":"kinring.grants/1","grants":[{"name":"a","key":["x"],"rights":["get"]}]}`,
		"an unknown right": `{"schema":"kinring.grants/1","grants":[{"name":"a","keys":["x"],"rights":["read"]}]}`,
		"no keys":          `{"schema":"kinring.grants/1","grants":[{"name":"a","rights":["get"]}]}`,
		"keys for none":    `{"schema":"kinring.grants/1","grants":[{"name":"a","keys":["x"],"rights":["store"]}]}`,
		"no rights":        `{"schema":"kinring.grants/1","grants":[{"name":"a","keys":["x"]}]}`,
		"no name":          `{"schema":"kinring.grants/1","grants":[{"keys":["x"],"rights":["get"]}]}`,
		"a name twice":     `{"schema":"kinring.grants/1","grants":[{"name":"a","keys":["x"],"rights":["get"]},{"name":"a","keys":["x"],"rights":["get"]}]}`,
		"an empty pattern": `{"schema":"kinring.grants/1","grants":[{"name":"a","keys":[""],"rights":["get"]}]}`,
		"any team":         `{"schema":"kinring.grants/1","grants":[{"name":"a","signed":["*/x"],"keys":["x"],"rights":["get"]}]}`,
		"no team":          `{"schema":"kinring.grants/1","grants":[{"name":"a","signed":["x"],"keys":["x"],"rights":["get"]}]}`,
		"no time":          `{"schema":"kinring.grants/1","grants":[{"name":"a","keys":["x"],"rights":["get"],"until":"tomorrow"}]}`,
		"not UTF-8":        "\xff",
		"too large":        strings.Repeat(" ", MaxFile+1),
	} {
		if p, err := Parse("grants.json", []byte(text)); !errors.Is(err, store.ErrInvalid) || len(p.Grants) > 0 {
			t.Errorf("%s: %+v, %v", what, p, err)
		}
	}
}

func TestBucket(t *testing.T) {
	b := Bucket{Rate: 10, Burst: 3}
	for range 3 {
		if wait := b.Take(now); wait != 0 {
			t.Fatalf("within the burst: %v", wait)
		}
	}
	if wait := b.Take(now); wait != 100*time.Millisecond {
		t.Errorf("beyond the burst: %v", wait)
	}
	if wait := b.Take(now.Add(200 * time.Millisecond)); wait != 0 {
		t.Errorf("after a pause: %v", wait)
	}
	if wait := b.Take(now.Add(-time.Hour)); wait < 0 {
		t.Errorf("with a clock that went back: %v", wait)
	}
}

func TestBackoff(t *testing.T) {
	b := Backoff{Free: 2, First: time.Second, Most: 5 * time.Second}
	for i, want := range []time.Duration{0, 0, 1, 2, 4, 5, 5} {
		if b.Denied(now); b.Wait(now) != want*time.Second {
			t.Errorf("after %d denials: %v", i+1, b.Wait(now))
		}
	}
	if b.Wait(now.Add(5*time.Second)) != 0 {
		t.Error("it does not end")
	}
	if b.Allowed(); b.Wait(now) != 0 {
		t.Error("it outlives what was allowed")
	}
}

// FuzzParse: a file is refused or gives grants that deny other users, and end when
// they say.
func FuzzParse(f *testing.F) {
	f.Add([]byte(file), "auth")
	f.Add([]byte(`{"schema":"kinring.grants/1","grants":[]}`), "")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		p, err := Parse("grants.json", text)
		if err != nil {
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		for _, r := range Rights() {
			if p.Decide(Subject{Program: name, Team: name, Identifier: name}, r, name, now).Allowed {
				t.Errorf("%q lets another user %s", text, r)
			}
			d := p.Decide(Subject{Owner: true, Program: name}, r, name, now)
			if d.Allowed && !p.Any(Subject{Owner: true, Program: name}, r, now) {
				t.Errorf("%q: Any denies what Decide allows", text)
			}
			if d.Allowed && !d.Until.IsZero() && p.Decide(Subject{Owner: true, Program: name}, r, name, d.Until).Grant == d.Grant {
				t.Errorf("%q: the grant outlives its end", text)
			}
		}
	})
}

// FuzzMatch: a pattern without a star is a name, and one that matches still does
// with a star at its end.
func FuzzMatch(f *testing.F) {
	f.Add("a*b", "axb")
	f.Add("mcp/*", "mcp/x")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		got := Match(pattern, name)
		if !strings.Contains(pattern, "*") && got != (pattern == name) {
			t.Errorf("%q matches %q: %v", pattern, name, got)
		}
		if got && !Match(pattern+"*", name+"x") {
			t.Errorf("%q matches %q, and not with a star more", pattern, name)
		}
	})
}
