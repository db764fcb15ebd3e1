package safestorage

import (
	"context"

	"github.com/kinring/kinring/store"
)

// loginLayout is the layout that reads an app's item in the macOS login keychain;
// the package legacy/loginkeychain provides it.
const loginLayout = "macsafekey"

// LoginItem finds the key that an app keeps in the macOS login keychain. macOS may
// ask a person whether this program may read it, as far as the context allows.
type LoginItem struct {
	// App is the app's name as the system shows it: "Code".
	App string
	// Layout reads the keychain; nil means the one that is registered.
	Layout store.Layout
}

// Secret returns the text of the item "<App> Safe Storage" with the account
// "<App> Key", which Electron uses since 2022, or "<App>".
func (l LoginItem) Secret(ctx context.Context, form Form) ([]byte, error) {
	if form != DarwinKey {
		return nil, &store.Error{Class: store.ErrUnsupported, Detail: "the login keychain has no key of " + form.String()}
	}
	layout := l.Layout
	if layout == nil {
		var err error
		if layout, err = store.LayoutFor(loginLayout); err != nil {
			return nil, err
		}
	}
	keychain, err := layout.Open(store.SourceConfig{Name: loginLayout})
	if err != nil {
		return nil, err
	}
	defer keychain.Close()
	item, err := keychain.Get(ctx, store.Key{Service: l.App + " Safe Storage", Account: l.App + " Key"})
	defer item.Value.Wipe()
	return item.Value.Bytes(), err
}
