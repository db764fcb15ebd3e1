package mac

import (
	"context"
	"errors"
	"testing"

	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/emulator"
	"github.com/kinring/kinring/store"
)

var item = store.Key{Service: "s", Account: "a"}

// waiting makes a call that tells that it has begun and waits.
func waiting(begun chan<- string, name string, release <-chan struct{}) func() (string, error) {
	return func() (string, error) {
		begun <- name
		<-release
		return name, nil
	}
}

// TestCallsOfAnItemTakeTurns: also when the first one was given up; calls about
// other items do not wait.
func TestCallsOfAnItemTakeTurns(t *testing.T) {
	p := New(emulator.New().Run(emulator.Program{Name: "app"}))
	begun, release := make(chan string), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-begun
		cancel()
	}()
	if _, err := Do(ctx, p, item, Writing, waiting(begun, "first", release)); !errors.Is(err, store.ErrOutcomeUnknown) {
		t.Errorf("a write that was given up: %v", err)
	}
	other := store.Key{Service: "s", Account: "b"}
	if v, err := Do(t.Context(), p, other, Reading, func() (string, error) { return "other", nil }); v != "other" || err != nil {
		t.Errorf("another item: %q, %v", v, err)
	}
	answers := make(chan string, 1)
	go func() {
		v, _ := Do(t.Context(), p, item, Reading, func() (string, error) { return "second", nil })
		answers <- v
	}()
	select {
	case v := <-answers:
		t.Errorf("%s came before the first was done", v)
	default:
	}
	close(release)
	if v := <-answers; v != "second" {
		t.Errorf("got %q", v)
	}
}

// TestOneQuestionAtATime: whatever items they are about, and who waits for the
// answer to another one is told so.
func TestOneQuestionAtATime(t *testing.T) {
	p := New(emulator.New().Run(emulator.Program{Name: "app"}))
	begun, release := make(chan string), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		_, err := Do(t.Context(), p, item, Asking, waiting(begun, "first", release))
		first <- err
	}()
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() {
		_, err := Do(ctx, p, store.Key{Service: "s", Account: "b"}, Asking, func() (string, error) { return "", errors.New("asked") })
		second <- err
	}()
	cancel()
	var e *store.Error
	if err := <-second; !errors.As(err, &e) || e.Class != store.ErrCancelled {
		t.Errorf("who waits for another question: %v", err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// TestQuietly: asking is off during the call and as it was after it, also if the
// call fails.
func TestQuietly(t *testing.T) {
	process := emulator.New().Run(emulator.Program{Name: "app"})
	p := New(process)
	for _, want := range []error{nil, secitem.ErrAuthFailed} {
		err := p.Quietly(func() error {
			before, _ := process.SetInteraction(false)
			if before {
				t.Error("asking is on")
			}
			return want
		})
		if err != want {
			t.Errorf("got %v, want %v", err, want)
		}
		if before, _ := process.SetInteraction(true); !before {
			t.Error("asking stays off")
		}
	}
	refused := errors.New("refused")
	broken := New(noSwitch{process, refused})
	if err := broken.Quietly(func() error { t.Error("called all the same"); return nil }); err != refused {
		t.Errorf("got %v", err)
	}
	if err := p.Aloud(func() error { return refused }); err != refused {
		t.Errorf("aloud: %v", err)
	}
}

type noSwitch struct {
	secitem.Mac
	err error
}

func (n noSwitch) SetInteraction(bool) (bool, error) { return false, n.err }

func TestMayAsk(t *testing.T) {
	for attended, want := range map[bool]map[store.Interaction]bool{
		true:  {store.Never: false, store.IfAttended: true, store.Always: true},
		false: {store.Never: false, store.IfAttended: false, store.Always: true},
	} {
		p := New(emulator.New().Run(emulator.Program{Name: "app", Attended: attended}))
		for i, want := range want {
			if may, err := p.MayAsk(i); may != want || err != nil {
				t.Errorf("attended %v, %s: %v, %v", attended, i, may, err)
			}
		}
	}
}

// TestFailure: every status has exactly one class, only those that say so are
// absence, and only definite ones settle a write (I4, I9).
func TestFailure(t *testing.T) {
	if Failure(nil) != nil || !Settled(nil) {
		t.Error("no error is a failure")
	}
	for s := secitem.Status(-70000); s < 100256; s++ {
		if s == 0 {
			s = 100000 // then those of the kernel
		}
		err := Failure(s)
		var e *store.Error
		if !errors.As(err, &e) || e.Class == nil || e.Native == "" {
			t.Fatalf("%d: %+v", s, e)
		}
		absent := s == secitem.ErrItemNotFound || s == secitem.ErrInvalidItemRef
		if errors.Is(err, store.ErrNotFound) != absent {
			t.Errorf("%v is %v", s, e.Class)
		}
		if e.Class == store.ErrUnavailable && e.Reason == nil {
			t.Errorf("%v does not say why", s)
		}
		if _, definite := meanings[s]; Settled(s) != definite {
			t.Errorf("%v settles a write: %v", s, !definite)
		}
	}
	own := &store.Error{Class: store.ErrOutcomeUnknown}
	if Failure(own) != error(own) || Settled(own) || !Settled(&store.Error{Class: store.ErrTimedOut}) {
		t.Error("an error of package store is changed, or settles what it does not")
	}
	if err := Failure(&secitem.TypeError{Call: "c", Got: "g"}); !errors.Is(err, store.ErrCorrupt) || Settled(&secitem.TypeError{}) {
		t.Errorf("an answer of another type: %v", err)
	}
}
