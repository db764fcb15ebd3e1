package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/kinring/kinring/internal/jsontext"
	"github.com/kinring/kinring/store"
)

// jsonText is the format json.
type jsonText struct{}

var (
	errNotJSON = errors.New("it is not one JSON text")
	errTooDeep = errors.New("it nests too deep")
	errTwice   = errors.New("it has a name more than once in one mapping")
	errAround  = errors.New("it has white space around it")
	// errSurrogate is for a string that no UTF-8 text is equal to.
	errSurrogate = errors.New("the value has half a surrogate pair")
)

// parse refuses names that are given twice: no two programs agree on which of
// them counts.
func (jsonText) parse(text []byte) (any, error) {
	switch {
	case !utf8.Valid(text) || !json.Valid(text):
		return nil, errNotJSON
	case jsontext.TooDeep(text):
		return nil, errTooDeep
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	left := maxNodes
	v, err := decodeJSON(d, &left)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errNotJSON
		}
	}
	return v, err
}

func decodeJSON(d *json.Decoder, left *int) (any, error) {
	if *left--; *left < 0 {
		return nil, errTooMany
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		m := map[string]any{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			if _, twice := m[name.(string)]; twice { // a name is a string in valid JSON
				return nil, errTwice
			}
			if m[name.(string)], err = decodeJSON(d, left); err != nil {
				return nil, err
			}
		}
		_, err = d.Token()
		return m, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := decodeJSON(d, left)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	}
	return t, nil
}

// value returns a string's text, and anything else as the JSON text that it is.
func (f jsonText) value(text []byte, steps []string) ([]byte, bool, error) {
	root, err := f.parse(text)
	if err != nil {
		return nil, false, err
	}
	v, there := reach(root, steps)
	if !there {
		return nil, false, nil
	}
	p, err := placeJSON(text, steps)
	if err != nil {
		return nil, false, err
	}
	raw := text[p.value.start:p.value.end]
	if s, ok := v.(string); ok {
		if jsontext.LosesSurrogates(raw, []byte(s)) {
			return nil, false, errSurrogate
		}
		return []byte(s), true, nil
	}
	return bytes.Clone(raw), true, nil
}

// with keeps a string a string, and anything else what it is.
func (f jsonText) with(text []byte, steps []string, value []byte) ([]byte, any, error) {
	if text == nil {
		text = []byte("{}\n")
	}
	p, err := placeJSON(text, steps)
	if err != nil {
		return nil, nil, err
	}
	if len(p.rest) == 0 && text[p.value.start] != '"' {
		parsed, err := f.parse(value)
		if err == nil && len(bytes.Trim(value, jsontext.Space)) < len(value) {
			err = errAround
		}
		if err != nil {
			return nil, nil, &store.Error{Class: store.ErrInvalid, Detail: "there is JSON text in the file, and the value is none: " + err.Error(),
				Remedy: "give a JSON text"}
		}
		return splice(text, p.value, value), parsed, nil
	}
	in := jsontext.Quote(string(value))
	if len(p.rest) == 0 {
		return splice(text, p.value, in), string(value), nil
	}
	for i := len(p.rest) - 1; i > 0; i-- {
		in = append(append([]byte("{"), p.member(text, p.rest[i], in)...), '}')
	}
	return p.insert(text, p.member(text, p.rest[0], in)), string(value), nil
}

func (jsonText) without(text []byte, steps []string) ([]byte, error) {
	p, err := placeJSON(text, steps)
	if err != nil {
		return nil, err
	}
	if len(p.rest) > 0 || p.at < 0 {
		return nil, noMapping(steps[len(steps)-1])
	}
	cut := p.members[p.at]
	switch {
	case p.at+1 < len(p.members):
		cut.end = p.members[p.at+1].start
	case p.at > 0:
		cut.start = p.members[p.at-1].end
	}
	return splice(text, cut, nil), nil
}

