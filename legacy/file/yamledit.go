package file

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/kinring/kinring/internal/jsontext"
)

// yamlPlace is where a pointer leads in a document.
type yamlPlace struct {
	rest    []string     // steps that lead nowhere
	value   *yaml.Node   // if rest is empty
	parents []*yaml.Node // the collections on the way
	name    *yaml.Node   // of the value in the innermost mapping
}

func (f yamlText) place(text []byte, steps []string) (yamlPlace, error) {
	root, err := f.document(text)
	if err == nil && hasOddBreaks(text) {
		err = errFormOf("it has line ends other than LF and CRLF")
	}
	p := yamlPlace{rest: steps, value: root}
	for err == nil && len(p.rest) > 0 && p.value != nil {
		child, name := step(p.value, p.rest[0])
		if child == nil && p.value.Kind == yaml.ScalarNode && p.value.ShortTag() != "!!null" {
			return p, noMapping(p.rest[0])
		}
		if child == nil {
			break
		}
		p.parents, p.name = append(p.parents, p.value), name
		p.value, p.rest = child, p.rest[1:]
	}
	return p, err
}

// hasOddBreaks reports line ends that count as such in YAML and nowhere else, so
// that what one of them ends would be taken for a part of the next line.
func hasOddBreaks(text []byte) bool {
	plain := bytes.ReplaceAll(text, []byte("\r\n"), nil)
	return bytes.ContainsAny(plain, "\r\u0085\u2028\u2029")
}

func step(n *yaml.Node, step string) (child, name *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i+1], n.Content[i]
			}
		}
	case yaml.SequenceNode:
		if i, ok := index(step, len(n.Content)); ok {
			return n.Content[i], nil
		}
	}
	return nil, nil
}

