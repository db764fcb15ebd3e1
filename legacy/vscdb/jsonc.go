package vscdb

import "bytes"

// stripComments returns JSON with comments and trailing commas as plain JSON of
// the same length: both become spaces. What is no such text comes out as
// something that is no JSON either.
func stripComments(text []byte) []byte {
	out := append([]byte{}, text...)
	comma := -1 // a comma with nothing but space behind it so far
	for i := 0; i < len(out); {
		switch c := out[i]; {
		case c == '"':
			i, comma = endOfString(out, i), -1
		case c == '/' && i+1 < len(out) && (out[i+1] == '/' || out[i+1] == '*'):
			i = blank(out, i)
		case c == ',':
			i, comma = i+1, i
		case (c == '}' || c == ']') && comma >= 0:
			out[comma] = ' '
			i, comma = i+1, -1
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		default:
			i, comma = i+1, -1
		}
	}
	return out
}

// endOfString returns the index after the string that begins at i.
func endOfString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// blank overwrites the comment that begins at i and returns the index after it.
func blank(b []byte, i int) int {
	end := len(b)
	if b[i+1] == '*' {
		if n := bytes.Index(b[i+2:], []byte("*/")); n >= 0 {
			end = i + 2 + n + 2
		}
	} else if n := bytes.IndexByte(b[i:], '\n'); n >= 0 {
		end = i + n
	}
	for ; i < end; i++ {
		b[i] = ' '
	}
	return end
}
