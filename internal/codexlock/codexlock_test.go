package codexlock

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/filelock"
	"github.com/kinring/kinring/store"
)

// TestLocksAreHeldBriefly: whatever the caller allows, what is done under the
// locks has to end before Codex loses patience.
func TestLocksAreHeldBriefly(t *testing.T) {
	const codexGivesUp = 5 * time.Second
	dir := t.TempDir()
	locks := Login(dir, filepath.Join(dir, "auth.json"))
	called := false
	err := With(t.Context(), locks, func(ctx context.Context) error {
		called = true
		until, limited := ctx.Deadline()
		if !limited || time.Until(until) >= codexGivesUp {
			t.Errorf("the locks may be held until %v", until)
		}
		for _, l := range locks {
			busy, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			if _, err := filelock.Acquire(busy, l.path, l.how); store.ClassOf(err) != store.ErrTimedOut {
				t.Errorf("%s is not held: %v", l.path, err)
			}
			cancel()
		}
		return nil
	})
	if err != nil || !called {
		t.Fatalf("%v; called: %v", err, called)
	}
	for _, l := range locks {
		free, err := filelock.Acquire(t.Context(), l.path, l.how)
		if err != nil {
			t.Fatalf("%s is still held: %v", l.path, err)
		}
		free.Unlock()
	}
}
