//go:build unix

package broker_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/broker"
	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/broker/peer"
	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// raw is a connection of somebody who does not keep to the protocol.
type raw struct {
	*testing.T
	net.Conn
	in []byte
}

func (r *running) raw(t *testing.T) *raw {
	t.Helper()
	c, err := net.Dial("unix", r.socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil { // a watchdog
		t.Fatal(err)
	}
	return &raw{T: t, Conn: c}
}

func frame(body string) []byte { return wire.AppendFrame(nil, []byte(body)) }

const hello = `{"jsonrpc":"2.0","id":0,"method":"hello","params":{"versions":[1]}}`

// greeted is raw after its hello.
func (r *running) greeted(t *testing.T) *raw {
	t.Helper()
	c := r.raw(t)
	c.say(frame(hello))
	if m := c.answer(); m.Err != nil {
		t.Fatal(m.Err)
	}
	return c
}

func (r *raw) say(b []byte) {
	r.Helper()
	if _, err := r.Write(b); err != nil {
		r.Fatal(err)
	}
}

// answer reads the next message.
func (r *raw) answer() wire.Message {
	r.Helper()
	for {
		body, size, err := wire.Split(r.in, 64<<20)
		if err != nil {
			r.Fatal(err)
		}
		if body != nil {
			m, refusal := wire.Decode(body)
			if refusal != nil {
				r.Fatalf("%s: %v", body, refusal)
			}
			r.in = r.in[size:]
			return m
		}
		b := make([]byte, 64<<10)
		n, err := r.Read(b)
		r.in = append(r.in, b[:n]...)
		if n == 0 && err != nil {
			r.Fatalf("no answer: %v", err)
		}
	}
}

// wantRefusal reads an answer with this code, whose text holds what.
func (r *raw) wantRefusal(code int, what string) {
	r.Helper()
	if m := r.answer(); m.Err == nil || m.Err.Code != code || !strings.Contains(m.Err.Message, what) {
		r.Errorf("answered %s %+v, want %d and %q", m.Result, m.Err, code, what)
	}
}

// wantEnd sees that the broker hangs up and says nothing more.
func (r *raw) wantEnd() {
	r.Helper()
	rest, err := io.ReadAll(io.MultiReader(bytes.NewReader(r.in), r))
	if len(rest) > 0 || isTimeout(err) {
		r.Errorf("the connection goes on with %q, %v", rest, err)
	}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// wantGood sees that a client that keeps to the protocol is served, also while
// others do what they do.
func (r *running) wantGood(t *testing.T) {
	t.Helper()
	s, err := client.Open(t.Context(), r.socket, client.Options{})
	if err != nil {
		t.Fatalf("a good client is not served: %v", err)
	}
	defer s.Close()
	if _, err := s.Put(t.Context(), key("good"), store.Item{Value: store.NewValue([]byte("value"))}, store.Any()); err != nil {
		t.Errorf("a good client's put: %v", err)
	}
	if i, err := s.Get(t.Context(), key("good")); err != nil || string(i.Value.Bytes()) != "value" {
		t.Errorf("a good client's get: %v", err)
	}
}

// quick are limits that a test need not wait for long. A good client has to keep to
// them too, on a machine that is busy with other things.
var quick = broker.Limits{Frame: 300 * time.Millisecond}

// hostile is what clients do that do not keep to the protocol.
var hostile = map[string]struct {
	limits broker.Limits
	act    func(*testing.T, *running)
}{
	"says nothing": {broker.Limits{Hello: 1500 * time.Millisecond}, func(t *testing.T, b *running) {
		r := b.raw(t)
		r.wantRefusal(wire.CodeBusy, "no hello")
		r.wantEnd()
	}},
	"slow header": {quick, func(t *testing.T, b *running) {
		r := b.greeted(t)
		r.say([]byte("Content-Le"))
		r.wantRefusal(wire.CodeBusy, "not completed")
		r.wantEnd()
	}},
	"slow body": {quick, func(t *testing.T, b *running) {
		r := b.greeted(t)
		r.say([]byte("Content-Length: 2000000\r\n\r\n{"))
		r.wantRefusal(wire.CodeBusy, "not completed")
		r.wantEnd()
	}},
	"idle": {broker.Limits{Idle: 1500 * time.Millisecond}, func(t *testing.T, b *running) {
		r := b.greeted(t)
		r.wantRefusal(wire.CodeBusy, "no request")
		r.wantEnd()
	}},
	"half-open": {broker.Limits{}, func(t *testing.T, b *running) {
		r := b.greeted(t)
		r.say(frame(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
		if err := r.Conn.(*net.UnixConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if m := r.answer(); m.Err != nil || string(m.ID) != "1" { // what was asked before is answered
			t.Errorf("answered %+v", m)
		}
		r.wantEnd()
	}},
	"one byte at a time": {broker.Limits{}, func(t *testing.T, b *running) {
		r := b.raw(t)
		for _, one := range append(frame(hello), frame(`{"jsonrpc":"2.0","id":1,"method":"ping"}`)...) {
			r.say([]byte{one})
		}
		r.answer()
		if m := r.answer(); m.Err != nil || string(m.ID) != "1" {
			t.Errorf("answered %+v", m)
		}
	}},
	"frame over the limit": {broker.Limits{}, func(t *testing.T, b *running) {
		r := b.greeted(t)
		r.say(fmt.Appendf(nil, "Content-Length: %d\r\n\r\n", wire.MaxFrame+1))
		r.wantRefusal(wire.CodeParse, "too large")
		r.wantEnd()
	}},
	"largest frame": {broker.Limits{}, func(t *testing.T, b *running) {
		r := b.greeted(t)
		r.say(frame(`{"jsonrpc":"2.0","id":1,"method":"ping"` + strings.Repeat(" ", wire.MaxFrame-40) + `}`))
		if m := r.answer(); m.Err != nil {
			t.Errorf("answered %v", m.Err)
		}
	}},
	"large frame before hello": {broker.Limits{}, func(t *testing.T, b *running) {
		r := b.raw(t)
		r.say([]byte("Content-Length: 100000\r\n\r\n"))
		r.wantRefusal(wire.CodeParse, "too large")
		r.wantEnd()
	}},
	"no framing": {broker.Limits{}, func(t *testing.T, b *running) {
		r := b.greeted(t)
		r.say([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
		r.wantRefusal(wire.CodeParse, "framing")
		r.wantEnd()
	}},
	"malformed JSON": {broker.Limits{}, func(t *testing.T, b *running) {
		r := b.greeted(t)
		r.say(frame(`{"jsonrpc":"2.0","id":1,"method":`))
		r.wantRefusal(wire.CodeParse, "no JSON-RPC")
		r.say(frame(`[{"jsonrpc":"2.0","id":1,"method":"ping"}]`))
		r.wantRefusal(wire.CodeInvalidRequest, "batches")
		r.say(frame(strings.Repeat(`{"a":`, 100_000)))
		r.wantRefusal(wire.CodeParse, "no JSON-RPC")
		r.say(frame(`{"jsonrpc":"2.0","id":2,"method":"get","params":{"key":7}}`))
		r.wantRefusal(wire.CodeInvalidParams, "wrong shape")
		r.say(frame(`{"jsonrpc":"2.0","id":3,"method":"no\u0000such"}`))
		r.wantRefusal(wire.CodeMethodNotFound, `no\x00such`)
		r.say(frame(`{"jsonrpc":"2.0","id":4,"method":"ping"}`))
		if m := r.answer(); m.Err != nil { // the framing held, so the connection does
			t.Errorf("answered %v", m.Err)
		}
	}},
	"not UTF-8": {broker.Limits{}, func(t *testing.T, b *running) {
		r := b.greeted(t)
		r.say(frame("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"get\",\"params\":{\"key\":\"\xff\"}}"))
		r.wantRefusal(wire.CodeParse, "not UTF-8")
	}},
	"no hello": {broker.Limits{}, func(t *testing.T, b *running) {
		r := b.raw(t)
		r.say(frame(`{"jsonrpc":"2.0","id":1,"method":"list"}`))
		r.wantRefusal(wire.CodeInvalidRequest, "not hello")
		r.say(frame(`{"jsonrpc":"2.0","id":2,"method":"hello","params":{"versions":[99]}}`))
		r.wantRefusal(wire.CodeOf(store.ErrUnsupported), "version 1")
	}},
	"framing that is nearly right": {broker.Limits{}, func(t *testing.T, b *running) {
		for header, what := range map[string]string{
			"Content-Length: 2\r\ncontent-length: 2": "twice",
			"Content-Length: -2":                     "no number",
			"Content-Length: +2":                     "no number",
			"Content-Length: 0":                      "no number",
			"Content-Length: 99999999999999999999":   "no number",
			"Content-Length : 2":                     "no Content-Length",
			"Content-Lëngth: 2":                      "no Content-Length",
			"Content-Length: 2\r\nContent-Type: text/plain; charset=latin1":       "charset",
			"Content-Length: 2\r\n folded":                                        "colon",
			"Content-Length: 2\nX: y":                                             "no number",
			"Content-Type: a":                                                     "no Content-Length",
			"X: " + strings.Repeat("x", wire.MaxHeader) + "\r\nContent-Length: 2": "longer",
			"": "colon",
		} {
			r := b.greeted(t)
			r.say([]byte(header + "\r\n\r\n{}"))
			r.wantRefusal(wire.CodeParse, what)
			r.wantEnd()
		}
		r := b.greeted(t)
		r.say([]byte("X-Ünknown: \xff\x00\r\nCONTENT-LENGTH:\t40  \r\nContent-Type: a; charset=utf8\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"method":"ping"}`))
		if m := r.answer(); m.Err != nil {
			t.Errorf("unusual and right: %v", m.Err)
		}
	}},
	"ids that are none": {broker.Limits{}, func(t *testing.T, b *running) {
		r := b.greeted(t)
		for _, id := range []string{`{}`, `[1]`, `true`, `"` + strings.Repeat("x", wire.MaxID) + `"`, strings.Repeat("1", wire.MaxID+1), `null`} {
			r.say(frame(`{"jsonrpc":"2.0","id":` + id + `,"method":"ping"}`))
			if m := r.answer(); m.Err == nil || m.Err.Code != wire.CodeInvalidRequest || string(m.ID) != "null" {
				t.Errorf("%s: answered %+v", id, m)
			}
		}
		for _, id := range []string{`-1`, `1.5`, `""`, `"\u0041"`} {
			r.say(frame(`{"jsonrpc":"2.0","id":` + id + `,"method":"ping"}`))
			if m := r.answer(); m.Err != nil || string(m.ID) != id {
				t.Errorf("%s: answered %+v", id, m)
			}
		}
	}},
	"what is another's": {broker.Limits{}, func(t *testing.T, b *running) {
		owner, r := b.greeted(t), b.greeted(t)
		owner.say(frame(`{"jsonrpc":"2.0","id":1,"method":"update/begin","params":{"key":"a"}}`))
		owner.answer()
		owner.say(frame(`{"jsonrpc":"2.0","id":2,"method":"update/begin","params":{"key":"a"}}`)) // it waits
		r.say(frame(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":2}}`))
		r.say(frame(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":{"id":2}}}`))
		r.say(frame(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":[2]}`))
		r.say(frame(`{"jsonrpc":"2.0","id":1,"result":{"value":"bm90IGFza2Vk"}}`)) // and nobody asked for this
		for method, params := range map[string]string{"update/end": `{"update":"1","keep":true}`, "lease/begin": `{"lease":"1"}`,
			"lease/release": `{"lease":"1"}`, "unwatch": `{"watch":"1"}`} {
			if m := r.ask(1, method, params); m.Err == nil || m.Err.Code != wire.CodeInvalidParams {
				t.Errorf("%s: answered %+v", method, m)
			}
		}
		owner.say(frame(`{"jsonrpc":"2.0","id":2,"method":"ping"}`))
		owner.wantRefusal(wire.CodeInvalidRequest, "under way") // it still waits
		owner.say(frame(`{"jsonrpc":"2.0","id":3,"method":"update/end","params":{"update":"1","keep":true}}`))
		for range 2 {
			if m := owner.answer(); m.Err != nil {
				t.Errorf("the owner's: %v", m.Err)
			}
		}
	}},
	"watches that are not read": {broker.Limits{Write: 300 * time.Millisecond}, func(t *testing.T, b *running) {
		r := b.greeted(t)
		for n := range 250 {
			r.say(frame(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"watch","params":{"service":"broker test","account":"w%s"}}`, n, strings.Repeat("w", 1000))))
		}
		for n := 0; b.server.Conns() > 0; n++ {
			if _, err := b.ring.SetKey(t.Context(), key("w"+strings.Repeat("w", 1000)), []byte{byte(n)}); err != nil {
				t.Fatal(err)
			}
		}
	}},
	"hello twice": {broker.Limits{}, func(t *testing.T, b *running) {
		r := b.greeted(t)
		r.say(frame(hello))
		r.wantRefusal(wire.CodeInvalidRequest, "before")
	}},
	"a value and a key over their limits": {broker.Limits{}, func(t *testing.T, b *running) {
		r := b.greeted(t)
		r.say(frame(`{"jsonrpc":"2.0","id":1,"method":"set","params":{"key":"a","value":"` + strings.Repeat("AAAA", store.MaxValue/3+1) + `"}}`))
		r.wantRefusal(wire.CodeOf(store.ErrTooLarge), "too large")
		r.say(frame(`{"jsonrpc":"2.0","id":2,"method":"get","params":{"service":"s","account":"` + strings.Repeat("a", store.MaxAccount+1) + `"}}`))
		r.wantRefusal(wire.CodeOf(store.ErrTooLarge), "too large")
	}},
	"too many requests at a time": {broker.Limits{Inflight: 4}, func(t *testing.T, b *running) {
		holder := b.greeted(t)
		holder.say(frame(`{"jsonrpc":"2.0","id":1,"method":"update/begin","params":{"key":"busy"}}`))
		holder.answer()
		r := b.greeted(t)
		for n := range 5 {
			r.say(frame(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"update/begin","params":{"key":"busy"}}`, n+1)))
		}
		r.wantRefusal(wire.CodeBusy, "too many requests")
		r.say(frame(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":1}}`)) // what gives room is heard
		r.wantRefusal(wire.CodeOf(store.ErrCancelled), "cancelled")
	}},
	"takes no answers": {broker.Limits{Write: 300 * time.Millisecond}, func(t *testing.T, b *running) {
		if _, err := b.ring.Set(t.Context(), "large", bytes.Repeat([]byte("x"), store.MaxValue)); err != nil {
			t.Fatal(err)
		}
		r := b.greeted(t)
		for n := range 8 {
			if _, err := r.Write(frame(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"get","params":{"key":"large"}}`, n+1))); err != nil {
				break // it hung up already
			}
		}
		b.await(t, "the deaf client to be dropped", func() bool { return b.server.Conns() == 0 })
	}},
}

// TestHostile: what does not keep to the protocol gets its documented answer, and
// disturbs nobody.
func TestHostile(t *testing.T) {
	for name, c := range hostile {
		t.Run(name, func(t *testing.T) {
			b := serve(t, inMemory(), broker.Options{Limits: c.limits})
			c.act(t, b)
			b.wantGood(t)
		})
	}
}

// await waits until something holds that happens in another goroutine.
func (r *running) await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	watchdog := time.NewTimer(time.Minute)
	defer watchdog.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-watchdog.C:
			t.Fatalf("waiting for %s", what)
		}
	}
}

// TestTenThousandConnects: a process that connects and goes, again and again, is
// served or told that there are too many, and leaves nothing behind.
func TestTenThousandConnects(t *testing.T) {
	b := serve(t, inMemory(), broker.Options{})
	b.wantGood(t)
	descriptors, goroutines := openDescriptors(t), runtime.NumGoroutine()
	n := 10_000
	if testing.Short() {
		n = 1000
	}
	for i := range n {
		c, err := net.Dial("unix", b.socket)
		if err != nil {
			t.Fatalf("connect %d: %v", i, err)
		}
		if i%3 == 0 {
			if _, err := c.Write(frame(hello)[:i%40]); err != nil {
				t.Fatal(err)
			}
		}
		c.Close()
		if i%1000 == 999 {
			b.wantGood(t)
		}
	}
	b.await(t, "the connections to end", func() bool {
		return b.server.Conns() == 0 && openDescriptors(t) <= descriptors && runtime.NumGoroutine() <= goroutines
	})
}

// openDescriptors counts this process's open files; 0 where nobody tells.
func openDescriptors(t testing.TB) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// stranger is a peer that runs as another user.
type stranger struct{ peer.Peer }

func (s stranger) Identity() peer.Identity {
	id := s.Peer.Identity()
	id.UID++
	return id
}

// TestAnotherUser (I4): whoever runs as another user is denied, whatever the
// socket let through, and is told nothing of the family.
func TestAnotherUser(t *testing.T) {
	b := serve(t, inMemory(), broker.Options{Peers: func(c net.Conn) (peer.Peer, error) {
		p, err := peer.Of(c)
		return stranger{p}, err
	}})
	r := b.raw(t)
	r.wantRefusal(wire.CodeOf(store.ErrDenied), "another user")
	r.wantEnd()
}
