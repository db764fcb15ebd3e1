// Package gokeyring reads and writes the items that programs built on
// github.com/zalando/go-keyring keep in the desktop's keyring on Linux, as legacy
// sources of the layout "gokeyring". Importing it registers the layout.
//
// An item has the attributes service and username and lies in the collection
// "login", or in the default one where there is no "login". It is searched for by
// both in that collection alone.
//
// Source: go-keyring v0.2.8, keyring_unix.go and secret_service.
package gokeyring

import (
	"github.com/kinring/kinring/legacy/internal/items"
	"github.com/kinring/kinring/store"
)

func init() { store.RegisterLayout(Layout) }

var attributes = items.Attributes{"service": items.Service, "username": items.Account}

// login is where the library looks.
var login = items.Named("login", items.Default)

// Layout is the layout "gokeyring".
var Layout = items.Layout{
	Kind:        "gokeyring",
	Attributes:  attributes,
	Label:       "Password for '" + items.Account + "' on '" + items.Service + "'",
	ContentType: "text/plain; charset=utf8",
	Searches:    []items.Search{{Attributes: attributes, In: login}},
	Home:        login,
}
