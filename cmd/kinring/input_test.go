package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/kinring/kinring"
)

// TestInputIsGivenUp: who waits for a value on standard input can be ended.
func TestInputIsGivenUp(t *testing.T) {
	in, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := &app{console: &console{in: in}}
	if _, err := a.newValue(ctx, false); !errors.Is(err, kinring.ErrCancelled) {
		t.Errorf("got %v, want cancelled", err)
	}
	a = &app{console: &console{in: failing{}}}
	if _, err := a.newValue(t.Context(), false); !errors.Is(err, kinring.ErrInvalid) {
		t.Errorf("an unreadable input: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("is a directory") }

// TestLimitedStops: a copy into it ends at its limit, however it is done.
func TestLimitedStops(t *testing.T) {
	l := &limited{limit: 10}
	n, err := io.Copy(l, bytes.NewReader(make([]byte, 1000)))
	if len(l.kept) != 11 || n > 11 || err == nil {
		t.Errorf("kept %d bytes of %d, %v", len(l.kept), n, err)
	}
	l = &limited{limit: 10}
	if n, err := io.Copy(l, bytes.NewReader(make([]byte, 10))); len(l.kept) != 10 || n != 10 || err != nil {
		t.Errorf("at the limit: kept %d bytes, %v", len(l.kept), err)
	}
}
