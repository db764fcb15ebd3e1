package mac

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/store"
)

// TestGivenUp: what a caller that no longer waits is told depends on what the call
// could have done (I9), and says what it waited for.
func TestGivenUp(t *testing.T) {
	for _, c := range []struct {
		name string
		kind Kind
		want error
		says string
	}{
		{"reading", Reading, store.ErrCancelled, "the keychain has not answered"},
		{"writing", Writing, store.ErrOutcomeUnknown, "the keychain has not answered"},
		{"asking", Asking, store.ErrCancelled, "the keychain's question was not answered"},
		{"asking to write", AskingToWrite, store.ErrOutcomeUnknown, "the keychain has not answered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := New(emulator.New().Run(emulator.Program{Name: "app"}))
			begun, release := make(chan string), make(chan struct{})
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-begun; cancel() }()
			_, err := Do(ctx, p, item, c.kind, waiting(begun, "first", release))
			var e *store.Error
			if !errors.Is(err, c.want) || !errors.As(err, &e) || e.Detail != c.says {
				t.Errorf("a call under way: %v", err)
			}
			// The next one has not begun: it did nothing, whatever it would have done.
			waits, done := context.WithCancel(t.Context())
			second := make(chan error, 1)
			go func() {
				_, err := Do(waits, p, item, c.kind, func() (string, error) { t.Error("it was made"); return "", nil })
				second <- err
			}()
			done()
			if err := <-second; !errors.Is(err, store.ErrCancelled) || errors.Is(err, store.ErrOutcomeUnknown) {
				t.Errorf("a call that waited: %v", err)
			}
			close(release)
			if v, err := Do(t.Context(), p, item, c.kind, func() (string, error) { return "third", nil }); v != "third" || err != nil {
				t.Errorf("after them: %q, %v", v, err)
			}
		})
	}
}

// TestAnsweredInTime: an answer that came is the answer, though the caller gave up
// at that moment.
func TestAnsweredInTime(t *testing.T) {
	c := &pending[string]{answers: make(chan answer[string], 1)}
	c.claimed.Store(true)
	c.answers <- answer[string]{"value", nil}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := c.giveUp(ctx, Writing); v != "value" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
}

// TestEndedBefore: nothing is called for a caller that is gone.
func TestEndedBefore(t *testing.T) {
	p := New(emulator.New().Run(emulator.Program{Name: "app"}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Do(ctx, p, item, Writing, func() (string, error) { t.Error("it was made"); return "", nil }); !errors.Is(err, store.ErrCancelled) {
		t.Errorf("%v", err)
	}
}

// TestPatience: a person has as long as the caller, a keychain that asks nobody has
// not.
func TestPatience(t *testing.T) {
	for kind, want := range map[Kind]error{Reading: store.ErrTimedOut, Writing: store.ErrOutcomeUnknown, Asking: nil, AskingToWrite: nil} {
		synctest.Test(t, func(t *testing.T) {
			p := New(emulator.New().Run(emulator.Program{Name: "app"}))
			ctx, cancel := context.WithTimeout(t.Context(), 6*SilentLimit)
			defer cancel()
			v, err := Do(ctx, p, item, kind, func() (string, error) {
				time.Sleep(3 * SilentLimit) // of the bubble's clock
				return "answer", nil
			})
			if want == nil && (v != "answer" || err != nil) || !errors.Is(err, want) {
				t.Errorf("kind %d: %q, %v, want %v", kind, v, err, want)
			}
			time.Sleep(3 * SilentLimit) // what was given up ends too
		})
	}
}
