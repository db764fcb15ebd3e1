package packaging

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kinring/kinring/codesign/entitlements"
	"github.com/kinring/kinring/codesign/plist"
	"github.com/kinring/kinring/internal/allocbound"
)

var (
	family = Family{Team: "ABCDE12345", Group: "com.example.shared"}
	app    = Program{App, "com.example.app"}
	tool   = Program{Tool, ""}
)

// list writes an entitlements list around its body.
func list(body string) []byte { return []byte("<plist><dict>" + body + "</dict></plist>") }

func key(k, v string) string { return "<key>" + k + "</key>" + v }

const (
	goodID     = "<string>ABCDE12345.com.example.app</string>"
	goodTeam   = "<string>ABCDE12345</string>"
	goodGroups = "<array><string>ABCDE12345.com.example.shared</string></array>"
)

func TestWrittenListHasNoFault(t *testing.T) {
	for _, kind := range []Kind{App, Helper, Tool} {
		p := Program{kind, "com.example.app"}
		entries, err := family.Entitlements(p)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := entries.XML()
		if err != nil {
			t.Fatal(err)
		}
		if problems, err := family.Check(raw, p); err != nil || len(problems) > 0 {
			t.Errorf("%s: %v, %v", kind, problems, err)
		}
		if doc, err := entitlements.ParseXML(raw); err != nil || doc.Comments+len(doc.Duplicates) > 0 || doc.ByteMark {
			t.Errorf("%s: %+v, %v", kind, doc, err)
		}
		if merged, err := family.Merge(raw, p); err != nil || len(merged.Changes) > 0 {
			t.Errorf("%s: merging a good list changed %v, %v", kind, merged, err)
		}
	}
}

func TestNamesThatNoProfileCovers(t *testing.T) {
	for _, c := range []struct {
		family  Family
		program Program
		want    string
	}{
		{Family{"", "g"}, app, "team is \"\""},
		{Family{"abcde12345", "g"}, app, "team is"},
		{Family{"ABCDE123456", "g"}, app, "team is"},
		{Family{"ABCDE12345", ""}, app, "group is"},
		{Family{"ABCDE12345", "a b"}, app, "group is"},
		{family, Program{App, "*"}, "bundle identifier"},
		{family, Program{Helper, "$(X)"}, "bundle identifier"},
	} {
		_, writeErr := c.family.Entitlements(c.program)
		_, checkErr := c.family.Check(list(""), c.program)
		_, mergeErr := c.family.Merge(list(""), c.program)
		for _, err := range []error{writeErr, checkErr, mergeErr} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v %+v: got %v, want %q", c.family, c.program, err, c.want)
			}
		}
	}
	if _, err := ParseKind("daemon"); err == nil {
		t.Error("a kind that is none")
	}
	if k, err := ParseKind("cli"); err != nil || k != Tool {
		t.Errorf("%v, %v", k, err)
	}
}

