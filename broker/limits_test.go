//go:build unix

package broker_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/broker"
	"github.com/kinring/kinring/broker/policy"
	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// ask says a request and returns its answer.
func (r *raw) ask(id int, method, params string) wire.Message {
	r.Helper()
	r.say(frame(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params)))
	return r.answer()
}

// wantLast makes requests of which only the last one goes beyond a limit.
func (r *raw) wantLast(times int, method, params, what string) {
	r.Helper()
	for n := range times {
		m := r.ask(n, method, strings.ReplaceAll(params, "N", fmt.Sprint(n)))
		for m.Method != "" { // the notification of a watch
			m = r.answer()
		}
		switch last := n == times-1; {
		case !last && m.Err != nil:
			r.Fatalf("%s %d: %v", method, n, m.Err)
		case last && (m.Err == nil || m.Err.Code != wire.CodeBusy || !strings.Contains(m.Err.Message, what)):
			r.Fatalf("%s %d: %+v", method, n, m)
		}
	}
}

func twoConnections(t *testing.T, b *running) {
	first := b.greeted(t)
	b.greeted(t)
	r := b.raw(t)
	r.wantRefusal(wire.CodeBusy, "too many connections")
	r.wantEnd()
	first.Close()
	b.await(t, "room for another", func() bool { return b.server.Conns() < 2 })
}

