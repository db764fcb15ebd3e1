package loginkeychain

import (
	"context"

	"github.com/kinring/kinring/store"
)

// SafeStorageText returns the text that the key of an app's safe storage is made
// from, of the item "<App> Safe Storage". app is its name as the system shows it,
// for example "Code". It may ask a person, as reading any item of another program
// may. The caller wipes it.
func SafeStorageText(ctx context.Context, app string, o Options) ([]byte, error) {
	opened, err := layout{safeKey, o}.Open(store.SourceConfig{Name: app + " Safe Storage"})
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	item, err := opened.Get(ctx, SafeStorageKey(app))
	if err != nil {
		return nil, err
	}
	defer item.Value.Wipe()
	return item.Value.Bytes(), nil
}