func TestCheck(t *testing.T) {
	good := key(keyAppID, goodID) + key(keyTeam, goodTeam) + key(keyGroups, goodGroups)
	groups := func(names ...string) string {
		return key(keyAppID, goodID) + key(keyTeam, goodTeam) + key(keyGroups, "<array><string>"+strings.Join(names, "</string><string>")+"</string></array>")
	}
	for _, c := range []struct {
		name    string
		raw     []byte
		program Program
		want    []string // key: part of what was seen
	}{
		{"good", list(good), app, nil},
		{"comment", list("<!-- shared -->" + good), app, []string{": it has a comment,"}},
		{"byte order mark", append([]byte("\xef\xbb\xbf"), list(good)...), app, []string{": byte order mark"}},
		{"twice", list(good + key(keyTeam, goodTeam)), app, []string{keyTeam + ": occurs twice"}},
		{"debug", list(good + key(keyDebug, "<true/>")), app, []string{keyDebug + ": notarization refuses"}},
		{"debug off", list(good + key(keyDebug, "<false/>")), app, nil},
		{"variable", list(groups("$(AppIdentifierPrefix)com.example.shared")), app, []string{keyGroups + ": variable of xcode", keyGroups + ": not among"}},
		{"wildcard", list(groups("ABCDE12345.com.example.shared", "ABCDE12345.*")), app, []string{keyGroups + ": wildcard"}},
		{"empty", list(""), app, []string{keyAppID + ": not there", keyTeam + ": not there", keyGroups + ": not there"}},
		{"other app", list(key(keyAppID, "<string>ABCDE12345.x</string>") + key(keyTeam, goodTeam) + key(keyGroups, goodGroups)), app, []string{keyAppID + ": the family says"}},
		{"team no text", list(key(keyAppID, goodID) + key(keyTeam, "<true/>") + key(keyGroups, goodGroups)), app, []string{keyTeam + ": it is true"}},
		{"groups no list", list(key(keyAppID, goodID) + key(keyTeam, goodTeam) + key(keyGroups, "<true/>")), app, []string{keyGroups + ": it is true"}},
		{"no group", list(key(keyAppID, goodID) + key(keyTeam, goodTeam) + key(keyGroups, "<array/>")), app, []string{keyGroups + ": not among"}},
		{"group second", list(groups("ABCDE12345.other", "ABCDE12345.com.example.shared")), app, []string{keyGroups + ": not the first"}},
		{"foreign group", list(groups("ABCDE12345.com.example.shared", "ZZZZZ99999.x")), app, []string{keyGroups + ": does not start with the team"}},
		{"bare binary", list(key(keyGroups, goodGroups) + key("com.apple.security.cs.allow-jit", "<true/>")), tool, []string{keyGroups + ": macos will kill it"}},
		{"bare binary, nothing restricted", list(key("com.apple.security.cs.allow-jit", "<true/>")), tool, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := family.Check(c.raw, c.program)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %+v, want %v", got, c.want)
			}
			for i, p := range got {
				k, seen, _ := strings.Cut(c.want[i], ": ")
				if p.Key != k || !strings.Contains(p.Seen, seen) || p.Remedy == "" {
					t.Errorf("got %+v, want %s", p, c.want[i])
				}
			}
		})
	}
	if _, err := family.Check([]byte("x"), app); err == nil {
		t.Error("a list that does not read was checked")
	}
}

// TestMerge also shows that the merged list has no fault left.
func TestMerge(t *testing.T) {
	const jit = "com.apple.security.cs.allow-jit"
	for _, c := range []struct {
		name    string
		raw     []byte
		changes []string
		keys    string
	}{
		{"nothing there", list(""), []string{"added " + keyAppID, "added " + keyTeam, "added " + keyGroups}, keyAppID + " " + keyTeam + " " + keyGroups},
		{"other claims stay", list(key(jit, "<true/>") + key(keyAppID, goodID) + key(keyTeam, goodTeam)), []string{"added " + keyGroups}, jit + " " + keyAppID + " " + keyTeam + " " + keyGroups},
		{"comments go", append([]byte("\xef\xbb\xbf"), list("<!-- a --><!-- b -->"+key(keyAppID, goodID)+key(keyTeam, goodTeam)+key(keyGroups, goodGroups))...),
			[]string{"removed 2 comments", "removed the byte order mark"}, keyAppID + " " + keyTeam + " " + keyGroups},
		{"variables", list(key(keyAppID, "<string>$(AppIdentifierPrefix)$(CFBundleIdentifier)</string>") + key(keyTeam, "<string>${DEVELOPMENT_TEAM}</string>") +
			key(keyGroups, "<array><string>$(AppIdentifierPrefix)com.example.shared</string></array>")),
			[]string{"expanded $(AppIdentifierPrefix)$(CFBundleIdentifier)", "expanded ${DEVELOPMENT_TEAM}", "expanded $(AppIdentifierPrefix)com.example.shared"},
			keyAppID + " " + keyTeam + " " + keyGroups},
		{"group becomes first", list(key(keyAppID, goodID) + key(keyTeam, goodTeam) + key(keyGroups, "<array><string>ABCDE12345.other</string><string></string><string>ABCDE12345.com.example.shared</string></array>")),
			[]string{"made ABCDE12345.com.example.shared the first"}, keyAppID + " " + keyTeam + " " + keyGroups},
		{"lone group", list(key(keyAppID, goodID) + key(keyTeam, goodTeam) + key(keyGroups, "<string>ABCDE12345.com.example.shared</string>")),
			[]string{"made ABCDE12345.com.example.shared the first"}, keyAppID + " " + keyTeam + " " + keyGroups},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := family.Merge(c.raw, app)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(m.Changes, c.changes, strings.HasPrefix) || strings.Join(m.Entries.Keys(), " ") != c.keys {
				t.Errorf("changes %q, keys %v", m.Changes, m.Entries.Keys())
			}
			raw, err := m.Entries.XML()
			if err != nil {
				t.Fatal(err)
			}
			if problems, err := family.Check(raw, app); err != nil || len(problems) > 0 {
				t.Errorf("the merged list has %+v, %v", problems, err)
			}
		})
	}
}

