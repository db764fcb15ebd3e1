package unreadable

import (
	"errors"
	"io"
	"testing"
)

func TestError(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"plain", At("code directory", 16, "length %d is short", 3), "unreadable: code directory at offset 16: length 3 is short"},
		{"with cause", Because(io.ErrUnexpectedEOF, "fat header", 0, "reading failed"),
			"unreadable: fat header at offset 0: reading failed: unexpected EOF"},
		{"moved", Within(At("code directory", 16, "short"), "a/b", 100), "unreadable: a/b: code directory at offset 116: short"},
		{"moved twice keeps the inner path", Within(Within(At("x", 1, "y"), "inner", 1), "outer", 1), "unreadable: inner: x at offset 3: y"},
		{"foreign", Within(io.ErrClosedPipe, "a", 0), "unreadable: a: file at offset 0: reading failed: io: read/write on closed pipe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.err.Error(); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestErrorChain(t *testing.T) {
	if Within(nil, "a", 1) != nil {
		t.Error("no error became one")
	}
	err := Within(Because(io.ErrUnexpectedEOF, "x", 0, "y"), "p", 4)
	var e *Error
	if !errors.As(err, &e) || e.Offset != 4 || e.Path != "p" {
		t.Errorf("got %#v", err)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost")
	}
}

func TestWithinLeavesTheOriginal(t *testing.T) {
	original := At("x", 1, "y")
	_ = Within(original, "p", 5)
	if got := original.Error(); got != "unreadable: x at offset 1: y" {
		t.Errorf("the original became %q", got)
	}
}
