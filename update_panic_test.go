package kinring_test

import (
	"context"
	"testing"

	"github.com/kinring/kinring"
)

// TestI11PanicLeavesTheLease: a function that panics, in a program that goes on,
// holds nobody up, and the next one is told that it did not end.
func TestI11PanicLeavesTheLease(t *testing.T) {
	f := newFixture(t)
	for name, options := range map[string][]kinring.Option{
		"leases of the machine": nil,
		"leases of the program": {kinring.WithStore(inMemory(t))},
	} {
		ring := f.open(options...)
		func() {
			defer func() { _ = recover() }()
			_, err := ring.Update(t.Context(), "auth", func(context.Context, kinring.Current) ([]byte, error) { panic("made up") })
			t.Errorf("%s: it returned %v", name, err)
		}()
		interrupted := within(t, "the next Update", func() (interrupted bool) {
			_, err := ring.Update(t.Context(), "auth", func(_ context.Context, c kinring.Current) ([]byte, error) {
				interrupted = c.Interrupted
				return []byte(`{}`), nil
			})
			return interrupted && err == nil
		})
		if !interrupted {
			t.Errorf("%s: the next one was not told", name)
		}
	}
}
