package kinring_test

import (
	"errors"
	"testing"

	"github.com/kinring/kinring"
)

// TestUnsharedKeysAreLeftOut: what brings all keys in step passes over those that
// are not shared, and says so of one that is named.
func TestUnsharedKeysAreLeftOut(t *testing.T) {
	f := newFixture(t)
	f.olderSignsIn(`{"old":1}`)
	p := notes(f.dir)
	p.Keys["another"] = kinring.Key{Account: "another"}
	p.Share = []string{"another"}
	p.Legacy[0].Keys = []string{"auth"}
	ring, err := kinring.Open(t.Context(), p, kinring.WithStore(f.driver), kinring.WithStateDir(""))
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	if done, err := ring.Reconcile(t.Context(), kinring.ByPolicy); len(done) != 0 || err != nil {
		t.Errorf("reconcile: %+v, %v", done, err)
	}
	if done, err := ring.Prune(t.Context(), false); len(done) != 0 || err != nil {
		t.Errorf("prune: %+v, %v", done, err)
	}
	key, err := ring.Family().Key("auth")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Reconcile(t.Context(), kinring.TakeLegacy, key); !errors.Is(err, kinring.ErrUnsupported) {
		t.Errorf("reconcile of one: %v", err)
	}
	if v, err := ring.Get(t.Context(), "auth"); err != nil || v.Provenance != kinring.FromLegacy {
		t.Errorf("get: %v, %v", v.Provenance, err)
	}
}
