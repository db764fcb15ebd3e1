package keychain

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// groupVariable names an access group, TEAM.NAME, that this test program is
// signed into and that nothing else uses: it is emptied. See
// scripts/mac-acceptance.
const groupVariable = "KINRING_MAC_GROUP"

func realFamily() (store.Family, bool) {
	team, name, ok := strings.Cut(os.Getenv(groupVariable), ".")
	return store.Family{Name: "acceptance", Service: "kinring acceptance", Team: team, Group: name}, ok
}

// realStore opens the group in the keychain of whoever runs the test.
func realStore(ctx context.Context) (store.Store, error) {
	f, _ := realFamily()
	return Driver(Options{}).Open(ctx, f)
}

func init() {
	if _, ok := realFamily(); ok {
		openWorker = realStore
	}
}

// disposable matches groups that may be emptied.
var disposable = regexp.MustCompile(`\.[A-Za-z0-9.-]*acceptance[A-Za-z0-9.-]*$`)

// TestRealConformance runs the suite in a real access group.
func TestRealConformance(t *testing.T) {
	group := os.Getenv(groupVariable)
	if group == "" {
		t.Skip(groupVariable + " names no access group that this test program is signed into")
	}
	if !disposable.MatchString(group) {
		t.Fatalf("%s would be emptied, and its name does not hold the word acceptance", group)
	}
	open := func(t testing.TB) store.Store {
		s, err := realStore(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	storetest.Run(t, storetest.Target{
		Open: func(t testing.TB) store.Store {
			s := open(t)
			entries, err := s.List(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if err := s.Delete(t.Context(), e.Key, store.Any()); err != nil {
					t.Fatal(err)
				}
			}
			return s
		},
		Reopen: func(t testing.TB, _ store.Store) store.Store { return open(t) },
		Spawn: func(t testing.TB, _ store.Store, env ...string) *exec.Cmd {
			return storetest.Reexec(t, env...)
		},
	})
}

func BenchmarkReal(b *testing.B) {
	if os.Getenv(groupVariable) == "" {
		b.Skip(groupVariable + " names no access group that this test program is signed into")
	}
	s, err := realStore(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	k := store.Key{Service: "kinring acceptance", Account: "benchmark"}
	rev, err := s.Put(b.Context(), k, store.Item{Value: store.NewValue([]byte("made up"))}, store.Any())
	if err != nil {
		b.Fatal(err)
	}
	b.Run("get", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Get(b.Context(), k); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("put", func(b *testing.B) {
		for b.Loop() {
			if rev, err = s.Put(b.Context(), k, store.Item{Value: store.NewValue([]byte("made up"))}, store.Match(rev)); err != nil {
				b.Fatal(err)
			}
		}
	})
	if err := s.Delete(b.Context(), k, store.Any()); err != nil {
		b.Fatal(err)
	}
}
