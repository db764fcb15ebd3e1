// Package jsontext judges and compares JSON as text: bytes in, no values out,
// because the texts are secrets that have to come back byte for byte.
package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxDepth is how deep a text may nest. What programs keep as secrets nests no
// deeper than a few levels.
const MaxDepth = 64

// What keeps a text from being one JSON object. None quotes it.
var (
	ErrNotText   = errors.New("it is not UTF-8")
	ErrNotObject = errors.New("it is not a JSON object")
	ErrTooDeep   = fmt.Errorf("it nests deeper than %d levels", MaxDepth)
)

// CheckObject returns nil if data is one JSON object, in UTF-8 and not nested
// beyond reason, as the older builds' files are. What their parsers would
// refuse must not be taken for a secret.
func CheckObject(data []byte) error {
	if !utf8.Valid(data) {
		return ErrNotText
	}
	if TooDeep(data) {
		return ErrTooDeep
	}
	trimmed := bytes.TrimLeft(data, Space)
	if !bytes.HasPrefix(trimmed, []byte("{")) || !json.Valid(data) {
		return ErrNotObject
	}
	return nil
}

// Space is the white space of RFC 8259, section 2.
const Space = " \t\n\r"

// TooDeep counts brackets outside strings. It needs no valid JSON, so that it
// can go before a parser that keeps a stack.
func TooDeep(data []byte) bool {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			i = StringEnd(data, i) - 1
		case '{', '[':
			if depth++; depth > MaxDepth {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

// SkipSpace returns where the text goes on behind white space at i.
func SkipSpace(text []byte, i int) int {
	for i < len(text) && bytes.IndexByte([]byte(Space), text[i]) >= 0 {
		i++
	}
	return i
}

// StringEnd returns where the string ends that begins at i, or the text's end
// if it does not.
func StringEnd(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// Quote returns s as a JSON string. It escapes no more than JSON demands, as
// Codex does: "&" stays "&".
func Quote(s string) []byte {
	b, err := encode(s)
	if err != nil {
		return nil // cannot be: every string can be encoded
	}
	return b
}
