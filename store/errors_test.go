package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"
)

var reasons = []error{ErrOutOfReach, ErrAbsentByDesign, ErrNoService}

// TestClassesAreClosed pins the set and its spelling, which documents and the
// broker rely on.
func TestClassesAreClosed(t *testing.T) {
	var names []string
	for _, c := range Classes() {
		names = append(names, c.Name())
	}
	want := []string{"not-found", "conflict", "locked", "denied", "cancelled", "unavailable", "timed-out", "ambiguous",
		"too-large", "invalid", "corrupt", "unsupported", "partial", "outcome-unknown"}
	if !slices.Equal(names, want) {
		t.Errorf("classes %q, want %q", names, want)
	}
	Classes()[0] = nil
	if Classes()[0] != ErrNotFound {
		t.Error("a caller can change the set")
	}
	if got := ErrOutcomeUnknown.Error(); got != "outcome unknown" {
		t.Errorf("a class reads %q", got)
	}
}

// wrappings puts an error where callers meet it.
var wrappings = map[string]func(error) error{
	"plain":   func(err error) error { return err },
	"wrapped": func(err error) error { return fmt.Errorf("more: %w", err) },
	"twice":   func(err error) error { return fmt.Errorf("more: %w", fmt.Errorf("more: %w", err)) },
	"joined":  func(err error) error { return errors.Join(errors.New("other"), err) },
}

// wantOneClass asks that an error has the class and no other.
func wantOneClass(t *testing.T, what string, err error, want *Class) {
	t.Helper()
	if got := ClassOf(err); got != want {
		t.Errorf("%s: class %v, want %v", what, got, want)
	}
	for _, c := range Classes() {
		if got := errors.Is(err, c); got != (c == want) {
			t.Errorf("%s: errors.Is(%v) is %v", what, c, got)
		}
	}
}

func TestErrorHasOneClass(t *testing.T) {
	for _, class := range Classes() {
		for name, wrap := range wrappings {
			wantOneClass(t, name+" bare "+class.Name(), wrap(class), class)
			wantOneClass(t, name+" "+class.Name(), wrap(&Error{Class: class}), class)
			for _, cause := range Classes() {
				what := name + " " + class.Name() + " because of " + cause.Name()
				wantOneClass(t, what, wrap(&Error{Class: class, Err: cause}), class)
				wantOneClass(t, what, wrap(&Error{Class: class, Err: &Error{Class: cause}}), class)
				wantOneClass(t, what, wrap(&Error{Class: class, Err: fmt.Errorf("deep: %w", &Error{Class: cause})}), class)
			}
			for _, cause := range reasons {
				wantOneClass(t, name+" "+class.Name()+" because of a reason", wrap(&Error{Class: class, Err: cause}), class)
			}
		}
	}
}

func TestReasons(t *testing.T) {
	for _, reason := range reasons {
		for name, wrap := range wrappings {
			for kind, err := range map[string]error{"bare": reason, "full": &Error{Class: ErrUnavailable, Reason: reason}} {
				err = wrap(err)
				wantOneClass(t, name+" "+kind+" "+reason.Error(), err, ErrUnavailable)
				for _, other := range reasons {
					if got := errors.Is(err, other); got != (other == reason) {
						t.Errorf("%s %s %v: errors.Is(%v) is %v", name, kind, reason, other, got)
					}
				}
			}
		}
	}
	hidden := &Error{Class: ErrPartial, Err: &Error{Class: ErrUnavailable, Reason: ErrNoService}}
	if errors.Is(hidden, ErrNoService) {
		t.Error("the reason of a cause shows through")
	}
}

func TestErrorWithoutClass(t *testing.T) {
	for _, err := range []error{nil, errors.New("odd"), &Error{}, &Error{Err: errors.New("odd")}} {
		if c := ClassOf(err); c != nil {
			t.Errorf("%v has class %v", err, c)
		}
	}
}

// TestErrorShowsForeignCause: what is not of the closed set is found in the
// cause, and the inner error of our own is not.
func TestErrorShowsForeignCause(t *testing.T) {
	native := &fs.PathError{Op: "open", Path: "file", Err: fs.ErrPermission}
	inner := &Error{Class: ErrDenied, Op: "inner", Err: native}
	err := fmt.Errorf("more: %w", &Error{Class: ErrPartial, Op: "outer", Err: inner})
	if !errors.Is(err, fs.ErrPermission) {
		t.Error("the errno of the cause is hidden")
	}
	var path *fs.PathError
	if !errors.As(err, &path) || path != native {
		t.Error("the platform error of the cause is hidden")
	}
	var own *Error
	if !errors.As(err, &own) || own.Op != "outer" {
		t.Errorf("errors.As finds %v, want the outer error", own)
	}
	if own.Cause() != error(inner) || (&Error{}).Cause() != nil {
		t.Error("the cause is another")
	}
	var no *fs.PathError
	if errors.As(&Error{Class: ErrDenied}, &no) {
		t.Error("errors.As finds something where there is no cause")
	}
}

