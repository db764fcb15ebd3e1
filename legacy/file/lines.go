package file

import "bytes"

// lineEnd returns the end of a text's last line.
func lineEnd(text []byte) string {
	for _, end := range []string{"\r\n", "\n"} {
		if bytes.HasSuffix(text, []byte(end)) {
			return end
		}
	}
	return ""
}

// lineEndOf returns what ends the lines of a text: that of its first line, or LF.
func lineEndOf(text []byte) string {
	first, _, found := bytes.Cut(text, []byte("\n"))
	if found && bytes.HasSuffix(first, []byte("\r")) {
		return "\r\n"
	}
	return "\n"
}

// endLine gives the last line its end.
func endLine(text []byte) []byte {
	if len(text) == 0 || text[len(text)-1] == '\n' {
		return bytes.Clone(text)
	}
	return append(bytes.Clone(text), lineEndOf(text)...)
}

// lineAfter returns where the line after a place begins.
func lineAfter(text []byte, at int) int {
	if next := bytes.IndexByte(text[at:], '\n'); next >= 0 {
		return at + next + 1
	}
	return len(endLine(text)) // where it is once the last line has its end
}
