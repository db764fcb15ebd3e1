package profile

import (
	"fmt"
	"slices"
	"strings"
)

// ItemsLayout is the layout of items in a desktop's keyring whose attributes the
// profile itself describes. It is the one that takes Attributes and Label.
const ItemsLayout = "secretitems"

// The placeholders of Attributes and Label.
const (
	itemService = "{service}"
	itemAccount = "{account}"
)

const (
	maxAttributes = 16
	maxAttribute  = 1 << 10 // bytes of a name, of a template and of a label
	// ownAttributes begins the names of the attributes of shared items, which no
	// older build's search may meet.
	ownAttributes = "kinring:"
)

// isAttribute leaves out control characters, which D-Bus would carry and no
// library uses.
func isAttribute(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// checkReach checks when the older build passes over a source.
func (l Legacy) checkReach(where string) error {
	if l.Optional != "" && !isSelector(l.Optional) {
		return invalid(where+".optional", fmt.Sprintf("%q is not SELECTOR:MODE,MODE", l.Optional), "name a selector and its modes")
	}
	return l.checkItems(where)
}

// checkItems checks the description of items in a keyring.
func (l Legacy) checkItems(where string) error {
	switch {
	case l.Layout != ItemsLayout && (len(l.Attributes) > 0 || l.Label != ""):
		return invalid(where, "only items of the layout "+ItemsLayout+" are described by attributes and a label", "leave them out")
	case l.Layout != ItemsLayout:
		return nil
	case len(l.Attributes) == 0 || len(l.Attributes) > maxAttributes:
		return invalid(where+".attributes", fmt.Sprintf("there are %d", len(l.Attributes)),
			fmt.Sprintf("name those that the older build writes, at most %d", maxAttributes))
	case len(l.Label) > maxAttribute:
		return invalid(where+".label", "it is too long", fmt.Sprintf("use at most %d bytes", maxAttribute))
	}
	var accounts int
	for name, template := range l.Attributes {
		if err := checkAttribute(name, template); err != nil {
			return invalid(fmt.Sprintf("%s.attributes.%q", where, name), err.Error(), `write it as user = "{account}" or kind = "some text"`)
		}
		accounts += strings.Count(template, itemAccount)
	}
	if accounts != 1 {
		return invalid(where+".attributes", fmt.Sprintf("%s stands in them %d times", itemAccount, accounts),
			"use it in one of them, or a key cannot be told from its item")
	}
	return nil
}

func checkAttribute(name, template string) error {
	switch {
	case !isAttribute(name) || len(name) > maxAttribute || len(template) > maxAttribute:
		return fmt.Errorf("it is empty, too long or holds control characters")
	case strings.HasPrefix(name, ownAttributes):
		return fmt.Errorf("the name is kinring's own")
	}
	used := placeholders(template)
	for _, p := range used {
		if !slices.Contains([]string{itemService, itemAccount}, "{"+p+"}") {
			return fmt.Errorf("{%s} is neither %s nor %s", p, itemService, itemAccount)
		}
	}
	if len(used) > 1 {
		return fmt.Errorf("it has two placeholders")
	}
	return nil
}
