//go:build unix

package broker_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/kinring/kinring/broker"
	"github.com/kinring/kinring/store"
)

// TestConnectingAnewKeepsNobody: a client whose broker has been followed by one that
// says nothing waits as long as each operation likes, and none for another one.
func TestConnectingAnewKeepsNobody(t *testing.T) {
	b := serve(t, inMemory(), broker.Options{})
	s := b.open()
	b.end()
	l, err := net.Listen("unix", b.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Chmod(b.socket, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, giveUp := context.WithCancel(t.Context())
	patient := make(chan error, 1)
	go func() {
		_, err := s.Get(ctx, key("a"))
		patient <- err
	}()
	silent, err := l.Accept() // it connects, and says hello to nobody
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	hurried := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := s.Get(ctx, key("b"))
		hurried <- err
	}()
	watchdog := time.NewTimer(time.Minute)
	defer watchdog.Stop()
	select {
	case err := <-hurried:
		if !errors.Is(err, store.ErrTimedOut) {
			t.Errorf("who is in a hurry: %v", err)
		}
	case <-watchdog.C:
		t.Error("who is in a hurry waits for somebody else")
	}
	giveUp()
	if err := <-patient; !errors.Is(err, store.ErrCancelled) {
		t.Errorf("who was patient: %v", err)
	}
}
