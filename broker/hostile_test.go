//go:build unix

package broker_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
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

// quick are limits that a test need not wait for long.
var quick = broker.Limits{Hello: 300 * time.Millisecond, Frame: 300 * time.Millisecond, Idle: 2 * time.Second}

// hostile is what clients do that do not keep to the protocol.
var hostile = map[string]struct {
	limits broker.Limits
	act    func(*testing.T, *running)
}{
	"says nothing": {quick, func(t *testing.T, b *running) {
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

// TestSocketRefused: a place where others could have put a socket, or could use
// it, is refused by broker and client alike, each time with what is wrong.
func TestSocketRefused(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		class   *store.Class
		what    string
		server  bool // the broker refuses it too
		prepare func(dir string) (socket string)
	}{
		"open directory": {store.ErrDenied, "mode 0755", true, func(dir string) string {
			must(os.Mkdir(filepath.Join(dir, "d"), 0o700))
			must(os.Chmod(filepath.Join(dir, "d"), 0o755))
			return filepath.Join(dir, "d", "s")
		}},
		"writable directory": {store.ErrDenied, "mode 0777", true, func(dir string) string {
			must(os.Mkdir(filepath.Join(dir, "d"), 0o700))
			must(os.Chmod(filepath.Join(dir, "d"), 0o777))
			return filepath.Join(dir, "d", "s")
		}},
		"directory is a link": {store.ErrDenied, "symbolic link", true, func(dir string) string {
			must(os.Mkdir(filepath.Join(dir, "d"), 0o700))
			must(os.Symlink("d", filepath.Join(dir, "l")))
			return filepath.Join(dir, "l", "s")
		}},
		"directory is a file": {store.ErrDenied, "no directory", true, func(dir string) string {
			must(os.WriteFile(filepath.Join(dir, "d"), nil, 0o600))
			return filepath.Join(dir, "d", "s")
		}},
		"socket is a file": {store.ErrDenied, "no socket", true, func(dir string) string {
			must(os.Mkdir(filepath.Join(dir, "d"), 0o700))
			must(os.WriteFile(filepath.Join(dir, "d", "s"), nil, 0o600))
			return filepath.Join(dir, "d", "s")
		}},
		"socket is a link": {store.ErrDenied, "link", true, func(dir string) string {
			must(os.Mkdir(filepath.Join(dir, "d"), 0o700))
			must(os.Symlink("/dev/null", filepath.Join(dir, "d", "s")))
			return filepath.Join(dir, "d", "s")
		}},
		"open socket": {store.ErrDenied, "mode 0666", true, func(dir string) string {
			must(os.Mkdir(filepath.Join(dir, "d"), 0o700))
			l, err := net.Listen("unix", filepath.Join(dir, "d", "s"))
			must(err)
			t.Cleanup(func() { l.Close() })
			must(os.Chmod(filepath.Join(dir, "d", "s"), 0o666))
			return filepath.Join(dir, "d", "s")
		}},
		"foreign directory": {store.ErrDenied, "belongs to user", true, func(dir string) string {
			must(os.Mkdir(filepath.Join(dir, "d"), 0o700))
			if err := os.Chown(filepath.Join(dir, "d"), 12345, -1); err != nil {
				return ""
			}
			return filepath.Join(dir, "d", "s")
		}},
		"foreign socket": {store.ErrDenied, "belongs to user", true, func(dir string) string {
			must(os.Mkdir(filepath.Join(dir, "d"), 0o700))
			l, err := net.Listen("unix", filepath.Join(dir, "d", "s"))
			must(err)
			t.Cleanup(func() { l.Close() })
			must(os.Chmod(filepath.Join(dir, "d", "s"), 0o600))
			if err := os.Chown(filepath.Join(dir, "d", "s"), 12345, -1); err != nil {
				return ""
			}
			return filepath.Join(dir, "d", "s")
		}},
		"abstract": {store.ErrInvalid, "abstract", true, func(string) string { return "@kinring" }},
		"relative": {store.ErrInvalid, "relative", true, func(string) string { return "run/s" }},
		"too long": {store.ErrInvalid, "bytes", true, func(dir string) string { return filepath.Join(dir, strings.Repeat("d", 100)) }},
		"nothing there": {store.ErrUnavailable, "no broker", false, func(dir string) string {
			return filepath.Join(dir, "d", "s")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			socket := c.prepare(filepath.Dir(filepath.Dir(socketIn(t))))
			if socket == "" {
				t.Skip("only root can give a file to somebody else")
			}
			_, err := client.Open(t.Context(), socket, client.Options{})
			if !errors.Is(err, c.class) || !strings.Contains(err.Error(), c.what) {
				t.Errorf("the client: %v", err)
			}
			if !c.server {
				return
			}
			l, err := broker.Listen(t.Context(), socket)
			if err == nil {
				l.Close()
			}
			if !errors.Is(err, c.class) {
				t.Errorf("the broker: %v", err)
			}
		})
	}
}

// TestStaleSocket: what a broker that was killed left behind is replaced; a second
// broker is kept away from a first that lives.
func TestStaleSocket(t *testing.T) {
	socket := socketIn(t)
	if err := os.Mkdir(filepath.Dir(socket), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if _, err := client.Open(t.Context(), socket, client.Options{}); !errors.Is(err, store.ErrNoService) {
		t.Errorf("a stale socket: %v", err)
	}
	b := serveAt(t, socket, family, inMemory(), broker.Options{})
	b.wantGood(t)
	if _, err := broker.Listen(t.Context(), socket); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a second broker: %v", err)
	}
	b.wantGood(t)
	info, err := os.Lstat(socket)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v, %v", info.Mode(), err)
	}
	if dir, err := os.Lstat(filepath.Dir(socket)); err != nil || dir.Mode().Perm() != 0o700 {
		t.Errorf("its directory has mode %v, %v", dir.Mode(), err)
	}
}
