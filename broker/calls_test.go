//go:build unix

package broker_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/broker"
	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/broker/policy"
	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// call makes a call that has to succeed.
func call[T any](t testing.TB, c *client.Conn, method string, params any) T {
	t.Helper()
	var out T
	if err := c.Call(t.Context(), method, params, &out); err != nil {
		t.Fatalf("%s: %v", method, err)
	}
	return out
}

func secret(s string) *wire.Secret {
	v := wire.Secret(s)
	return &v
}

// TestRingCalls: the ring's verbs through the protocol.
func TestRingCalls(t *testing.T) {
	c := serve(t, newVault(t), broker.Options{}).dial(client.Options{})
	if _, err := c.Get(t.Context(), "note"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("get of nothing: %v", err)
	}
	rev, err := c.Set(t.Context(), "note", []byte("\x00\xffvalue"))
	if err != nil || rev == "" {
		t.Fatalf("set: %q, %v", rev, err)
	}
	r, err := c.Get(t.Context(), "note")
	if err != nil || string(r.Bytes()) != "\x00\xffvalue" || r.Provenance != "shared" || r.Revision != rev || r.Generation != 1 {
		t.Errorf("get: %+v, %v", r, err)
	}
	l := call[wire.Listing](t, c, wire.MethodList, nil)
	if !l.Complete || len(l.Keys) != 1 || l.Keys[0].Key != "note" || l.Keys[0].Where != "shared" {
		t.Errorf("list: %+v", l)
	}
	st := call[wire.Status](t, c, wire.MethodStatus, wire.KeyRef{Key: "note"})
	if len(st.Keys) != 1 || st.Keys[0].Verdict != "shared-only" {
		t.Errorf("status: %+v", st)
	}
	if m := call[wire.Migration](t, c, wire.MethodMigrate, wire.Migrate{Token: "m"}); !m.Complete {
		t.Errorf("migrate: %+v", m)
	}
	for _, want := range []bool{true, false} {
		if existed, err := c.Delete(t.Context(), "note"); err != nil || existed != want {
			t.Errorf("delete: %v, %v", existed, err)
		}
	}
	ref := wire.KeyRef{Service: "broker test", Account: "empty"}
	call[wire.Written](t, c, wire.MethodSet, wire.Set{KeyRef: ref, Value: secret("")})
	if empty := call[wire.Reading](t, c, wire.MethodGet, ref); len(empty.Value) != 0 {
		t.Errorf("an empty value reads %d bytes", len(empty.Value))
	}
}

// TestUpdate (I11): while one client holds an update nobody else begins one; what
// the first made is what the next begins with.
func TestUpdate(t *testing.T) {
	b := serve(t, newVault(t), broker.Options{})
	one, other := b.dial(client.Options{}), b.dial(client.Options{})
	ref := wire.KeyRef{Key: "token"}
	first := call[wire.Current](t, one, wire.MethodUpdateBegin, ref)
	if first.Found || first.Interrupted {
		t.Errorf("the first update begins with %+v", first)
	}
	begun := make(chan wire.Current)
	go func() { begun <- call[wire.Current](t, other, wire.MethodUpdateBegin, ref) }()
	call[wire.Written](t, one, wire.MethodUpdateEnd, wire.UpdateEnd{Update: first.Update, Value: secret("token 1")})
	second := <-begun
	if !second.Found || string(second.Reading.Value) != "token 1" || second.Interrupted {
		t.Errorf("the second update begins with %+v", second)
	}
	call[wire.Written](t, other, wire.MethodUpdateEnd, wire.UpdateEnd{Update: second.Update, Keep: true})
	third := call[wire.Current](t, one, wire.MethodUpdateBegin, ref)
	call[wire.Written](t, one, wire.MethodUpdateEnd, wire.UpdateEnd{Update: third.Update}) // what it tried failed
	if err := one.Call(t.Context(), wire.MethodUpdateEnd, wire.UpdateEnd{Update: third.Update, Keep: true}, nil); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("an update that has ended: %v", err)
	}
	if r, err := one.Get(t.Context(), "token"); err != nil || string(r.Bytes()) != "token 1" {
		t.Errorf("after the updates: %v", err)
	}
}

