// Package rustkeyring reads and writes the items that programs built on the Rust
// crate keyring keep in the desktop's keyring on Linux, as legacy sources.
// Importing it registers two layouts:
//
//	rustkeyring   crate versions 2 and 3 (the OpenAI Codex CLI has 3.6.3)
//	rustkeyring4  crate version 4, with the store dbus-secret-service-keyring-store
//
// # Versions 2 and 3
//
// An item has the attributes service, username, target ("default" unless the
// program names a target) and application ("rust-keyring"). It is searched for in
// all collections by service, username and target; if there is none, by service
// and username alone in the default collection, where version 1 of the crate kept
// them. That second search meets the items of many other programs, zalando's
// go-keyring and version 4 among them, and takes them for its own; so does this
// source, because the older build does.
//
// # Version 4
//
// An item has the attributes service and username, and is searched for by them
// in all collections, so that it finds those of versions 2 and 3.
//
// Targets other than "default" are collections of their own and not read.
//
// Sources: keyring-rs 3.6.3, src/secret_service.rs; what @napi-rs/keyring 1.1.6
// (crate 2.3.2) and 2.1.2 (crate 4) and Codex 0.169.0 were seen to send.
package rustkeyring

import (
	"github.com/kinring/kinring/internal/jsontext"
	"github.com/kinring/kinring/legacy/internal/items"
	"github.com/kinring/kinring/store"
)

func init() {
	store.RegisterLayout(Layout)
	store.RegisterLayout(Layout4)
}

// What the crate writes where a program names no target.
const (
	target      = "default"
	application = "rust-keyring"
)

// byName is how version 1 and version 4 search.
var byName = items.Attributes{"service": items.Service, "username": items.Account}

// Layout is the layout "rustkeyring". The label names the version of the crate;
// nothing reads it.
var Layout = items.Layout{
	Kind:        "rustkeyring",
	Attributes:  items.Attributes{"service": items.Service, "username": items.Account, "target": target, "application": application},
	Label:       items.Account + "@" + items.Service + ":" + target + " (keyring v3.6.3)",
	ContentType: "text/plain",
	Searches: []items.Search{
		{Attributes: items.Attributes{"service": items.Service, "username": items.Account, "target": target}},
		{Attributes: byName, In: items.Default},
	},
	Home:   items.Default,
	Normal: jsontext.Canonical,
}

// Layout4 is the layout "rustkeyring4".
var Layout4 = items.Layout{
	Kind:        "rustkeyring4",
	Attributes:  byName,
	Label:       "keyring:" + items.Account + "@" + items.Service,
	ContentType: "application/octet-stream",
	Searches:    []items.Search{{Attributes: byName}},
	Home:        items.Default,
	Normal:      jsontext.Canonical,
}
