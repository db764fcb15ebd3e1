package profile

import (
	"errors"
	"slices"
	"strings"
)

// placeholders returns the names in a template, in order.
func placeholders(template string) []string {
	var names []string
	for start, end, ok := nextPlaceholder(template, 0); ok; start, end, ok = nextPlaceholder(template, end) {
		names = append(names, template[start+1:end-1])
	}
	return names
}

// fill replaces each {name} by its value. A name without one stays.
func fill(template string, values map[string]string) string {
	var out strings.Builder
	last := 0
	for start, end, ok := nextPlaceholder(template, 0); ok; start, end, ok = nextPlaceholder(template, end) {
		if v, known := values[template[start+1:end-1]]; known {
			out.WriteString(template[last:start])
			out.WriteString(v)
			last = end
		}
	}
	out.WriteString(template[last:])
	return out.String()
}

// pattern matches text against a template: what stands before its first
// placeholder, and what stands behind each of them.
type pattern struct {
	names  []string
	before string
	behind []string
}

// parsePattern takes a template apart. All placeholders but the last end at the
// first character that follows them; the last takes the rest.
func parsePattern(template string) (pattern, error) {
	p := pattern{before: template}
	if template == "" {
		return p, errors.New("it is empty")
	}
	last := 0
	for start, end, ok := nextPlaceholder(template, 0); ok; start, end, ok = nextPlaceholder(template, end) {
		if len(p.names) == 0 {
			p.before = template[:start]
		} else if start == last {
			return p, errors.New("two placeholders stand side by side")
		} else {
			p.behind = append(p.behind, template[last:start])
		}
		name := template[start+1 : end-1]
		if slices.Contains(p.names, name) {
			return p, errors.New("{" + name + "} stands in it twice")
		}
		p.names = append(p.names, name)
		last = end
	}
	if len(p.names) > 0 {
		p.behind = append(p.behind, template[last:])
	}
	return p, nil
}

// match returns what the placeholders stand for.
func (p pattern) match(s string) (map[string]string, bool) {
	rest, ok := strings.CutPrefix(s, p.before)
	if !ok || len(p.names) == 0 {
		return map[string]string{}, ok && rest == ""
	}
	values := make(map[string]string, len(p.names))
	last := len(p.names) - 1
	for i, name := range p.names[:last] {
		at := -1
		if rest != "" {
			at = strings.Index(rest[1:], p.behind[i])
		}
		if at < 0 {
			return nil, false
		}
		values[name], rest = rest[:1+at], rest[1+at+len(p.behind[i]):]
	}
	rest, ok = strings.CutSuffix(rest, p.behind[last])
	values[p.names[last]] = rest
	return values, ok && rest != ""
}
