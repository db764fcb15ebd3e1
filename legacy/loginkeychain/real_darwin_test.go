package loginkeychain

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// keychainVariable is the path of a keychain made for the test, which has been
// made the default one and the only one that is searched: see
// scripts/mac-acceptance. It is emptied.
const keychainVariable = "KINRING_MAC_KEYCHAIN"

// temporary skips unless the default keychain is the one made for the test.
func temporary(t testing.TB) {
	t.Helper()
	want := os.Getenv(keychainVariable)
	if want == "" {
		t.Skip(keychainVariable + " names no keychain made for this test")
	}
	p, err := mac.System()
	if err != nil {
		t.Fatal(err)
	}
	state, err := p.LoginKeychain()
	if err != nil || filepath.Base(state.Path) != filepath.Base(want) || !strings.Contains(want, "kinring-acceptance") {
		t.Fatalf("the default keychain is %q, %v, and not %q: nothing was touched", state.Path, err, want)
	}
}

// TestRealConformance runs the suite in a real keychain file.
func TestRealConformance(t *testing.T) {
	temporary(t)
	seconds := "the login keychain dates changes to the second"
	lines := "the security command takes one line a command"
	for name, deviations := range map[string]map[string]string{
		"mackeyring":   {"I3/revisions": seconds},
		"mackeyring99": {"I3/revisions": seconds},
		"macgokeyring": {"I3/revisions": seconds, "I1/keys-awkward": lines, "I1/keys-boundary": lines},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, storetest.Target{
				Open: func(t testing.TB) store.Store {
					temporary(t)
					empty(t)
					return openAs(t, name, Options{})
				},
				Reopen:     func(t testing.TB, _ store.Store) store.Store { return openAs(t, name, Options{}) },
				Deviations: deviations,
			})
		})
	}
}

// empty removes what an earlier case left.
func empty(t testing.TB) {
	t.Helper()
	s := openAs(t, "mackeyring", Options{})
	entries, err := s.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := s.Delete(t.Context(), e.Key, store.Any()); err != nil {
			t.Fatal(err)
		}
	}
}
