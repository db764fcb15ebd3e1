package file

import "bytes"

// mark is the byte order mark, which programs for Windows put before UTF-8.
const mark = "\ufeff"

// marked is a tree whose text may have a byte order mark, which stays.
type marked struct{ tree }

func (m marked) parse(text []byte) (any, error) { return m.tree.parse(unmarked(text)) }

func (m marked) value(text []byte, steps []string) ([]byte, bool, error) {
	return m.tree.value(unmarked(text), steps)
}

func (m marked) with(text []byte, steps []string, value []byte) ([]byte, any, error) {
	out, parsed, err := m.tree.with(unmarked(text), steps, value)
	return remarked(text, out), parsed, err
}

func (m marked) without(text []byte, steps []string) ([]byte, error) {
	out, err := m.tree.without(unmarked(text), steps)
	return remarked(text, out), err
}

func unmarked(text []byte) []byte { return bytes.TrimPrefix(text, []byte(mark)) }

// remarked gives a text the mark that the one before had.
func remarked(before, text []byte) []byte {
	if bytes.HasPrefix(before, []byte(mark)) {
		return append([]byte(mark), text...)
	}
	return text
}
