package wire

import (
	"github.com/kinring/kinring/store"
)

// capabilities are the names of what a store may promise.
var capabilities = []struct {
	name string
	of   func(*store.Capabilities) *bool
}{
	{"atomic-absent", func(c *store.Capabilities) *bool { return &c.AtomicAbsent }},
	{"atomic-match", func(c *store.Capabilities) *bool { return &c.AtomicMatch }},
	{"fenced", func(c *store.Capabilities) *bool { return &c.Fenced }},
	{"records", func(c *store.Capabilities) *bool { return &c.Records }},
	{"read-only", func(c *store.Capabilities) *bool { return &c.ReadOnly }},
	{"persistent", func(c *store.Capabilities) *bool { return &c.Persistent }},
	{"may-prompt", func(c *store.Capabilities) *bool { return &c.MayPrompt }},
}

// FromInfo describes a store. Its change events are not among its capabilities
// here: they do not pass through the protocol.
func FromInfo(info store.Info) Store {
	s := Store{Kind: info.Kind, ID: info.ID, MaxValue: info.Capabilities.ValueLimit(), Capabilities: []string{}}
	for _, c := range capabilities {
		if *c.of(&info.Capabilities) {
			s.Capabilities = append(s.Capabilities, c.name)
		}
	}
	return s
}

// Info returns the store's description. Capabilities that this build does not
// know are left out: it cannot rely on them.
func (s Store) Info() store.Info {
	info := store.Info{Kind: s.Kind, ID: s.ID}
	if s.MaxValue < store.MaxValue {
		info.Capabilities.MaxValue = s.MaxValue
	}
	for _, name := range s.Capabilities {
		for _, c := range capabilities {
			if c.name == name {
				*c.of(&info.Capabilities) = true
			}
		}
	}
	return info
}

// FromCondition writes a condition down.
func FromCondition(c store.Condition) Condition {
	revision, _ := c.Revision()
	return Condition{If: c.String(), Revision: string(revision)}
}

// Store returns the condition. A missing one is refused: whoever writes says what
// may be overwritten.
func (c Condition) Store() (store.Condition, error) {
	switch {
	case c.If == "any" && c.Revision == "":
		return store.Any(), nil
	case c.If == "absent" && c.Revision == "":
		return store.Absent(), nil
	case c.If == "match":
		return store.Match(store.Revision(c.Revision)), nil
	}
	return store.Condition{}, Refuse(CodeInvalidParams, "the condition is none of any, absent and match with a revision", "see docs/BROKER.md")
}

// Store returns the key.
func (k Key) Store() store.Key { return store.Key(k) }

// Store returns the item. It copies the value.
func (i Item) Store() (store.Item, error) {
	record, err := store.ParseRecord(i.Record)
	if err != nil {
		return store.Item{}, err
	}
	return store.Item{Value: store.NewValue(i.Value), Record: record, Revision: store.Revision(i.Revision)}, nil
}