// TestUpdateOfTheDead (I11): a client that dies inside its update lets the next
// one in, which is told that the value may have been used up; in whatever process,
// with or without the broker.
func TestUpdateOfTheDead(t *testing.T) {
	d := newVault(t)
	b := serve(t, d, broker.Options{})
	ref := wire.KeyRef{Key: "token"}
	dead := b.dial(client.Options{})
	call[wire.Current](t, dead, wire.MethodUpdateBegin, ref)
	dead.Close()
	next := b.dial(client.Options{})
	second := call[wire.Current](t, next, wire.MethodUpdateBegin, ref)
	if !second.Interrupted {
		t.Error("the next update is not told")
	}
	next.Close()
	if got := updateWithout(t, d); !got.Interrupted {
		t.Error("an update without the broker is not told")
	}
	last := b.dial(client.Options{})
	if third := call[wire.Current](t, last, wire.MethodUpdateBegin, ref); third.Interrupted {
		t.Error("an update after one that ended well is told of an interruption")
	}
}

// TestUpdateTakesTooLong (I11): a client that does not end its update keeps the others
// away for a while only; they are told of it, and so is the client when it comes.
func TestUpdateTakesTooLong(t *testing.T) {
	d := newVault(t)
	b := serve(t, d, broker.Options{Limits: broker.Limits{Update: 2 * time.Second}})
	slow := b.dial(client.Options{})
	first := call[wire.Current](t, slow, wire.MethodUpdateBegin, wire.KeyRef{Key: "token"})
	if got := updateWithout(t, d); !got.Interrupted {
		t.Error("the next update is not told")
	}
	err := slow.Call(t.Context(), wire.MethodUpdateEnd, wire.UpdateEnd{Update: first.Update, Value: secret("too late")}, nil)
	if !errors.Is(err, store.ErrTimedOut) {
		t.Errorf("ending it too late: %v", err)
	}
	if r, err := slow.Get(t.Context(), "token"); err != nil || string(r.Bytes()) != "written without the broker" {
		t.Errorf("after it: %v", err)
	}
}