func TestErrorText(t *testing.T) {
	full := &Error{
		Class: ErrPartial, Op: "delete", Store: "vault", Key: "service/acco…", Detail: "two places", Native: "-25300",
		Remedy: "try again", Done: []string{"shared", "file"}, Missing: []string{"ring"}, Err: errors.New("locked"),
	}
	cases := []struct {
		err                   *Error
		text, message, advice string
	}{
		{full, "delete: vault: service/acco…: partial: two places: done: shared, file: missing: ring [-25300]: locked; try again",
			"delete: vault: service/acco…: partial: two places: done: shared, file: missing: ring [-25300]: locked", "try again"},
		{&Error{Class: ErrNotFound}, "not found", "not found", ""},
		{&Error{Class: ErrUnavailable, Reason: ErrNoService, Op: "get", Remedy: "start it"}, "get: unavailable: no service; start it", "get: unavailable: no service", "start it"},
		{&Error{Class: ErrDenied, Err: &Error{Class: ErrLocked, Remedy: "unlock it"}}, "denied: locked; unlock it", "denied: locked", "unlock it"},
		{&Error{Class: ErrDenied, Remedy: "ask", Err: &Error{Class: ErrLocked, Remedy: "unlock it"}}, "denied: locked; ask", "denied: locked", "ask"},
		{&Error{}, "", "", ""},
	}
	for _, c := range cases {
		if c.err.Error() != c.text || c.err.Message() != c.message || c.err.Advice() != c.advice {
			t.Errorf("got %q, %q, %q; want %q, %q, %q", c.err.Error(), c.err.Message(), c.err.Advice(), c.text, c.message, c.advice)
		}
	}
}

func TestFromContext(t *testing.T) {
	if err := FromContext(t.Context()); err != nil {
		t.Errorf("a context that is alive: %v", err)
	}
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("because"))
	expired, stop := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer stop()
	for _, c := range []struct {
		ctx   context.Context
		class *Class
		cause error
	}{{cancelled, ErrCancelled, context.Canceled}, {expired, ErrTimedOut, context.DeadlineExceeded}} {
		err := FromContext(c.ctx)
		wantOneClass(t, c.class.Name(), err, c.class)
		if !errors.Is(err, c.cause) {
			t.Errorf("%v does not match %v", err, c.cause)
		}
	}
}

func TestAt(t *testing.T) {
	key := Key{Service: "service", Account: "account"}
	odd := errors.New("odd")
	if At(nil, "get", "vault", key) != nil || At(odd, "get", "vault", key) != odd {
		t.Error("no error or another one was changed")
	}
	bare := &Error{Class: ErrLocked}
	got := At(bare, "get", "vault", key).(*Error)
	if got.Op != "get" || got.Store != "vault" || got.Key != "service/acco…" || got.Class != ErrLocked {
		t.Errorf("got %+v", got)
	}
	if bare.Op != "" {
		t.Error("the error itself was changed")
	}
	again := At(got, "put", "other", Key{Service: "other", Account: "b"}).(*Error)
	if again.Op != "get" || again.Store != "vault" || again.Key != "service/acco…" {
		t.Errorf("what was named before was replaced: %+v", again)
	}
	if e := At(bare, "list", "vault", Key{}).(*Error); e.Key != "" {
		t.Errorf("no key became %q", e.Key)
	}
}

// TestLongResultsHaveShortMessages: a message is read by a person; the parts
// themselves are all there.
func TestLongResultsHaveShortMessages(t *testing.T) {
	e := &Error{Class: ErrPartial, Done: make([]string, 8), Missing: make([]string, 5000)}
	for i := range e.Missing {
		e.Missing[i] = "part"
	}
	for i := range e.Done {
		e.Done[i] = "d"
	}
	if got := e.Error(); len(got) > 200 || !strings.Contains(got, "part and 4992 more") || strings.Count(got, "d,") != 7 {
		t.Errorf("got %q", got)
	}
}
