// Package secretitems reads and writes items of the desktop's keyring on Linux
// whose attributes the profile describes, as legacy sources of the layout
// "secretitems". Importing it registers the layout. It serves libraries that
// need no code of their own, such as keytar and Python's keyring; docs/KEYRINGS.md
// shows their profiles.
//
// A new item gets all of the attributes and lies in the default collection. An
// item is searched for, in all collections, by those attributes that have a
// placeholder: the constant ones say who wrote it, and libraries do not search by
// them.
package secretitems

import (
	"github.com/kinring/kinring/internal/jsontext"
	"github.com/kinring/kinring/legacy/internal/items"
	"github.com/kinring/kinring/store"
)

func init() { store.RegisterLayout(Layout{kind}) }

// Layout is the layout "secretitems".
type Layout struct{ items.Layout }

var kind = items.Layout{
	Kind:        "secretitems",
	ContentType: "text/plain",
	Home:        items.Default,
	Normal:      jsontext.Canonical,
}

// Open returns the source. The profile must describe the items.
func (l Layout) Open(config store.SourceConfig) (store.Store, error) {
	if len(config.Attributes) == 0 {
		return nil, &store.Error{Class: store.ErrInvalid, Op: "open", Store: config.Name,
			Detail: "it is not said which attributes the items have", Remedy: "give the source attributes"}
	}
	l.Attributes, l.Label = config.Attributes, config.Label
	l.Searches = []items.Search{{Attributes: l.Attributes.Placed()}}
	return l.Layout.Open(config)
}
