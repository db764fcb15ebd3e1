package profile

import "strings"

// Regular expressions would say the same, and every program that holds a secret
// would link them.

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// form is how a name has to look: which ASCII characters it begins with, goes on
// with and ends with (empty: as it goes on), and its length in bytes, where 0 as
// the most is no limit.
type form struct {
	first, rest, last string
	atLeast, atMost   int
}

// has reports whether a text has the form. An empty one never has.
func (f form) has(s string) bool {
	switch {
	case s == "", len(s) < f.atLeast, f.atMost > 0 && len(s) > f.atMost:
		return false
	case f.last != "" && strings.IndexByte(f.last, s[len(s)-1]) < 0:
		return false
	}
	return strings.IndexByte(f.first, s[0]) >= 0 && strings.Trim(s[1:], f.rest) == ""
}

// isSelector reports whether a text is SELECTOR:MODE,MODE.
func isSelector(s string) bool {
	name, modes, _ := strings.Cut(s, ":")
	for _, mode := range strings.Split(modes, ",") {
		if !modeForm.has(mode) {
			return false
		}
	}
	return modeForm.has(name)
}
