package profile

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kinring/kinring/store"
)

// itemsSource is a profile with one source of items; %s is what describes them.
const itemsSource = "schema = 1\nname = \"x\"\nservice = \"s\"\n[[legacy]]\nlayout = \"secretitems\"\n%s\n"

func TestItemsOfAKeyringAreData(t *testing.T) {
	p, err := Parse("x.toml", fmt.Appendf(nil, itemsSource,
		`attributes = { service = "{service}", account = "u:{account}", application = "App" }
label = "{service}/{account}"
optional = "config:auto,other"`))
	if err != nil {
		t.Fatal(err)
	}
	l := p.Legacy[0]
	name, modes := l.Passes()
	if l.Attributes["account"] != "u:{account}" || l.Label != "{service}/{account}" || name != "config" || len(modes) != 2 || modes[1] != "other" {
		t.Errorf("got %+v, passes in %s %q", l, name, modes)
	}
}

func TestItemsAreChecked(t *testing.T) {
	many := make([]string, maxAttributes+1)
	for i := range many {
		many[i] = fmt.Sprintf("a%d = \"x\"", i)
	}
	for _, c := range []struct{ name, text, want string }{
		{"none", "", "attributes: there are 0"},
		{"too many", "attributes = { " + strings.Join(many, ", ") + " }", "there are 17"},
		{"no account", `attributes = { service = "{service}" }`, "{account} stands in them 0 times"},
		{"two accounts", `attributes = { a = "{account}", b = "{account}" }`, "stands in them 2 times"},
		{"two placeholders", `attributes = { a = "{service}:{account}" }`, "two placeholders"},
		{"unknown placeholder", `attributes = { a = "{account}", b = "{home}" }`, "{home} is neither"},
		{"kinring's own", `attributes = { "kinring:account" = "{account}" }`, "kinring's own"},
		{"empty name", `attributes = { "" = "{account}" }`, "it is empty"},
		{"control character", `attributes = { "a\nb" = "{account}" }`, "control characters"},
		{"long value", `attributes = { a = "{account}", b = "` + strings.Repeat("x", maxAttribute+1) + `" }`, "too long"},
		{"long label", `attributes = { a = "{account}" }` + "\nlabel = \"" + strings.Repeat("x", maxAttribute+1) + `"`, "too long"},
		{"bad optional", `attributes = { a = "{account}" }` + "\noptional = \"auto\"", "not SELECTOR:MODE"},
		{"other layout", "attributes = { a = \"{account}\" }\n[[legacy]]\nlayout = \"l\"\nlabel = \"x\"", "leave them out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("x.toml", fmt.Appendf(nil, itemsSource, c.text))
			if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want invalid with %q", err, c.want)
			}
		})
	}
}