func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		limits broker.Limits
		act    func(*testing.T, *running)
	}{
		"watches": {broker.Limits{Watches: 2}, func(t *testing.T, b *running) {
			b.greeted(t).wantLast(3, "watch", `{"key":"N"}`, "as many")
		}},
		"updates": {broker.Limits{Inflight: 2}, func(t *testing.T, b *running) {
			b.greeted(t).wantLast(3, "update/begin", `{"key":"N"}`, "as many")
		}},
		"leases": {broker.Limits{Inflight: 2}, func(t *testing.T, b *running) {
			b.greeted(t).wantLast(3, "lease/hold", `{"service":"s","account":"N"}`, "as many")
		}},
		"connections":                {broker.Limits{Conns: 2}, twoConnections},
		"connections of one process": {broker.Limits{ConnsPerPeer: 2}, twoConnections},
		"large frames": {broker.Limits{Large: 100 << 10, Frame: 300 * time.Millisecond}, func(t *testing.T, b *running) {
			r := b.greeted(t)
			r.say(frame(`{"jsonrpc":"2.0","id":1,"method":"ping"` + strings.Repeat(" ", 120<<10) + `}`))
			r.wantRefusal(wire.CodeBusy, "no room")
			r.wantEnd()
		}},
		"large frames of the dead": {broker.Limits{Large: 300 << 10}, func(t *testing.T, b *running) {
			for range 3 {
				r := b.greeted(t)
				r.say([]byte("Content-Length: 1000000\r\n\r\n" + strings.Repeat(" ", 100<<10)))
				r.Close()
			}
			b.await(t, "their end", func() bool { return b.server.Conns() == 0 })
			r := b.greeted(t)
			r.say(frame(`{"jsonrpc":"2.0","id":1,"method":"ping"` + strings.Repeat(" ", 120<<10) + `}`))
			if m := r.answer(); m.Err != nil {
				t.Errorf("answered %v", m.Err)
			}
		}},
		"requests a second": {broker.Limits{Rate: 100}, func(t *testing.T, b *running) {
			r := b.greeted(t)
			for n := range 110 { // those beyond the rate wait, and are served
				if m := r.ask(n, "ping", "{}"); m.Err != nil {
					t.Fatal(m.Err)
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := serve(t, inMemory(), broker.Options{Limits: c.limits})
			c.act(t, b)
			b.wantGood(t)
		})
	}
}

func (r *raw) wantClass(method, params string, class *store.Class) {
	r.Helper()
	if m := r.ask(1, method, params); m.Err == nil || m.Err.Code != wire.CodeOf(class) {
		r.Errorf("%s: %+v, want %v", method, m, class)
	}
}

// stuck is a store whose reads wait until they may go on, or are given up.
type stuck struct {
	store.Store
	entered, open chan struct{}
}

func newStuck() stuck {
	return stuck{inMemory().(fixed).Store, make(chan struct{}, 1), make(chan struct{})}
}

func (g stuck) Get(ctx context.Context, key store.Key) (store.Item, error) {
	select {
	case g.entered <- struct{}{}:
	default:
	}
	select {
	case <-g.open:
		return g.Store.Get(ctx, key)
	case <-ctx.Done():
		return store.Item{}, store.FromContext(ctx)
	}
}

const storeGet = `{"service":"broker test","account":"a"}`

// TestRequestTakesTooLong: a store that does not answer holds up no client for ever.
func TestRequestTakesTooLong(t *testing.T) {
	b := serve(t, fixed{newStuck()}, broker.Options{Limits: broker.Limits{Call: 100 * time.Millisecond}})
	b.greeted(t).wantClass("store/get", storeGet, store.ErrTimedOut)
}

// TestIdleAfterSlowRequest: who is silent after a request that took long is idle
// like others.
func TestIdleAfterSlowRequest(t *testing.T) {
	g := newStuck()
	b := serve(t, fixed{g}, broker.Options{Limits: broker.Limits{Idle: 1500 * time.Millisecond}})
	r := b.greeted(t)
	r.say(frame(`{"jsonrpc":"2.0","id":1,"method":"store/get","params":` + storeGet + `}`))
	<-g.entered
	r.say(frame(`{"jsonrpc":"2.0","id":2,"method":"ping"}`)) // somebody else reads by then
	r.answer()
	close(g.open)
	r.answer()
	r.wantRefusal(wire.CodeBusy, "no request")
	r.wantEnd()
}

// TestWaitTakesTooLong (I11): nor does a lease that nobody gives back, whatever the
// store.
func TestWaitTakesTooLong(t *testing.T) {
	t.Run("vault", func(t *testing.T) { waitTakesTooLong(t, newVault(t)) })
	t.Run("memory", func(t *testing.T) { waitTakesTooLong(t, inMemory()) })
}

func waitTakesTooLong(t *testing.T, d store.Driver) {
	b := serve(t, d, broker.Options{Limits: broker.Limits{Call: 100 * time.Millisecond}})
	if m := b.greeted(t).ask(1, "lease/hold", storeGet); m.Err != nil {
		t.Fatal(m.Err)
	}
	b.greeted(t).wantClass("lease/hold", storeGet, store.ErrTimedOut)
}

// TestStopping: a broker that stops answers what it was asked before, and does not
// wait for ever for what does not end.
func TestStopping(t *testing.T) {
	t.Run("ends", func(t *testing.T) {
		g := newStuck()
		b := serve(t, fixed{g}, broker.Options{})
		r := b.greeted(t)
		r.say(frame(`{"jsonrpc":"2.0","id":1,"method":"store/get","params":` + storeGet + `}`))
		<-g.entered
		b.stop()
		close(g.open)
		if m := r.answer(); m.Err == nil || m.Err.Code != wire.CodeOf(store.ErrNotFound) {
			t.Errorf("answered %+v", m)
		}
		r.wantEnd()
	})
	t.Run("does not end", func(t *testing.T) {
		g := newStuck()
		b := serve(t, fixed{g}, broker.Options{Limits: broker.Limits{Drain: 100 * time.Millisecond}})
		r := b.greeted(t)
		r.say(frame(`{"jsonrpc":"2.0","id":1,"method":"store/get","params":` + storeGet + `}`))
		<-g.entered
		b.end()
	})
}

// TestDenialsInARow: who is denied again and again is refused for a while without
// being looked at.
func TestDenialsInARow(t *testing.T) {
	grants := policy.Policy{Grants: []policy.Grant{{Name: "open", Keys: []string{"open"}, Rights: []policy.Right{policy.Get}}}}
	b := serve(t, inMemory(), broker.Options{Policy: func() policy.Policy { return grants }})
	r := b.greeted(t)
	get := func(key string) []byte {
		return frame(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"get","params":{"key":%q}}`, key))
	}
	for range 20 { // on a machine that stands still for a second the wait may be over
		for range 9 {
			r.say(get("closed"))
			if m := r.answer(); m.Err == nil || m.Err.Code != wire.CodeOf(store.ErrDenied) {
				t.Fatalf("answered %+v", m)
			}
		}
		r.say(get("open"))
		m := r.answer()
		if m.Err != nil && m.Err.Code == wire.CodeOf(store.ErrDenied) && strings.Contains(m.Err.Message, "too many denials") {
			return
		}
	}
	t.Error("nothing was refused unseen")
}
