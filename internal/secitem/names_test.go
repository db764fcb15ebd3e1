package secitem

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for text, want := range map[string][2]bool{ // a team, a name
		"ABCDE12345": {true, true}, "ABCDE1234": {false, true}, "ABCDE123456": {false, true}, "abcde12345": {false, true}, "ABCDE.2345": {false, true},
		"ABCDE1234\n": {}, "ABCDE1234\"": {}, "ABCDE1234*": {}, "": {}, "com.example.app-1_x": {false, true}, "com.*": {}, "$(Team)x": {}, "a b": {}, "\u00e4bcdefghi": {},
		strings.Repeat("a", 300): {false, true},
	} {
		if got := [2]bool{IsTeam(text), IsName(text)}; got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
