package safestorage

import (
	"context"

	"github.com/kinring/kinring/legacy/loginkeychain"
	"github.com/kinring/kinring/store"
)

// LoginKeychain finds an app's key in the macOS login keychain. It may ask a
// person, as reading any item of another program may.
type LoginKeychain struct {
	App     string // as the system shows it, for example "Code"
	Options loginkeychain.Options
}

// Secret returns the text of the item "<App> Safe Storage". Only the form of
// macOS has a key there.
func (l LoginKeychain) Secret(ctx context.Context, form Form) ([]byte, error) {
	if form != DarwinKey {
		return nil, &store.Error{Class: store.ErrUnsupported, Detail: "the login keychain has no key of this form"}
	}
	return loginkeychain.SafeStorageText(ctx, l.App, l.Options)
}
