package file

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/kinring/kinring/internal/jsontext"
	"github.com/kinring/kinring/internal/tomltext"
)

// tomlText is the format toml: TOML 1.0.
type tomlText struct{}

var (
	errNotTOML   = errors.New("it is not TOML")
	errNotString = errors.New("the value is no string")
)

func (tomlText) parse(text []byte) (any, error) {
	if err := tomltext.Check(text); err != nil {
		return nil, tooMany(err)
	}
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

// tomlEntry is one key and value as they stand in the text.
type tomlEntry struct {
	path  []string // from the root, with the indexes of lists
	value span     // of a string; else empty
	line  span     // all lines of the expression
	table int      // the number of the table header before it, 0 for none
	inner bool     // it is a part of an array or of an inline table
}

// tomlTable is a table's header.
type tomlTable struct {
	path []string // as of an entry
	line span
}

// tomlLayout is how a text is made up.
type tomlLayout struct {
	entries []tomlEntry
	tables  []tomlTable // by number; number 0 is what stands before all headers
	lengths map[string]int
}

func layOut(text []byte) (tomlLayout, error) {
	out := tomlLayout{tables: make([]tomlTable, 1), lengths: map[string]int{}}
	var p unstable.Parser
	p.Reset(text)
	for p.NextExpression() {
		n := p.Expression()
		switch n.Kind {
		case unstable.Table, unstable.ArrayTable:
			path, at := keyOf(n)
			out.tables = append(out.tables, tomlTable{out.resolve(path, n.Kind == unstable.ArrayTable), linesOf(text, at)})
		case unstable.KeyValue:
			at := spanOfRange(n.Raw)
			table := len(out.tables) - 1
			out.entry(n, tomlEntry{path: out.tables[table].path, table: table, line: linesOf(text, at)})
		}
	}
	if p.Error() != nil {
		return out, errNotTOML
	}
	return out, nil
}

// resolve puts the indexes of arrays of tables into the path of a header: a header
// is about the last element so far, and one of an array begins the next.
func (l *tomlLayout) resolve(header []string, begins bool) []string {
	var path []string
	array := "" // the path as a name
	for i, name := range header {
		path, array = append(path, name), array+strconv.Quote(name)
		if begins && i == len(header)-1 {
			l.lengths[array]++
		}
		if n := l.lengths[array]; n > 0 {
			index := strconv.Itoa(n - 1)
			path, array = append(path, index), array+strconv.Quote(index)
		}
	}
	return path
}

// entry adds a key and its value to e.path, and the strings in it.
func (l *tomlLayout) entry(n *unstable.Node, e tomlEntry) {
	path, _ := keyOf(n)
	e.path = slices.Concat(e.path, path)
	l.value(n.Value(), e)
}

func (l *tomlLayout) value(n *unstable.Node, e tomlEntry) {
	if n.Kind == unstable.String {
		e.value = spanOfRange(n.Raw)
	}
	l.entries = append(l.entries, e)
	e.inner = true
	index := 0
	for it := n.Children(); it.Next(); index++ {
		switch {
		case n.Kind == unstable.InlineTable:
			l.entry(it.Node(), e)
		case n.Kind == unstable.Array:
			part := e
			part.path = slices.Concat(e.path, []string{strconv.Itoa(index)})
			l.value(it.Node(), part)
		}
	}
}

func spanOfRange(r unstable.Range) span { return span{int(r.Offset), int(r.Offset + r.Length)} }

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
		if slices.Equal(e.path, steps) && e.value.end > 0 {
			return e, true
		}
	}
	return tomlEntry{}, false
}

func (tomlText) with(text []byte, steps []string, value []byte) ([]byte, any, error) {
	l, err := layOut(text)
	if err != nil {
		return nil, nil, err
	}
	in := tomlQuote(value)
	if e, there := l.find(steps); there {
		return splice(text, e.value, in), string(value), nil
	}
	return l.insert(text, steps, in), string(value), nil
}

// tomlQuote writes a basic string: JSON's, with DEL escaped too.
func tomlQuote(value []byte) []byte {
	return bytes.ReplaceAll(jsontext.Quote(string(value)), []byte("\x7f"), []byte(`\u007F`))
}

// insert adds a line where the value's table has its others, or a table at the end
// of the text.
func (l tomlLayout) insert(text []byte, steps []string, value []byte) []byte {
	last, end := len(steps)-1, lineEndOf(text)
	place, number := l.placeIn(steps[:last])
	key := steps[len(l.tables[number].path):]
	var header []byte
	if place < 0 {
		key, place = steps[last:], len(text)
		if len(text) > 0 {
			header = []byte(end)
		}
		header = append(append(append(append(header, '['), tomlKey(steps[:last])...), ']'), end...)
	}
	line := append(append(append(tomlKey(key), " = "...), value...), end...)
	if place == len(text) {
		text = endLine(text)
		place = len(text)
	}
	return splice(text, span{place, place}, append(header, line...))
}

// placeIn returns where a member of a table goes, and the number of the header that
// it is under: behind the last member that stands under the table's own header,
// else behind one whose dotted key makes the table. It returns -1 for neither.
func (l tomlLayout) placeIn(table []string) (place, number int) {
	place = -1
	for i, t := range l.tables {
		if slices.Equal(t.path, table) {
			place, number = t.line.end, i
		}
	}
	own := place >= 0
	for _, e := range l.entries {
		makes := len(e.path) > len(table) && slices.Equal(e.path[:len(table)], table) && len(l.tables[e.table].path) < len(table)
		if !e.inner && (own && e.table == number || !own && makes) {
			place, number = e.line.end, e.table
		}
	}
	return place, number
}

func tomlKey(path []string) []byte {
	names := make([][]byte, len(path))
	for i, name := range path {
		names[i] = tomlName(name)
	}
	return bytes.Join(names, []byte("."))
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
	if !there || e.inner {
		return nil, errFormOf("the value stands in an inline table or an array")
	}
	return splice(text, e.line, nil), nil
}
