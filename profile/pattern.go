package profile

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// placeholder is one {name} of a template, and where it stands.
type placeholder struct {
	name     string
	from, to int
}

// scan returns the placeholders of a template, in order. Text such as {"key":1}
// holds none.
func scan(template string) (found []placeholder) {
	for at := 0; ; {
		open := strings.IndexByte(template[at:], '{')
		if open < 0 {
			return found
		}
		from := at + open
		name, _, closed := strings.Cut(template[from+1:], "}")
		if !closed {
			return found
		}
		at = from + 1
		if varForm.has(name) {
			at += len(name) + 1
			found = append(found, placeholder{name, from, at})
		}
	}
}

// placeholders returns the names in a template, in order.
func placeholders(template string) []string {
	var names []string
	for _, p := range scan(template) {
		names = append(names, p.name)
	}
	return names
}

// fill replaces each {name} by its value. A name without one stays.
func fill(template string, values map[string]string) string {
	var b strings.Builder
	end := 0
	for _, p := range scan(template) {
		if v, ok := values[p.name]; ok {
			b.WriteString(template[end:p.from])
			b.WriteString(v)
			end = p.to
		}
	}
	return b.String() + template[end:]
}

// pattern matches text against a template: a literal before each name, and one
// after the last.
type pattern struct {
	names    []string
	literals []string
}

// parsePattern reads a template. All placeholders but the last end where the
// literal after them first stands; the last takes the rest.
func parsePattern(template string) (pattern, error) {
	var p pattern
	end := 0
	for i, found := range scan(template) {
		switch {
		case i > 0 && found.from == end:
			return p, errors.New("two placeholders stand side by side")
		case slices.Contains(p.names, found.name):
			return p, errors.New("{" + found.name + "} stands in it twice")
		}
		p.names = append(p.names, found.name)
		p.literals = append(p.literals, template[end:found.from])
		end = found.to
	}
	p.literals = append(p.literals, template[end:])
	if template == "" {
		return p, errors.New("it is empty")
	}
	return p, nil
}

// match returns what the placeholders stand for, each for at least a character.
func (p pattern) match(s string) (map[string]string, bool) {
	rest, ok := strings.CutPrefix(s, p.literals[0])
	values := make(map[string]string, len(p.names))
	for i, name := range p.names {
		if !ok {
			break
		}
		values[name], rest, ok = cut(rest, p.literals[i+1], i == len(p.names)-1)
	}
	return values, ok && rest == ""
}

// cut splits a text at a literal, after at least a character: where it first
// stands, or at the end of the text.
func cut(s, literal string, atEnd bool) (value, rest string, ok bool) {
	_, first := utf8.DecodeRuneInString(s)
	at := strings.Index(s[first:], literal)
	if atEnd && at >= 0 {
		at = strings.LastIndex(s[first:], literal)
		ok = first+at+len(literal) == len(s)
	}
	if at < 0 || first == 0 || atEnd && !ok {
		return "", "", false
	}
	return s[:first+at], s[first+at+len(literal):], true
}
