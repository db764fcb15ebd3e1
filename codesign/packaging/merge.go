package packaging

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kinring/kinring/codesign/plist"

	"github.com/kinring/kinring/internal/lazyregexp"
)

// Merged is an entitlements list that has been brought in line.
type Merged struct {
	Entries plist.Dict
	Changes []string // what was done, in words; empty: nothing had to be
}

// Conflict says that a list and the family disagree, and only a person can tell
// which one is right.
type Conflict struct {
	Key, Has, Want string
}

// Error names both sides.
func (c *Conflict) Error() string {
	return fmt.Sprintf("%s is %s in the file, and the family says %s; correct the one that is wrong", c.Key, c.Has, c.Want)
}

// Merge adds what a program must claim to an entitlements list. Variables of
// Xcode that only Xcode expands are expanded; comments, which make codesign drop
// the list, go. What contradicts the family is a *Conflict.
func (f Family) Merge(raw []byte, p Program) (*Merged, error) {
	want, err := f.Entitlements(p)
	if err != nil {
		return nil, err
	}
	doc, err := plist.ParseDict(raw)
	if err != nil {
		return nil, err
	}
	if len(doc.Duplicates) > 0 {
		return nil, fmt.Errorf("the key %s occurs twice; remove the wrong one", doc.Duplicates[0])
	}
	m := &Merged{}
	m.noteForm(doc)
	if m.Entries, err = m.expand(doc.Root.Entries, f, p); err != nil {
		return nil, err
	}
	if p.Kind == Tool {
		return m, refuseRestricted(m.Entries)
	}
	return m, m.add(want)
}

func (m *Merged) note(format string, args ...any) {
	m.Changes = append(m.Changes, fmt.Sprintf(format, args...))
}

func (m *Merged) noteForm(doc *plist.Document) {
	if doc.Comments > 0 {
		m.note("removed %s, with which codesign drops the list", comments(doc.Comments))
	}
	if doc.ByteMark {
		m.note("removed the byte order mark")
	}
	if doc.Format != plist.XML {
		m.note("converted the list to xml")
	}
}

// refuseRestricted refuses claims that a bare binary cannot have.
func refuseRestricted(entries plist.Dict) error {
	for _, key := range entries.Keys() {
		if restricted(key) {
			return fmt.Errorf("%s needs a provisioning profile, and a bare binary has no place for one; wrap it as a helper app, or remove the claim", key)
		}
	}
	return nil
}

// add puts the family's claims into the list.
func (m *Merged) add(want plist.Dict) error {
	for _, w := range want {
		i := slices.IndexFunc(m.Entries, func(e plist.Entry) bool { return e.Key == w.Key })
		switch {
		case i < 0:
			m.Entries = append(m.Entries, w)
			m.note("added %s", w.Key)
		case w.Key == keyGroups:
			if err := m.addGroup(&m.Entries[i].Value, w.Value.Items[0].Text); err != nil {
				return err
			}
		case !m.Entries[i].Value.Equal(w.Value):
			return &Conflict{Key: w.Key, Has: m.Entries[i].Value.String(), Want: w.Value.String()}
		}
	}
	return nil
}

// addGroup makes the family's group the first of the list: a program that names
// no group writes into the first one.
func (m *Merged) addGroup(v *plist.Value, group string) error {
	have, ok := v.Strings()
	if !ok {
		return &Conflict{Key: keyGroups, Has: v.String(), Want: "a list of texts"}
	}
	if len(have) > 0 && have[0] == group && v.Kind == plist.Array {
		return nil
	}
	items := []plist.Value{text(group)}
	for _, g := range have {
		if g != group && g != "" {
			items = append(items, text(g))
		}
	}
	*v = plist.Value{Kind: plist.Array, Items: items}
	m.note("made %s the first of %s", group, keyGroups)
	return nil
}

// variableForm is a build setting of Xcode: $(NAME) or ${NAME}.
var variableForm = lazyregexp.New(`\$[({]([A-Za-z0-9_:]*)[)}]`)

// variables are the settings that stand in entitlements, and what Xcode makes of
// them. The prefixes end with a dot.
func variables(f Family, p Program) map[string]string {
	return map[string]string{
		"AppIdentifierPrefix": f.Team + ".", "TeamIdentifierPrefix": f.Team + ".", "DEVELOPMENT_TEAM": f.Team,
		"CFBundleIdentifier": p.ID, "PRODUCT_BUNDLE_IDENTIFIER": p.ID,
	}
}

// expand replaces the variables in every text of a list.
func (m *Merged) expand(entries plist.Dict, f Family, p Program) (plist.Dict, error) {
	known, out := variables(f, p), slices.Clone(entries)
	for i := range out {
		v, err := m.expandValue(out[i].Key, out[i].Value, known)
		if err != nil {
			return nil, err
		}
		out[i].Value = v
	}
	return out, nil
}

func (m *Merged) expandValue(key string, v plist.Value, known map[string]string) (plist.Value, error) {
	switch v.Kind {
	case plist.String:
		return m.expandText(key, v, known)
	case plist.Array:
		v.Items = slices.Clone(v.Items)
		for i := range v.Items {
			item, err := m.expandValue(key, v.Items[i], known)
			if err != nil {
				return v, err
			}
			v.Items[i] = item
		}
	}
	return v, nil
}

func (m *Merged) expandText(key string, v plist.Value, known map[string]string) (plist.Value, error) {
	expanded := variableForm().ReplaceAllStringFunc(v.Text, func(found string) string {
		if value := known[found[2:len(found)-1]]; value != "" {
			return value
		}
		return found
	})
	if hasVariable(expanded) {
		return v, fmt.Errorf("%s holds %q, which only xcode can expand; write the value itself", key, v.Text)
	}
	if expanded != v.Text {
		m.note("expanded %s in %s to %s", v.Text, key, expanded)
		v.Text = expanded
	}
	return v, nil
}

func hasVariable(s string) bool { return strings.Contains(s, "$(") || strings.Contains(s, "${") }