// offset turns a node's line and column, which count from 1, columns in
// characters, into a place in the text.
func offset(text []byte, n *yaml.Node) int {
	at := 0
	for line := 1; line < n.Line; line++ {
		next := bytes.IndexByte(text[at:], '\n')
		if next < 0 {
			return len(text)
		}
		at += next + 1
	}
	for column := 1; column < n.Column && at < len(text); column++ {
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return at
}

// spanOf returns where a scalar stands in the text: in quotes, or plain on one
// line. Blocks and what goes over several lines are errForm.
func spanOf(text []byte, n *yaml.Node) (span, error) {
	start := offset(text, n)
	rest := text[start:]
	switch {
	case n.Kind != yaml.ScalarNode:
	case n.Style&yaml.DoubleQuotedStyle != 0 && bytes.HasPrefix(rest, []byte(`"`)):
		return span{start, jsontext.StringEnd(text, start)}, nil
	case n.Style&yaml.SingleQuotedStyle != 0 && bytes.HasPrefix(rest, []byte("'")):
		for i := 1; i < len(rest); i++ {
			if rest[i] == '\'' {
				if i+1 < len(rest) && rest[i+1] == '\'' {
					i++
					continue
				}
				return span{start, start + i + 1}, nil
			}
		}
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 && bytes.HasPrefix(rest, []byte(n.Value)):
		return span{start, start + len(n.Value)}, nil
	}
	return span{}, errFormOf("the value is written over several lines, or with a tag or an anchor")
}

// with writes a value in quotes, unless it replaces a plain one and is as plain.
func (f yamlText) with(text []byte, steps []string, value []byte) ([]byte, any, error) {
	p, err := f.place(text, steps)
	if err != nil {
		return nil, nil, err
	}
	if len(p.rest) > 0 {
		out, err := p.insert(text, yamlQuote(value))
		return out, scalar{"!!str", string(value)}, err
	}
	at, err := spanOf(text, p.value)
	if err != nil {
		return nil, nil, err
	}
	in := yamlQuote(value)
	switch {
	case p.value.ShortTag() == "!!null" && at.start == at.end:
		in = append([]byte(" "), in...)
	case p.value.Style == 0 && isPlain(value, p.value.ShortTag()):
		in = value
	}
	parsed := scalar{"!!str", string(value)}
	if p.value.Style == 0 && len(in) == len(value) {
		parsed.tag = p.value.ShortTag()
	}
	return splice(text, at, in), parsed, nil
}

// yamlQuote writes a value as a string of JSON, which YAML 1.2 takes too.
func yamlQuote(value []byte) []byte {
	return bytes.ReplaceAll(jsontext.Quote(string(value)), []byte("\x7f"), []byte(`\x7f`))
}

// isPlain reports whether a value may stand without quotes and means the same.
func isPlain(value []byte, tag string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/+=-"
	if len(value) == 0 || len(bytes.Trim(value, letters)) > 0 || value[0] == '-' {
		return false
	}
	var n yaml.Node
	return yaml.Unmarshal(value, &n) == nil && len(n.Content) == 1 && scalarOf(n.Content[0]) == scalar{tag, string(value)}
}

// insert adds a member to the innermost mapping on the way, or makes it.
func (p yamlPlace) insert(text, value []byte) ([]byte, error) {
	in := p.value
	switch {
	case in == nil, in.Kind == yaml.ScalarNode && len(p.parents) == 0: // nothing but comments, or null
		return append(endLine(text), block(p.rest, value, "", lineEndOf(text))...), nil
	case in.Kind == yaml.ScalarNode && p.name != nil && in.Value == "":
		return p.insertBelow(text, value)
	case in.Kind != yaml.MappingNode:
		return nil, noMapping(p.rest[0])
	case in.Style&yaml.FlowStyle != 0:
		return p.insertFlow(text, value), nil
	}
	first, last := in.Content[0], in.Content[len(in.Content)-1]
	at := offset(text, first)
	line := bytes.LastIndexByte(text[:at], '\n') + 1
	indent := string(text[line:at])
	if strings.TrimLeft(indent, " ") != "" {
		return nil, errFormOf("its mapping begins behind a dash")
	}
	place := line
	if end, err := spanOf(text, lastLeaf(last)); err == nil {
		place = lineAfter(text, end.end)
	}
	return splice(endLine(text), span{place, place}, block(p.rest, value, indent, lineEndOf(text))), nil
}

// lastLeaf returns the last node in the lines of another.
func lastLeaf(n *yaml.Node) *yaml.Node {
	for len(n.Content) > 0 && n.Style&yaml.FlowStyle == 0 {
		n = n.Content[len(n.Content)-1]
	}
	return n
}

// insertBelow makes a mapping of a name without a value.
func (p yamlPlace) insertBelow(text, value []byte) ([]byte, error) {
	if p.parents[len(p.parents)-1].Style&yaml.FlowStyle != 0 {
		return nil, errFormOf("its mapping stands in braces")
	}
	indent := strings.Repeat(" ", p.name.Column+1)
	place := lineAfter(text, offset(text, p.name))
	return splice(endLine(text), span{place, place}, block(p.rest, value, indent, lineEndOf(text))), nil
}

// insertFlow adds a member to a mapping in braces.
func (p yamlPlace) insertFlow(text, value []byte) []byte {
	at := offset(text, p.value) + 1
	in := value
	for i := len(p.rest) - 1; i > 0; i-- {
		in = append(append(append([]byte("{"), yamlName(p.rest[i])...), in...), '}')
	}
	in = append(yamlName(p.rest[0]), in...)
	if len(p.value.Content) > 0 {
		at = offset(text, p.value.Content[0])
		in = append(in, ", "...)
	}
	return splice(text, span{at, at}, in)
}

func yamlName(name string) []byte {
	out := yamlQuote([]byte(name))
	if isPlain([]byte(name), "!!str") {
		out = []byte(name)
	}
	return append(out, ": "...)
}

// block writes nested mappings, one line each.
func block(steps []string, value []byte, indent, end string) []byte {
	var out []byte
	for i, s := range steps {
		out = append(append(out, indent...), bytes.TrimRight(yamlName(s), " ")...)
		if i == len(steps)-1 {
			out = append(append(out, ' '), value...)
		}
		out, indent = append(out, end...), indent+"  "
	}
	return out
}

// without removes the lines of a member, or what it is between braces.
func (f yamlText) without(text []byte, steps []string) ([]byte, error) {
	p, err := f.place(text, steps)
	if err != nil {
		return nil, err
	}
	if len(p.rest) > 0 || p.name == nil || p.value.Kind != yaml.ScalarNode {
		return nil, noMapping(steps[len(steps)-1])
	}
	end, err := spanOf(text, p.value)
	if err != nil {
		return nil, err
	}
	start := offset(text, p.name)
	if p.parents[len(p.parents)-1].Style&yaml.FlowStyle != 0 {
		return withoutFlow(text, span{start, end.end}), nil
	}
	line := bytes.LastIndexByte(text[:start], '\n') + 1
	after := min(lineAfter(text, end.end), len(text))
	if len(bytes.TrimLeft(text[line:start], " ")) > 0 {
		return nil, errFormOf("its line has more before it")
	}
	return splice(text, span{line, after}, nil), nil
}

// withoutFlow takes the comma too: the one behind the member, or else the one
// before it.
func withoutFlow(text []byte, cut span) []byte {
	behind := jsontext.SkipSpace(text, cut.end)
	if behind < len(text) && text[behind] == ',' {
		cut.end = jsontext.SkipSpace(text, behind+1)
		return splice(text, cut, nil)
	}
	before := bytes.TrimRight(text[:cut.start], jsontext.Space)
	if bytes.HasSuffix(before, []byte(",")) {
		cut.start = len(before) - 1
	}
	return splice(text, cut, nil)
}
