package loginkeychain

import (
	"context"

	"github.com/kinring/kinring/legacy/safestorage"
	"github.com/kinring/kinring/store"
)

// SafeStorage finds the key of an app's safe storage in the login keychain. It
// may ask a person, as reading any item of another program may.
type SafeStorage struct {
	App     string // as the system shows it, for example "Code"
	Options Options
}

// Secret returns the text of the item "<App> Safe Storage". Only the form of
// macOS has a key there.
func (s SafeStorage) Secret(ctx context.Context, form safestorage.Form) ([]byte, error) {
	if form != safestorage.DarwinKey {
		return nil, &store.Error{Class: store.ErrUnsupported, Detail: "the login keychain has no key of this form"}
	}
	opened, err := layout{safeKey, s.Options}.Open(store.SourceConfig{Name: s.App + " Safe Storage"})
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	item, err := opened.Get(ctx, SafeStorageKey(s.App))
	if err != nil {
		return nil, err
	}
	defer item.Value.Wipe()
	return item.Value.Bytes(), nil
}
