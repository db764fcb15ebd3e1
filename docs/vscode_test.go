package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// specified are the rows of behaviour that docs/VSCODE.md has to answer.
var specified = strings.Fields(`R1 R2 R3 R4 R5 R6 R7 R8 W1 W2 W3 W4 W5 D1 D2 L1 L2 M1 M2 M3 M4 M5 M6
	E1 E2 E3 E4 E5 E6 P1–P4 I1–I3 F1 F2 S1 S2 T1 T2 N1 N2 O1 G1–G4 X1 X2`)

// TestVSCodeRows: each row is there once, in order, and names a test that exists.
func TestVSCodeRows(t *testing.T) {
	text, err := os.ReadFile("VSCODE.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| ([A-Z][0-9]\S*) \| .+ \| (.+) \|$`).FindAllStringSubmatch(string(text), -1)
	var got []string
	for _, r := range rows {
		got = append(got, r[1])
		tests := named.FindAllStringSubmatch(r[2], -1)
		if len(tests) == 0 {
			t.Errorf("row %s names no test", r[1])
		}
		for _, m := range tests {
			if !exists(t, filepath.Join("..", filepath.FromSlash(m[1])), m[2]) {
				t.Errorf("row %s: there is no %s in %q", r[1], m[2], m[1])
			}
		}
	}
	if strings.Join(got, " ") != strings.Join(specified, " ") {
		t.Errorf("the rows are %v, want %v", got, specified)
	}
}
