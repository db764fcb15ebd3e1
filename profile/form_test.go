package profile

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// texts calls f with every text of at most n characters of an alphabet.
func texts(alphabet string, n int, f func(string)) {
	f("")
	for length, texts := 1, []string{""}; length <= n; length++ {
		var longer []string
		for _, s := range texts {
			for i := range len(alphabet) {
				longer = append(longer, s+alphabet[i:i+1])
				f(s + alphabet[i:i+1])
			}
		}
		texts = longer
	}
}

// The forms that are looked at by hand are those that these expressions describe.
func TestFormsAreAsDescribed(t *testing.T) {
	for _, c := range []struct {
		expression string
		is         func(string) bool
		alphabet   string
	}{
		{`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`, isName, "a9-A\n"},
		{`^[a-z0-9][a-z0-9-]{0,11}$`, isSource, "a9-A\n"},
		{`^[a-z0-9-]+:[a-z0-9-]+(,[a-z0-9-]+)*$`, isSelector, "a-:,A"},
		{`^[a-z][a-z0-9_]*$`, isVariable, "a9_-A"},
		{`^[A-Z0-9]{10}$`, isTeam, "A9a"},
		{`^[A-Za-z0-9][A-Za-z0-9._-]*$`, isGroup, "aA9.-*"},
		{`^[^\x00-\x1f\x7f]+$`, isAttribute, "a\x00\x1f\x7f\x80"},
	} {
		re := regexp.MustCompile(c.expression)
		check := func(s string) {
			for _, s := range []string{s, s + strings.Repeat("a", 11), strings.Repeat("9", 63) + s, strings.Repeat("A", 9) + s} {
				if c.is(s) != re.MatchString(s) {
					t.Fatalf("%q and %s: got %v", s, c.expression, c.is(s))
				}
			}
		}
		texts(c.alphabet, 5, check)
	}
}

// expression is what a pattern means.
func expression(template string) (*regexp.Regexp, []string) {
	form := regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)
	var names []string
	re, end := `(?s)^`, 0
	spans := form.FindAllStringSubmatchIndex(template, -1)
	for i, m := range spans {
		re += regexp.QuoteMeta(template[end:m[0]]) + map[bool]string{true: `(.+)`, false: `(.+?)`}[i == len(spans)-1]
		names, end = append(names, template[m[2]:m[3]]), m[1]
	}
	return regexp.MustCompile(re + regexp.QuoteMeta(template[end:]) + `$`), names
}

func TestPatternsMatchAsExpressionsDo(t *testing.T) {
	for _, template := range []string{"x", "{a}", "x{a}", "{a}x", "x{a}x", "{a}x{b}", "{a}x{b}x", "x{a}y{b}x{c}y", "{a}xy{b}xy", "{{a}}", "{a{b}", "{A}x", "{1}{a}"} {
		p, err := parsePattern(template)
		if err != nil {
			t.Fatal(err)
		}
		re, names := expression(template)
		if !slices.Equal(names, placeholders(template)) || !slices.Equal(names, p.names) {
			t.Fatalf("%s: placeholders %q, %q, not %q", template, placeholders(template), p.names, names)
		}
		texts("xy{a", 7, func(s string) {
			m := re.FindStringSubmatch(s)
			values, ok := p.match(s)
			if ok != (m != nil) {
				t.Fatalf("%q against %s: %v", s, template, ok)
			}
			for i, name := range names {
				if ok && values[name] != m[i+1] {
					t.Fatalf("%q against %s: {%s} is %q, not %q", s, template, name, values[name], m[i+1])
				}
			}
		})
	}
}
