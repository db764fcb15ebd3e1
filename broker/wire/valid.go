package wire

import "bytes"

// deepest is how deep values may lie in each other here. Messages have no need of
// more.
const deepest = 8

// surelyValid reports whether a text is valid JSON of the kind that messages
// consist of. It is several times faster than the standard library's check, which
// decides about everything else; a fuzz target compares them.
func surelyValid(text []byte) bool {
	rest, ok := pastValue(skipSpace(text), deepest)
	return ok && len(skipSpace(rest)) == 0
}

// pastValue returns what follows a value.
func pastValue(s []byte, depth int) (rest []byte, ok bool) {
	if len(s) == 0 || depth == 0 {
		return s, false
	}
	switch s[0] {
	case '"':
		return pastString(s)
	case '{':
		return pastList(s, '}', depth, pastField)
	case '[':
		return pastList(s, ']', depth, pastValue)
	}
	for _, word := range []string{"true", "false", "null"} {
		if rest, ok := bytes.CutPrefix(s, []byte(word)); ok {
			return rest, true
		}
	}
	return pastInteger(s)
}

// pastList returns what follows a list of elements in brackets.
func pastList(s []byte, end byte, depth int, past func([]byte, int) ([]byte, bool)) (rest []byte, ok bool) {
	if s = skipSpace(s[1:]); len(s) > 0 && s[0] == end {
		return s[1:], true
	}
	for {
		if s, ok = past(s, depth-1); !ok {
			return s, false
		}
		if s = skipSpace(s); len(s) == 0 {
			return s, false
		}
		if s[0] == end {
			return s[1:], true
		}
		if s[0] != ',' {
			return s, false
		}
		s = skipSpace(s[1:])
	}
}

// pastField returns what follows a name and its value.
func pastField(s []byte, depth int) (rest []byte, ok bool) {
	if len(s) == 0 || s[0] != '"' {
		return s, false
	}
	if s, ok = pastString(s); !ok {
		return s, false
	}
	if s = skipSpace(s); len(s) == 0 || s[0] != ':' {
		return s, false
	}
	return pastValue(skipSpace(s[1:]), depth)
}

// pastString returns what follows a string without escapes.
func pastString(s []byte) (rest []byte, ok bool) {
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[i+1:], true
		case c == '\\' || c < ' ':
			return s, false
		}
	}
	return s, false
}

// pastInteger returns what follows a whole number that is not negative.
func pastInteger(s []byte) (rest []byte, ok bool) {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	whole := n > 0 && (n == 1 || s[0] != '0')
	return s[n:], whole && (n == len(s) || ends(s[n]))
}
