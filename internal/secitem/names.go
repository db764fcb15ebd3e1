package secitem

import "strings"

const (
	teamCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	nameCharacters = teamCharacters + "abcdefghijklmnopqrstuvwxyz._-"
)

// IsTeam reports whether a text can be one of Apple's team identifiers.
func IsTeam(s string) bool { return len(s) == 10 && strings.Trim(s, teamCharacters) == "" }

// IsName reports whether a text can be an identifier of code or an access group:
// nothing in it is a wildcard, a quote or a build setting.
func IsName(s string) bool { return s != "" && strings.Trim(s, nameCharacters) == "" }
