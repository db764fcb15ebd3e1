package broker

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"os"
	"testing"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/broker/peer"
	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// probed is what the probe of TestWiped had in its hands.
type probed struct {
	call   *call
	params []byte
	answer wire.Secret
}

// forgetful is a driver of one store in memory.
type forgetful struct{ store.Store }

func (f forgetful) Kind() string                     { return f.Info().Kind }
func (f forgetful) Capabilities() store.Capabilities { return f.Info().Capabilities }
func (f forgetful) Open(context.Context, store.Family) (store.Store, error) {
	return f.Store, nil
}

// TestWiped (I8): what a request and its answer held is zeros once it is answered:
// the parameters, the decoded value, the answer and the buffers of the connection.
// Copies that the garbage collector made are beyond what can be seen from here.
func TestWiped(t *testing.T) {
	secret := []byte("made-up-sentinel-5e0c19")
	encoded := []byte(base64.StdEncoding.EncodeToString(secret))
	var got probed
	methods["test/probe"] = method{serve: func(c *call) (any, error) {
		got = probed{call: c, params: c.params, answer: bytes.Clone(secret)}
		if !bytes.Contains(c.params, encoded) {
			t.Errorf("the probe got %s", c.params)
		}
		return wire.Reading{Value: got.answer}, nil
	}}
	defer delete(methods, "test/probe")
	ring, err := kinring.Open(t.Context(), kinring.Profile{Name: "wipe", Service: "wipe"}, kinring.WithStore(forgetful{memory.New()}),
		kinring.WithStateDir(""), kinring.WithoutBroker())
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	mine, its := net.Pipe()
	if err := mine.SetDeadline(time.Now().Add(time.Minute)); err != nil { // a watchdog
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		done <- New(ring, Options{}).ServeConn(context.Background(), its, peer.Parent(os.Getuid(), os.Getppid()))
	}()
	for _, body := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"hello","params":{"versions":[1]}}`,
		`{"jsonrpc":"2.0","id":2,"method":"test/probe","params":{"value":"` + string(encoded) + `"}}`,
	} {
		if _, err := mine.Write(wire.AppendFrame(nil, []byte(body))); err != nil {
			t.Fatal(err)
		}
		if answer := oneFrame(t, mine); bytes.Contains(answer, []byte(`"error"`)) || bytes.Contains([]byte(body), encoded) && !bytes.Contains(answer, encoded) {
			t.Errorf("answered %s", answer)
		}
	}
	part := append([]byte("Content-Length: 500\r\n\r\n"), encoded...) // it dies in the middle of a frame
	if _, err := mine.Write(part); err != nil {
		t.Fatal(err)
	}
	mine.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for what, b := range map[string][]byte{"the parameters": got.params, "the answer": got.answer} {
		if len(b) == 0 || !bytes.Equal(b, make([]byte, len(b))) {
			t.Errorf("%s: %q", what, b)
		}
	}
	if in := got.call.in.buf; bytes.Contains(in, encoded) || len(in) == 0 {
		t.Errorf("the buffer holds %q", bytes.Trim(in, "\x00"))
	}
}

// oneFrame reads one message.
func oneFrame(t *testing.T, c net.Conn) []byte {
	t.Helper()
	var in []byte
	for {
		body, _, err := wire.Split(in, wire.MaxFrame)
		if err != nil {
			t.Fatal(err)
		}
		if body != nil {
			return body
		}
		b := make([]byte, 4096)
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, b[:n]...)
	}
}

// TestFramesAreWiped (I8): a frame is zeros once it was sent, and also if it could
// not be.
func TestFramesAreWiped(t *testing.T) {
	for _, open := range []bool{true, false} {
		mine, its := net.Pipe()
		out := outbox{nc: its, timeout: time.Minute}
		frame, err := wire.Response(json.RawMessage("1"), wire.Reading{Value: wire.Secret("made-up")})
		if err != nil || !bytes.Contains(frame, []byte("bWFkZS11cA==")) {
			t.Fatalf("%s, %v", frame, err)
		}
		if open {
			go func() { _, _ = mine.Read(make([]byte, 4096)) }() // what is sent shows in the error
		} else {
			mine.Close()
		}
		if err := out.send(frame); open != (err == nil) {
			t.Errorf("open %v: %v", open, err)
		}
		if !bytes.Equal(frame, make([]byte, len(frame))) {
			t.Errorf("open %v: it is still %q", open, frame)
		}
		mine.Close()
		its.Close()
	}
}
