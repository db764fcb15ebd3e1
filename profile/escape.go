package profile

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// EscapeJSON is the Escape of keys whose account is compact JSON: what stands for
// a placeholder is written as JavaScript's JSON.stringify writes it inside a
// string.
const EscapeJSON = "json"

// escapeJSON writes a text as JSON.stringify does inside a string. Unlike Go it
// leaves <, > and & alone.
func escapeJSON(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ':
			b.WriteString(control(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// control returns the escape of a control character.
func control(r rune) string {
	if i := strings.IndexRune("\b\f\n\r\t", r); i >= 0 {
		return `\` + "bfnrt"[i:i+1]
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// unescapeJSON is the inverse; it reports false for what escapeJSON would not
// have written so.
func unescapeJSON(s string) (string, bool) {
	var text string
	if !utf8.ValidString(s) || json.Unmarshal([]byte(`"`+s+`"`), &text) != nil {
		return "", false
	}
	return text, escapeJSON(text) == s
}

// account returns the account that the values of an alias's placeholders make.
func (a aliasPattern) account(values map[string]string) string {
	if a.key.Escape != EscapeJSON {
		return fill(a.accountFormat, values)
	}
	escaped := map[string]string{}
	for name, v := range values {
		escaped[name] = escapeJSON(v)
	}
	return fill(a.accountFormat, escaped)
}

// matchAccount returns what the placeholders stand for in an account.
func (a aliasPattern) matchAccount(account string) (map[string]string, bool) {
	values, ok := a.accounts.match(account)
	if !ok || a.key.Escape != EscapeJSON {
		return values, ok
	}
	for name, v := range values {
		if values[name], ok = unescapeJSON(v); !ok {
			return nil, false
		}
	}
	return values, true
}
