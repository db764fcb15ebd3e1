package crate

import (
	"errors"
	"testing"

	_ "github.com/kinring/kinring/legacy/loginkeychain"
	_ "github.com/kinring/kinring/legacy/rustkeyring"
	"github.com/kinring/kinring/store"
)

func TestLayoutOn(t *testing.T) {
	for system, want := range map[string]string{"linux": "rustkeyring", "darwin": "mackeyring"} {
		if l, err := LayoutOn(system); err != nil || l.Name() != want {
			t.Errorf("%s: %v, %v; want %s", system, l, err, want)
		}
	}
	if _, err := LayoutOn("plan9"); !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("a system that nobody knows: %v", err)
	}
}
