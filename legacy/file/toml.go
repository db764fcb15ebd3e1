package file

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/kinring/kinring/internal/jsontext"
)

// tomlText is the format toml: TOML 1.0.
type tomlText struct{}

var (
	errNotTOML   = errors.New("it is not TOML")
	errNotString = errors.New("the value is no string")
)

func (tomlText) parse(text []byte) (any, error) {
	var m map[string]any
	if !utf8.Valid(text) || toml.Unmarshal(text, &m) != nil { // its own error would quote the text
		return nil, errNotTOML
	}
	if len(m) == 0 {
		return nil, nil
	}
	return m, nil
}

func (f tomlText) value(text []byte, steps []string) ([]byte, bool, error) {
	root, err := f.parse(text)
	if err != nil {
		return nil, false, err
	}
	v, there := reach(root, steps)
	if !there {
		return nil, false, nil
	}
	s, ok := v.(string)
	if !ok {
		return nil, false, errNotString
	}
	return []byte(s), true, nil
}

// tomlEntry is one key and value as they stand in the text, with the table that
// they are in.
type tomlEntry struct {
	path  []string
	value span // of a string; else empty
	line  span // all lines of the expression
	table int  // the number of the table header before it, 0 for none
}

// tomlTable is a table's header.
type tomlTable struct {
	path  []string
	array bool
	line  span
}

// tomlLayout is how a text is made up.
type tomlLayout struct {
	entries []tomlEntry
	tables  []tomlTable // number n has index n-1
}

func layOut(text []byte) (tomlLayout, error) {
	var out tomlLayout
	var p unstable.Parser
	p.Reset(text)
	for p.NextExpression() {
		n := p.Expression()
		switch n.Kind {
		case unstable.Table, unstable.ArrayTable:
			path, at := keyOf(n)
			out.tables = append(out.tables, tomlTable{path, n.Kind == unstable.ArrayTable, linesOf(text, at)})
		case unstable.KeyValue:
			out.entry(text, n)
		}
	}
	if p.Error() != nil {
		return out, errNotTOML
	}
	return out, nil
}

func (l *tomlLayout) entry(text []byte, n *unstable.Node) {
	e := tomlEntry{table: len(l.tables)}
	if e.table > 0 {
		e.path = append(e.path, l.tables[e.table-1].path...)
	}
	path, at := keyOf(n)
	e.path = append(e.path, path...)
	if v := n.Value(); v.Kind == unstable.String {
		e.value = span{int(v.Raw.Offset), int(v.Raw.Offset + v.Raw.Length)}
		at.end = e.value.end
	}
	e.line = linesOf(text, at)
	l.entries = append(l.entries, e)
}

// keyOf returns a dotted key, and where it stands.
func keyOf(n *unstable.Node) (path []string, at span) {
	for it := n.Key(); it.Next(); {
		k := it.Node()
		if len(path) == 0 {
			at.start = int(k.Raw.Offset)
		}
		at.end = int(k.Raw.Offset + k.Raw.Length)
		path = append(path, string(k.Data))
	}
	return path, at
}

// linesOf widens a part of the text to whole lines.
func linesOf(text []byte, at span) span {
	return span{bytes.LastIndexByte(text[:at.start], '\n') + 1, min(lineAfter(text, at.end), len(text))}
}

func (l tomlLayout) find(steps []string) (tomlEntry, bool) {
	for _, e := range l.entries {
		if same(e.path, steps) && e.value.end > 0 && !l.inArray(e) {
			return e, true
		}
	}
	return tomlEntry{}, false
}

func (l tomlLayout) inArray(e tomlEntry) bool { return e.table > 0 && l.tables[e.table-1].array }

func same(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func (f tomlText) with(text []byte, steps []string, value []byte) ([]byte, any, error) {
	l, err := layOut(text)
	if err != nil {
		return nil, nil, err
	}
	in := tomlQuote(value)
	if e, there := l.find(steps); there {
		return splice(text, e.value, in), string(value), nil
	}
	if root, err := f.parse(text); err != nil {
		return nil, nil, err
	} else if _, there := reach(root, steps); there {
		return nil, nil, errFormOf("the value stands in an inline table or an array")
	}
	return l.insert(text, steps, in), string(value), nil
}

// tomlQuote writes a basic string: JSON's, with DEL escaped too.
func tomlQuote(value []byte) []byte {
	return bytes.ReplaceAll(jsontext.Quote(string(value)), []byte("\x7f"), []byte(`\u007F`))
}

// insert adds a line at the end of the value's table, before the empty lines and
// comments of the next one, or a table at the end of the text.
func (l tomlLayout) insert(text []byte, steps []string, value []byte) []byte {
	table, name := steps[:len(steps)-1], steps[len(steps)-1]
	line := append(append(tomlName(name), " = "...), append(value, '\n')...)
	number, place := l.tableOf(table)
	if number < 0 {
		header := []byte("[")
		for i, s := range table {
			if i > 0 {
				header = append(header, '.')
			}
			header = append(header, tomlName(s)...)
		}
		out := endLine(text)
		if len(out) > 0 {
			out = append(out, '\n')
		}
		return append(append(out, append(header, "]\n"...)...), line...)
	}
	for _, e := range l.entries {
		if e.table == number {
			place = e.line.end
		}
	}
	if place == len(text) {
		text = endLine(text)
		place = len(text)
	}
	return splice(text, span{place, place}, line)
}

// tableOf returns the number of a table and where its header's line ends, 0 for
// what stands before all tables, and -1 for a table without a header.
func (l tomlLayout) tableOf(path []string) (number, end int) {
	if len(path) == 0 {
		return 0, 0
	}
	for i, t := range l.tables {
		if !t.array && same(t.path, path) {
			return i + 1, t.line.end
		}
	}
	return -1, 0
}

func tomlName(name string) []byte {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	if name != "" && len(bytes.Trim([]byte(name), letters)) == 0 {
		return []byte(name)
	}
	return tomlQuote([]byte(name))
}

// without removes the value's lines.
func (tomlText) without(text []byte, steps []string) ([]byte, error) {
	l, err := layOut(text)
	if err != nil {
		return nil, err
	}
	e, there := l.find(steps)
	if !there {
		return nil, errFormOf("the value stands in an inline table or an array")
	}
	return splice(text, e.line, nil), nil
}
