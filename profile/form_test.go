package profile

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The forms of names, as regular expressions say them.
var forms = map[string]struct {
	has func(string) bool
	re  *regexp.Regexp
}{
	"name":      {nameForm.has, regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)},
	"source":    {sourceForm.has, regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,11}$`)},
	"selector":  {isSelector, regexp.MustCompile(`^[a-z0-9-]+:[a-z0-9-]+(,[a-z0-9-]+)*$`)},
	"variable":  {varForm.has, regexp.MustCompile(`^[a-z][a-z0-9_]*$`)},
	"team":      {teamForm.has, regexp.MustCompile(`^[A-Z0-9]{10}$`)},
	"group":     {groupForm.has, regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)},
	"attribute": {isAttribute, regexp.MustCompile(`^[^\x00-\x1f\x7f]+$`)},
}

// TestForms: each form takes and refuses what its regular expression does.
func TestForms(t *testing.T) {
	for name, f := range forms {
		t.Run(name, func(t *testing.T) {
			taken := 0
			rapid.Check(t, func(t *rapid.T) {
				s := rapid.OneOf(rapid.StringMatching(f.re.String()), rapid.StringMatching(`[aZ0_.:,\n\x00-]{0,66}`), rapid.String()).Draw(t, "text")
				if f.has(s) != f.re.MatchString(s) {
					t.Fatalf("%q: %v", s, f.has(s))
				}
				if f.has(s) {
					taken++
				}
			})
			if taken == 0 || f.has("") {
				t.Errorf("took %d texts; an empty one: %v", taken, f.has(""))
			}
		})
	}
}

// compiled is a template as a regular expression: every placeholder but the last
// takes as little as it can.
func compiled(template string) (*regexp.Regexp, []string) {
	var names []string
	re, end := `(?s)^`, 0
	spans := regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`).FindAllStringSubmatchIndex(template, -1)
	for i, m := range spans {
		names = append(names, template[m[2]:m[3]])
		re += regexp.QuoteMeta(template[end:m[0]]) + `(.+?)`
		if i == len(spans)-1 {
			re = strings.TrimSuffix(re, `?)`) + `)`
		}
		end = m[1]
	}
	return regexp.MustCompile(re + regexp.QuoteMeta(template[end:]) + `$`), names
}

// TestPatterns: a template matches what its regular expression does, and its
// placeholders stand for the same.
func TestPatterns(t *testing.T) {
	matched := 0
	rapid.Check(t, func(t *rapid.T) {
		template := rapid.StringMatching(`([ab{}|ü]|\{[abc]\}){1,8}`).Draw(t, "template")
		p, err := parsePattern(template)
		if err != nil {
			return
		}
		re, names := compiled(template)
		if !slices.Equal(placeholders(template), names) || !slices.Equal(p.names, names) {
			t.Fatalf("%q has %q and %q", template, p.names, names)
		}
		filled := fill(template, map[string]string{"a": "a|", "b": "ü", "c": "{a}"})
		s := rapid.OneOf(rapid.Just(filled), rapid.StringMatching(`[ab{}|ü\n]{0,10}`), rapid.Just(template)).Draw(t, "text")
		values, ok := p.match(s)
		want := re.FindStringSubmatch(s)
		if ok != (want != nil) {
			t.Fatalf("%q in %q: %v", s, template, ok)
		}
		for i, name := range names {
			if ok && values[name] != want[i+1] {
				t.Fatalf("%q in %q: {%s} is %q, want %q", s, template, name, values[name], want[i+1])
			}
		}
		if ok {
			matched++
		}
	})
	if matched == 0 {
		t.Error("nothing matched")
	}
}

// TestFill: placeholders without a value stay, braces that are none too.
func TestFill(t *testing.T) {
	for template, want := range map[string]string{
		"":               "",
		"{a}":            "1",
		"{{a}}-{b}{c}-":  "{1}-2{c}-",
		`{"key":1}{a`:    `{"key":1}{a`,
		"{a{b}}{A}{}{1}": "{a2}{A}{}{1}",
	} {
		if got := fill(template, map[string]string{"a": "1", "b": "2"}); got != want {
			t.Errorf("%q became %q, want %q", template, got, want)
		}
	}
}