// jsonPlace is where a pointer leads in a text.
type jsonPlace struct {
	// rest are the steps that lead nowhere; none if the value is there.
	rest  []string
	value span
	// members are those of the innermost object on the way, name to value, at which
	// of them the way goes on, -1 in a list, and where its brace is.
	members []span
	at      int
	open    int
}

// placeJSON follows steps in a text that is valid JSON.
func placeJSON(text []byte, steps []string) (jsonPlace, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	p := jsonPlace{rest: steps, at: -1}
	for {
		start := skip(text, d)
		if len(p.rest) == 0 {
			end, err := pass(d)
			p.value = span{start, end}
			return p, err
		}
		t, err := d.Token()
		switch {
		case err != nil:
			return p, err
		case t == json.Delim('{'):
			p.open = start
			inside, err := p.object(text, d)
			if err != nil || !inside {
				return p, err
			}
		case t == json.Delim('['):
			if err := p.list(text, d); err != nil {
				return p, err
			}
		default:
			return p, noMapping(p.rest[0])
		}
	}
}

// skip returns where the decoder's next token begins.
func skip(text []byte, d *json.Decoder) int {
	i := jsontext.SkipSpace(text, int(d.InputOffset()))
	for i < len(text) && (text[i] == ',' || text[i] == ':') {
		i = jsontext.SkipSpace(text, i+1)
	}
	return i
}

// pass reads a value and returns where it ends.
func pass(d *json.Decoder) (int, error) {
	var raw json.RawMessage
	err := d.Decode(&raw)
	return int(d.InputOffset()), err
}

// object goes through the members of an object. If the next step is one of them
// it goes in, with a decoder that has its value before it; all members' places are
// found first, with a decoder of its own.
func (p *jsonPlace) object(text []byte, d *json.Decoder) (inside bool, err error) {
	p.members, p.at = nil, -1
	scan := json.NewDecoder(bytes.NewReader(text[p.open:]))
	if _, err := scan.Token(); err != nil {
		return false, err
	}
	for scan.More() {
		start := skip(text[p.open:], scan)
		name, err := scan.Token()
		if err != nil {
			return false, err
		}
		end, err := pass(scan)
		if err != nil {
			return false, err
		}
		if name == p.rest[0] {
			p.at = len(p.members)
		}
		p.members = append(p.members, span{p.open + start, p.open + end})
	}
	if p.at < 0 {
		return false, nil
	}
	for range p.at {
		if _, err := d.Token(); err != nil {
			return false, err
		}
		if _, err := pass(d); err != nil {
			return false, err
		}
	}
	_, err = d.Token()
	p.rest = p.rest[1:]
	return true, err
}

// list goes in to the element that the next step names.
func (p *jsonPlace) list(text []byte, d *json.Decoder) error {
	n, ok := index(p.rest[0], len(text))
	if !ok {
		return noMapping(p.rest[0])
	}
	for range n {
		if !d.More() {
			return noMapping(p.rest[0])
		}
		if _, err := pass(d); err != nil {
			return err
		}
	}
	if !d.More() {
		return noMapping(p.rest[0])
	}
	p.rest, p.members, p.at = p.rest[1:], nil, -1
	return nil
}

// member writes a member as the object around it does.
func (p jsonPlace) member(text []byte, name string, value []byte) []byte {
	out := append(jsontext.Quote(name), ':')
	if len(p.members) == 0 || bytes.Contains(text[p.members[0].start:p.members[0].end], []byte(": ")) {
		out = append(out, ' ')
	}
	return append(out, value...)
}

// insert puts a member behind the last one, with the white space that the first
// one has before it.
func (p jsonPlace) insert(text, member []byte) []byte {
	if len(p.members) == 0 {
		return splice(text, span{p.open + 1, p.open + 1}, member)
	}
	space := text[p.open+1 : p.members[0].start]
	end := p.members[len(p.members)-1].end
	return splice(text, span{end, end}, append(append([]byte(","), space...), member...))
}
