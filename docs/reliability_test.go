// Package docs_test holds the documents to what they say.
package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// named matches the name of a test with its package's folder, as in
// `coexist.TestOutOfReach`; a bare dot is the module's root.
var named = regexp.MustCompile("`([a-z0-9/]*)\\.(Test[A-Za-z0-9]+)`")

// open says what a defect still waits for.
var open = regexp.MustCompile(`open: needs (macOS|the broker|VS Code's layout)`)

// row is a line of a table of defects: its number, the defect, what closes it.
var row = regexp.MustCompile(`^\| (\d+) \| (.+) \| (.+) \|$`)

func reliability(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("RELIABILITY.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestEveryNamedTestExists: a document that names a test that is gone promises
// what nobody checks.
func TestEveryNamedTestExists(t *testing.T) {
	found := named.FindAllStringSubmatch(reliability(t), -1)
	if len(found) < 20 {
		t.Errorf("only %d tests are named", len(found))
	}
	for _, m := range found {
		if !exists(t, filepath.Join("..", filepath.FromSlash(m[1])), m[2]) {
			t.Errorf("there is no %s in %q", m[2], m[1])
		}
	}
}

// exists reports whether a folder's tests have a function of this name.
func exists(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(t *testing.T) ") {
			return true
		}
	}
	return false
}

// TestEveryDefectIsAnswered: each seed's table has all its defects, and each of
// them names a test, or what it waits for.
func TestEveryDefectIsAnswered(t *testing.T) {
	for heading, want := range map[string]int{"### openai/codex#14855": 9, "### microsoft/vscode#308990": 10} {
		_, section, found := strings.Cut(reliability(t), "\n"+heading+"\n")
		if !found {
			t.Fatalf("there is no section %s", heading)
		}
		section, _, _ = strings.Cut(section, "\n#")
		n := 0
		for line := range strings.Lines(section) {
			m := row.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil {
				continue
			}
			n++
			if !named.MatchString(m[3]) && !open.MatchString(m[3]) {
				t.Errorf("%s, %s: neither closed nor open: %s", heading, m[1], m[3])
			}
		}
		if n != want {
			t.Errorf("%s lists %d defects, want %d", heading, n, want)
		}
	}
}