// updateWithout updates the token in a ring of its own and returns what it began
// with.
func updateWithout(t testing.TB, d store.Driver) (began kinring.Current) {
	t.Helper()
	ring, err := kinring.Open(t.Context(), family, kinring.WithStore(d), kinring.WithStateDir(""), kinring.WithoutBroker(), kinring.WithBudget(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	_, err = ring.Update(t.Context(), "token", func(_ context.Context, c kinring.Current) ([]byte, error) {
		began = c
		return []byte("written without the broker"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return began
}

// TestRingThroughBroker (I10, I11): a ring whose store is behind the broker and one
// without it see each other's writes, and exclude each other's updates.
func TestRingThroughBroker(t *testing.T) {
	d := newVault(t)
	b := serve(t, d, broker.Options{})
	through, err := kinring.Open(t.Context(), family, kinring.WithStore(d), kinring.WithStateDir(""), kinring.WithBroker(b.socket), kinring.WithBudget(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer through.Close()
	inside, leave := make(chan bool), make(chan bool)
	done := make(chan error)
	go func() {
		_, err := through.Update(t.Context(), "token", func(context.Context, kinring.Current) ([]byte, error) {
			close(inside)
			<-leave
			return []byte("written through the broker"), nil
		})
		done <- err
	}()
	<-inside
	began := make(chan kinring.Current)
	go func() { began <- updateWithout(t, d) }()
	select {
	case <-began:
		t.Error("two updates at a time")
	case leave <- true:
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if c := <-began; string(c.Bytes()) != "written through the broker" || c.Interrupted {
		t.Errorf("the update without the broker began with another value, or %v", c.Interrupted)
	}
	v, err := through.Get(t.Context(), "token")
	if err != nil || string(v.Bytes()) != "written without the broker" {
		t.Errorf("get through the broker: %v", err)
	}
}

// TestWatch: a client is told of its own writes and of others', until it has
// enough.
func TestWatch(t *testing.T) {
	notes := make(chan wire.Changed, 64)
	b := serve(t, newVault(t), broker.Options{})
	c := b.dial(client.Options{Notify: func(method string, params []byte) {
		var n wire.Changed
		if err := json.Unmarshal(params, &n); err != nil || method != wire.NoteChanged {
			t.Errorf("%s: %v", method, err)
		}
		notes <- n
	}})
	w := call[wire.Watching](t, c, wire.MethodWatch, wire.KeyRef{Key: "note"})
	if n := <-notes; n.Watch != w.Watch || n.Present || n.Key != "note" {
		t.Errorf("the first event is %+v", n)
	}
	rev, err := b.dial(client.Options{}).Set(t.Context(), "note", []byte("new"))
	if err != nil {
		t.Fatal(err)
	}
	if n := <-notes; !n.Present || n.Revision != string(rev) {
		t.Errorf("after a write the event is %+v", n)
	}
	call[struct{}](t, c, wire.MethodUnwatch, w)
	if err := c.Call(t.Context(), wire.MethodUnwatch, w, nil); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("unwatching twice: %v", err)
	}
}

// TestWatchAfterItsGrant: who may see a key no longer is told that, and of no change.
func TestWatchAfterItsGrant(t *testing.T) {
	var over atomic.Bool
	grants := policy.Owners()
	b := serve(t, inMemory(), broker.Options{Policy: func() policy.Policy {
		if over.Load() {
			return policy.Policy{}
		}
		return grants
	}})
	r := b.greeted(t)
	if m := r.ask(1, "watch", `{"key":"note"}`); m.Err != nil {
		t.Fatal(m.Err)
	}
	if m := r.answer(); strings.Contains(string(m.Params), "error") {
		t.Errorf("while it is granted: %s", m.Params)
	}
	over.Store(true)
	for range 2 {
		if _, err := b.ring.Set(t.Context(), "note", []byte("new")); err != nil {
			t.Fatal(err)
		}
	}
	if m := r.answer(); !strings.Contains(string(m.Params), `"class":"denied"`) || strings.Contains(string(m.Params), "revision") {
		t.Errorf("after it: %s", m.Params)
	}
	if m := r.ask(2, "unwatch", `{"watch":"1"}`); m.Err == nil || m.Err.Code != wire.CodeInvalidParams {
		t.Errorf("the watch goes on: %s%s", m.Method, m.Params)
	}
}

// TestPolicy (I4): what no grant allows is denied, not absent; names of keys that
// a client may not see are not listed; nothing of it depends on what a client
// says.
func TestPolicy(t *testing.T) {
	o := broker.Options{Policy: func() policy.Policy {
		return policy.Policy{Grants: []policy.Grant{{Name: "open", Keys: []string{"open*"}, Rights: []policy.Right{policy.Get, policy.Set, policy.List}}}}
	}}
	b := serve(t, newVault(t), o)
	for _, name := range []string{"open-1", "closed"} {
		if _, err := b.ring.Set(t.Context(), name, []byte("value")); err != nil {
			t.Fatal(err)
		}
	}
	c := b.dial(client.Options{Name: "owner", Family: family.Name})
	if _, err := c.Get(t.Context(), "open-1"); err != nil {
		t.Errorf("what is granted: %v", err)
	}
	for method, params := range map[string]any{
		wire.MethodGet: wire.KeyRef{Key: "closed"}, wire.MethodDelete: wire.KeyRef{Key: "open-1"},
		wire.MethodMigrate: nil, wire.MethodStoreList: nil, wire.MethodStoreGet: wire.Key(key("open-1")), wire.MethodLock: nil,
		wire.MethodShutdown: nil, wire.MethodStorePrint: nil,
	} {
		if err := c.Call(t.Context(), method, params, nil); !errors.Is(err, store.ErrDenied) {
			t.Errorf("%s: %v", method, err)
		}
		if _, err := c.Get(t.Context(), "open-1"); err != nil { // breaks the row of denials
			t.Error(err)
		}
	}
	if l := call[wire.Listing](t, c, wire.MethodList, nil); len(l.Keys) != 1 || l.Keys[0].Key != "open-1" {
		t.Errorf("list names %+v", l.Keys)
	}
	if st := call[wire.Status](t, c, wire.MethodStatus, nil); len(st.Keys) != 1 {
		t.Errorf("status names %+v", st.Keys)
	}
	if _, err := client.Open(t.Context(), b.socket, client.Options{Family: "another"}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("another family: %v", err)
	}
}

// A hello that takes long is still the first request: what was sent with it is not
// served before it.
func TestHelloTakesLong(t *testing.T) {
	looked := make(chan struct{}, 1)
	slow := policy.Owners()
	o := broker.Options{Policy: func() policy.Policy {
		select {
		case looked <- struct{}{}:
			<-time.After(20 * time.Millisecond) // far longer than until another goroutine reads on
		default:
		}
		return slow
	}}
	c := serve(t, inMemory(), o).raw(t)
	c.say(append(frame(hello), frame(`{"jsonrpc":"2.0","id":1,"method":"ping"}`)...))
	for _, id := range []string{"0", "1"} {
		if m := c.answer(); string(m.ID) != id || m.Err != nil {
			t.Fatalf("the answer to %s is %s: %v", id, m.ID, m.Err)
		}
	}
}
