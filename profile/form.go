package profile

import "strings"

// The forms of names are looked at by hand: a program that reads one secret would
// spend more time on compiling regular expressions than on the secret.
const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

// only reports whether a text consists of these characters. The empty text does
// not.
func only(s, characters string) bool { return s != "" && strings.TrimLeft(s, characters) == "" }

// begins reports whether a text begins with one of these characters.
func begins(s, characters string) bool { return s != "" && strings.IndexByte(characters, s[0]) >= 0 }

const maxName = 64 // bytes of a family's name

// isName reports whether a family may have this name: [a-z0-9]([a-z0-9-]*[a-z0-9])?
func isName(s string) bool {
	return only(s, lower+digits+"-") && s[0] != '-' && s[len(s)-1] != '-' && len(s) <= maxName
}

// maxSource is short, because a record of 200 bytes holds each source's name.
const maxSource = 12

// isSource reports whether a legacy source may have this name: [a-z0-9][a-z0-9-]*
func isSource(s string) bool {
	return only(s, lower+digits+"-") && s[0] != '-' && len(s) <= maxSource
}

// isSelector reports whether a text is SELECTOR:MODE,MODE, each [a-z0-9-]+
func isSelector(s string) bool {
	name, modes, ok := strings.Cut(s, ":")
	if !ok || !only(name, lower+digits+"-") {
		return false
	}
	for mode := range strings.SplitSeq(modes, ",") {
		if !only(mode, lower+digits+"-") {
			return false
		}
	}
	return true
}

// isVariable reports whether a variable may have this name: [a-z][a-z0-9_]*
func isVariable(s string) bool { return only(s, lower+digits+"_") && begins(s, lower) }

// isTeam reports whether a text is one of Apple's team identifiers, which have ten
// characters.
func isTeam(s string) bool { return only(s, upper+digits) && len(s) == 10 }

// isGroup reports whether an access group may have this name:
// [A-Za-z0-9][A-Za-z0-9._-]*. There is no wildcard: a group of one item is a name,
// and macOS takes a wildcard in a program's own entitlements literally.
func isGroup(s string) bool {
	return only(s, lower+upper+digits+"._-") && begins(s, lower+upper+digits)
}

// isAttribute leaves out control characters, which D-Bus would carry and no
// library uses.
func isAttribute(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// nextPlaceholder finds the first {name} from an offset on, where a name is that
// of a variable. Text such as {"key":1} holds none.
func nextPlaceholder(template string, from int) (start, end int, ok bool) {
	for start = from; start < len(template); start++ {
		if template[start] != '{' {
			continue
		}
		name := template[start+1:]
		rest := strings.TrimLeft(name, lower+digits+"_")
		name = name[:len(name)-len(rest)]
		if strings.HasPrefix(rest, "}") && isVariable(name) {
			return start, start + len("{}") + len(name), true
		}
	}
	return 0, 0, false
}
