package preflight

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the rules into docs/PREFLIGHT.md")

var documentPath = filepath.Join("..", "..", "docs", "PREFLIGHT.md")

const (
	rulesFrom = "-update -->\n"
	rulesTo   = "<!-- end of rules -->"
)

// rulesTable is the table of the document.
func rulesTable() string {
	var b strings.Builder
	b.WriteString("| id | level | what is wrong | seen in |\n|---|---|---|---|\n")
	for _, r := range Rules() {
		b.WriteString("| " + r.ID + " | " + string(r.Level) + " | " + r.Title + " | " + strings.Join(r.Incidents, ", ") + " |\n")
	}
	return b.String()
}

func TestDocumentHasTheRules(t *testing.T) {
	data, err := os.ReadFile(documentPath)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(data), rulesFrom)
	old, tail, closed := strings.Cut(rest, rulesTo)
	if !found || !closed {
		t.Fatal("the document has no place for the rules")
	}
	want := rulesTable()
	if old == want {
		return
	}
	if !*update {
		t.Fatal("the rules of docs/PREFLIGHT.md are not those of the code: run go test ./codesign/preflight -run TestDocumentHasTheRules -update")
	}
	if err := os.WriteFile(documentPath, []byte(head+rulesFrom+want+rulesTo+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestDocumentNamesOnlyRulesThatExist looks at every number in the prose.
func TestDocumentNamesOnlyRulesThatExist(t *testing.T) {
	data, err := os.ReadFile(documentPath)
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`KR\d+`).FindAllString(string(data), -1)
	if len(named) < len(Rules()) {
		t.Errorf("the document names %d rules of %d", len(named), len(Rules()))
	}
	for _, n := range named {
		if _, err := Lookup(n); err != nil {
			t.Error(err)
		}
	}
}
