package broker

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/broker/peer"
	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// piped connects to the server by a pipe in which nothing is kept, and says hello.
func piped(t *testing.T, s *Server) net.Conn {
	t.Helper()
	mine, its := net.Pipe()
	if err := mine.SetDeadline(time.Now().Add(time.Minute)); err != nil { // a watchdog
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.ServeConn(context.Background(), its, peer.Parent(os.Getuid(), os.Getppid())) }()
	t.Cleanup(func() {
		mine.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	exchange(t, mine, `{"jsonrpc":"2.0","id":0,"method":"hello","params":{"versions":[1]}}`)
	return mine
}

func exchange(t *testing.T, c net.Conn, body string) {
	t.Helper()
	if _, err := c.Write(wire.AppendFrame(nil, []byte(body))); err != nil {
		t.Fatal(err)
	}
	if answer := oneFrame(t, c); bytes.Contains(answer, []byte(`"error"`)) {
		t.Errorf("%s: %.200s", body, answer)
	}
}

// unsent is how many bytes wait for clients to take them.
func (s *Server) unsent() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		n += c.out.unsent.Load()
	}
	return n
}

// TestUnreadAnswers: a client that asks and asks and takes no answers is not heard
// further until it does: its answers would fill the memory.
func TestUnreadAnswers(t *testing.T) {
	ring, err := kinring.Open(t.Context(), kinring.Profile{Name: "unread", Service: "unread"}, kinring.WithStore(forgetful{memory.New()}),
		kinring.WithStateDir(""), kinring.WithoutBroker())
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	if _, err := ring.Set(t.Context(), "large", make([]byte, store.MaxValue)); err != nil {
		t.Fatal(err)
	}
	s := New(ring, Options{Limits: Limits{Write: time.Hour}})
	deaf, good := piped(t, s), piped(t, s)
	const first, requests = 4, 20 // the first ones are more than may wait
	full := make(chan bool)
	var heard atomic.Int32
	go func() {
		for n := range requests {
			if n == first {
				<-full
			}
			if _, err := deaf.Write(wire.AppendFrame(nil, fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"get","params":{"key":"large"}}`, n+1))); err != nil {
				t.Error(err)
				return
			}
			heard.Add(1)
		}
	}()
	for n := 0; s.unsent() <= mostUnsent; n++ {
		exchange(t, good, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"ping"}`, n))
	}
	close(full)
	for n := range 1000 {
		exchange(t, good, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"ping"}`, n))
	}
	if n := heard.Load(); n > first+2 { // one was being read, and one more is in no buffer of the server's
		t.Errorf("%d requests were heard, and no answer taken", n)
	}
	for range requests {
		oneFrame(t, deaf)
	}
}
