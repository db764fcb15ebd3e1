package authjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/kinring/kinring/internal/jsontext"
)

// maxMembers bounds what is taken for one of Codex's JSON files: they hold an
// entry for each server that a person signed in to.
const maxMembers = 1 << 14

var (
	errTooMany    = fmt.Errorf("it has more than %d entries", maxMembers)
	errEntryTwice = errors.New("it has the entry more than once")
)

// span is a part of a text: data[start:end].
type span struct{ start, end int }

func (s span) of(data []byte) []byte { return data[s.start:s.end] }

// member is one name and value of an object, where they stand in its text. The
// name's span includes its quotes; white space around the value is in no span.
type member struct{ name, value span }

// object is the outermost object of a text and its members in order.
type object struct {
	text    []byte
	open    int // of the brace
	members []member
}

// parseObject finds the members of the outermost object.
func parseObject(text []byte) (object, error) {
	if err := jsontext.CheckObject(text); err != nil {
		return object{}, err
	}
	o := object{text: text, open: jsontext.SkipSpace(text, 0)}
	for i := jsontext.SkipSpace(text, o.open+1); text[i] != '}'; {
		if len(o.members) == maxMembers {
			return object{}, errTooMany
		}
		m := memberAt(text, i)
		o.members = append(o.members, m)
		if i = jsontext.SkipSpace(text, m.value.end); text[i] == ',' {
			i = jsontext.SkipSpace(text, i+1)
		}
	}
	return o, nil
}

// memberAt reads the member whose name begins at i. Like everything below it
// relies on valid JSON.
func memberAt(text []byte, i int) member {
	name := span{i, jsontext.StringEnd(text, i)}
	colon := jsontext.SkipSpace(text, name.end)
	start := jsontext.SkipSpace(text, colon+1)
	return member{name, span{start, valueEnd(text, start)}}
}

// valueEnd returns where the value ends that begins at i.
func valueEnd(text []byte, i int) int {
	switch text[i] {
	case '"':
		return jsontext.StringEnd(text, i)
	case '{', '[':
		return bracketEnd(text, i)
	}
	for i < len(text) && bytes.IndexByte([]byte(",}]"+jsontext.Space), text[i]) < 0 {
		i++
	}
	return i
}

func bracketEnd(text []byte, i int) int {
	depth := 0
	for ; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = jsontext.StringEnd(text, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return i
}

// nameOf returns a member's name without its quotes and escapes.
func (o object) nameOf(m member) string {
	var name string
	if json.Unmarshal(m.name.of(o.text), &name) != nil {
		return "" // cannot be: the text is valid JSON
	}
	return name
}

// find returns the index of the only member of that name, or -1 if there is
// none.
func (o object) find(name string) (int, error) {
	found := -1
	for i, m := range o.members {
		if o.nameOf(m) != name {
			continue
		}
		if found >= 0 {
			return -1, errEntryTwice
		}
		found = i
	}
	return found, nil
}

// without returns the text without member i and the comma that went with it.
// Every other byte stays.
func (o object) without(i int) []byte {
	cut := span{o.members[i].name.start, o.members[i].value.end}
	switch {
	case i+1 < len(o.members):
		cut.end = o.members[i+1].name.start
	case i > 0:
		cut.start = o.members[i-1].value.end
	}
	return splice(o.text, cut, nil)
}

// with returns the text with value as the value of member i; every other byte
// stays.
func (o object) with(i int, value []byte) []byte {
	return splice(o.text, o.members[i].value, value)
}

// appended returns the text with one member more, behind the others and as
// compact as Codex writes them.
func (o object) appended(name string, value []byte) []byte {
	m := append(jsontext.Quote(name), ':')
	m = append(m, value...)
	at := o.open + 1
	if n := len(o.members); n > 0 {
		at, m = o.members[n-1].value.end, append([]byte{','}, m...)
	}
	return splice(o.text, span{at, at}, m)
}

func splice(text []byte, out span, in []byte) []byte {
	return slices.Concat(text[:out.start], in, text[out.end:])
}