func TestMergeKeepsOtherGroupsInOrder(t *testing.T) {
	m, err := family.Merge(list(key(keyGroups, "<array><string>ABCDE12345.b</string><string>ABCDE12345.a</string></array>")), app)
	if err != nil {
		t.Fatal(err)
	}
	groups, _ := m.Entries.Strings(keyGroups)
	if got := strings.Join(groups, " "); got != "ABCDE12345.com.example.shared ABCDE12345.b ABCDE12345.a" {
		t.Errorf("groups %s", got)
	}
}

func TestMergeRefuses(t *testing.T) {
	for _, c := range []struct {
		name     string
		raw      []byte
		program  Program
		want     string
		conflict bool
	}{
		{"other app", list(key(keyAppID, "<string>ABCDE12345.x</string>")), app, "the family says", true},
		{"other team", list(key(keyTeam, "<string>ZZZZZ99999</string>")), app, "the family says", true},
		{"groups of another kind", list(key(keyGroups, "<true/>")), app, "a list of texts", true},
		{"unknown variable", list(key("x", "<string>$(SOMETHING)</string>")), app, "only xcode can expand", false},
		{"unended variable", list(key("x", "<array><string>$(AppIdentifierPrefix</string></array>")), app, "only xcode can expand", false},
		{"twice", list(key("x", "<true/>") + key("x", "<false/>")), app, "occurs twice", false},
		{"bare binary", list(key(keyGroups, goodGroups)), tool, "no place for one", false},
		{"no list", []byte("x"), app, "unreadable", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := family.Merge(c.raw, c.program)
			var conflict *Conflict
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, &conflict) != c.conflict {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestMergeLeavesItsInput(t *testing.T) {
	raw := list(key(keyGroups, "<array><string>$(AppIdentifierPrefix)com.example.shared</string></array>"))
	before := string(raw)
	if _, err := family.Merge(raw, app); err != nil || string(raw) != before {
		t.Errorf("%v, %s", err, raw)
	}
}

func FuzzMerge(f *testing.F) {
	f.Add(list(key(keyGroups, "<array><string>$(AppIdentifierPrefix)x</string><string>ABCDE12345.com.example.shared</string></array>")))
	f.Add(list("<!-- c -->" + key(keyAppID, goodID)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var merged *Merged
		var err error
		allocbound.Check(t, len(raw), 512, func() { merged, err = family.Merge(raw, app) })
		if err != nil {
			return
		}
		out, err := merged.Entries.XML()
		if err != nil {
			return // a character that XML has no form for
		}
		again, err := family.Merge(out, app)
		if err != nil || len(again.Changes) > 0 {
			t.Errorf("merging twice: %v, %v", again, err)
		}
		if diff := plist.Diff(plist.Value{Kind: plist.Dictionary, Entries: merged.Entries}, plist.Value{Kind: plist.Dictionary, Entries: again.Entries}); len(diff) > 0 {
			t.Errorf("the list changed when it was read back: %v", diff)
		}
	})
}
