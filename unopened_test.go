package kinring_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/store"
)

func storeIsLocked() error {
	return &store.Error{Class: store.ErrLocked, Detail: "a vault without its key"}
}

// TestRowW2SharedStoreCannotBeOpened: where the shared store is locked as a whole,
// and with it the turn on the key, a dual Set gives the older build the value, tells
// what is missing, and the old shared value never wins.
func TestRowW2SharedStoreCannotBeOpened(t *testing.T) {
	a := newApp(t)
	a.olderSignsIn(`{"old":1}`)
	wantValue(t, a.ring(), `{"old":1}`)
	a.driver.err = storeIsLocked()
	_, err := a.ring().Set(t.Context(), "auth", []byte(`{"new":1}`))
	var e *kinring.Error
	if !errors.As(err, &e) || e.Class != kinring.ErrPartial || len(e.Missing) != 1 || e.Missing[0] != "shared" || !errors.Is(e.Err, kinring.ErrLocked) {
		t.Errorf("set: %v; want partial, because it is locked", err)
	}
	if a.legacyFile() != `{"new":1}` {
		t.Errorf("legacy holds %s", a.legacyFile())
	}
	a.driver.err = nil
	wantValue(t, a.ring(), `{"new":1}`)
}

// TestRowUnsharedKeysNeedNoSharedStore: what is not shared is read, written and
// deleted in the older build's store whatever the shared store is like; nobody asks
// it.
func TestRowUnsharedKeysNeedNoSharedStore(t *testing.T) {
	a := newApp(t)
	a.olderSignsIn(`{"old":1}`)
	a.driver.err = storeIsLocked()
	p := notes(a.dir)
	p.Policy = kinring.Policy{Preset: "dual-write", BulkMigrate: "never"}
	p.Keys["other"] = kinring.Key{Account: "other"}
	p.Share, p.Legacy[0].Keys = []string{"other"}, []string{"auth"}
	ring, err := kinring.Open(t.Context(), p, kinring.WithStore(a.driver), kinring.WithStateDir(filepath.Join(a.dir, "state")))
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	wantValue(t, ring, `{"old":1}`)
	set(t, ring, `{"new":1}`)
	if a.legacyFile() != `{"new":1}` {
		t.Errorf("legacy holds %s", a.legacyFile())
	}
	if existed, err := ring.Delete(t.Context(), "auth"); err != nil || !existed {
		t.Errorf("delete: %v, %v", existed, err)
	}
	if a.legacyFile() != "" || a.driver.opened != 0 {
		t.Errorf("legacy holds %q, the shared store was opened %d times", a.legacyFile(), a.driver.opened)
	}
}
