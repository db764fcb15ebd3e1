package profile

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// placeholderForm is {name}. Text such as {"key":1} holds none.
var placeholderForm = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)

// placeholders returns the names in a template, in order.
func placeholders(template string) []string {
	var names []string
	for _, m := range placeholderForm.FindAllStringSubmatch(template, -1) {
		names = append(names, m[1])
	}
	return names
}

// fill replaces each {name} by its value. A name without one stays.
func fill(template string, values map[string]string) string {
	return placeholderForm.ReplaceAllStringFunc(template, func(m string) string {
		if v, ok := values[m[1:len(m)-1]]; ok {
			return v
		}
		return m
	})
}

// pattern matches text against a template.
type pattern struct {
	names []string
	re    *regexp.Regexp
}

// parsePattern compiles a template. All placeholders but the last end at the
// first character that follows them; the last takes the rest.
func parsePattern(template string) (pattern, error) {
	var p pattern
	var re strings.Builder
	re.WriteString(`(?s)^`)
	end := 0
	spans := placeholderForm.FindAllStringSubmatchIndex(template, -1)
	for i, m := range spans {
		if i > 0 && m[0] == end {
			return p, errors.New("two placeholders stand side by side")
		}
		re.WriteString(regexp.QuoteMeta(template[end:m[0]]))
		if i < len(spans)-1 {
			re.WriteString(`(.+?)`)
		} else {
			re.WriteString(`(.+)`)
		}
		name := template[m[2]:m[3]]
		if slices.Contains(p.names, name) {
			return p, errors.New("{" + name + "} stands in it twice")
		}
		p.names = append(p.names, name)
		end = m[1]
	}
	re.WriteString(regexp.QuoteMeta(template[end:]) + `$`)
	if template == "" {
		return p, errors.New("it is empty")
	}
	p.re = regexp.MustCompile(re.String())
	return p, nil
}

// match returns what the placeholders stand for.
func (p pattern) match(s string) (map[string]string, bool) {
	m := p.re.FindStringSubmatch(s)
	if m == nil {
		return nil, false
	}
	values := make(map[string]string, len(p.names))
	for i, name := range p.names {
		values[name] = m[i+1]
	}
	return values, true
}
