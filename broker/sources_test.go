//go:build unix

package broker_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
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

var clientSources = broker.NewSources()

func init() { store.RegisterLayout(clientSources) }

// older is a family with a source that only a client can read.
var older = kinring.Profile{Name: "broker-older", Service: "broker test", Keys: kinring.Keys{"auth": {Account: "auth"}},
	Legacy: []kinring.Legacy{{Layout: broker.Layout, Name: "electron"}}}

// TestServedSource (I4, I6): what only a client can decrypt is read through it,
// backfilled and migrated; while no client is there it is unavailable, never
// absent.
func TestServedSource(t *testing.T) {
	b := serveAt(t, socketIn(t), older, newVault(t), broker.Options{Legacy: clientSources})
	other := b.dial(client.Options{})
	if _, err := other.Get(t.Context(), "auth"); !errors.Is(err, store.ErrNoService) {
		t.Errorf("while nobody serves the source: %v", err)
	}
	held := map[string]string{"auth": "decrypted", "more": "decrypted too"}
	app := b.dial(client.Options{Answer: func(_ context.Context, method string, params []byte) (any, error) {
		if method == wire.MethodLegacyList {
			keys := wire.LegacyKeys{}
			for account := range held {
				keys.Keys = append(keys.Keys, wire.Key{Service: "broker test", Account: account})
			}
			return keys, nil
		}
		var p wire.LegacyGet
		if err := json.Unmarshal(params, &p); err != nil || p.Source != "electron" {
			t.Errorf("%s %s: %v", method, params, err)
		}
		if v, ok := held[p.Account]; ok {
			return wire.LegacyItem{Value: secret(v)}, nil
		}
		return nil, &store.Error{Class: store.ErrNotFound}
	}})
	if err := app.Call(t.Context(), wire.MethodServe, wire.Serving{Source: "another"}, nil); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("a source that the profile does not have: %v", err)
	}
	call[struct{}](t, app, wire.MethodServe, wire.Serving{Source: "electron"})
	if r, err := other.Get(t.Context(), "auth"); err != nil || string(r.Bytes()) != "decrypted" || r.Provenance != "legacy" || r.Source != "electron" {
		t.Errorf("through the client: %+v, %v", r, err)
	}
	if _, err := other.Get(t.Context(), "none"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("what the client does not have: %v", err)
	}
	if m := call[wire.Migration](t, other, wire.MethodMigrate, nil); !m.Complete || m.Verified != 2 {
		t.Errorf("migrate: %+v", m)
	}
	app.Close()
	b.await(t, "the client to be gone", func() bool { return b.server.Conns() == 1 })
	if r, err := other.Get(t.Context(), "more"); err != nil || string(r.Bytes()) != "decrypted too" {
		t.Errorf("migrated, without the client: %v", err)
	}
	if _, err := other.Get(t.Context(), "none"); !errors.Is(err, store.ErrNoService) {
		t.Errorf("with the client gone: %v", err)
	}
}

// electron serves the source from a map, as an application does that also deletes.
func electron(t *testing.T, held map[string]string, before func()) func(context.Context, string, []byte) (any, error) {
	return func(_ context.Context, method string, params []byte) (any, error) {
		var p wire.LegacyDelete
		if err := json.Unmarshal(params, &p); err != nil || p.Source != "electron" {
			t.Errorf("%s: %v", method, err)
		}
		v, ok := held[p.Account]
		switch {
		case !ok:
			return nil, &store.Error{Class: store.ErrNotFound}
		case method == wire.MethodLegacyGet:
			return wire.LegacyItem{Value: secret(v)}, nil
		case method != wire.MethodLegacyDelete:
			return nil, &store.Error{Class: store.ErrUnsupported}
		}
		before()
		if p.Value != nil && string(*p.Value) != held[p.Account] {
			return nil, &store.Error{Class: store.ErrConflict}
		}
		delete(held, p.Account)
		return struct{}{}, nil
	}
}

// TestServedSourceDeletes (I2): a client that serves a source and deletes in it ends
// a sign-in everywhere; what was signed in meanwhile is not removed unseen, and the
// deletion of what a client only reads is partial.
func TestServedSourceDeletes(t *testing.T) {
	b := serveAt(t, socketIn(t), older, newVault(t), broker.Options{Legacy: clientSources})
	held := map[string]string{"auth": "first", "other": "kept"}
	meanwhile := func() {
		if held["auth"] == "first" {
			held["auth"] = "second"
		}
	}
	app := b.dial(client.Options{Answer: electron(t, held, meanwhile)})
	call[struct{}](t, app, wire.MethodServe, wire.Serving{Source: "electron"})
	other := b.dial(client.Options{})
	if _, err := other.Delete(t.Context(), "other"); !errors.Is(err, store.ErrPartial) || held["other"] == "" {
		t.Errorf("in a source that is only read: %v, %v", err, held)
	}
	call[struct{}](t, app, wire.MethodServe, wire.Serving{Source: "electron", Deletes: true})
	if existed, err := other.Delete(t.Context(), "auth"); err != nil || !existed {
		t.Errorf("delete: %v, %v", existed, err)
	}
	if _, err := other.Delete(t.Context(), "other"); err != nil {
		t.Errorf("finishing the deletion: %v", err)
	}
	if len(held) > 0 {
		t.Errorf("the client still holds %v", held)
	}
	for _, name := range []string{"auth", "other"} {
		if _, err := other.Get(t.Context(), name); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// hear reads until this has come, and hardly more.
func (r *raw) hear(until string) {
	r.Helper()
	for b := make([]byte, 4096); !strings.Contains(string(r.in), until); {
		n, err := r.Read(b)
		if err != nil {
			r.Fatal(err)
		}
		r.in = append(r.in, b[:n]...)
	}
}

// serving is a client that serves the source.
func (r *running) serving(t *testing.T) *raw {
	t.Helper()
	c := r.greeted(t)
	if m := c.ask(1, wire.MethodServe, `{"source":"electron","deletes":true}`); m.Err != nil {
		t.Fatal(m.Err)
	}
	return c
}

// TestDeafSource: a client that serves a source and takes no requests holds nobody
// up that gives up its own.
func TestDeafSource(t *testing.T) {
	b := serveAt(t, socketIn(t), older, inMemory(), broker.Options{Legacy: clientSources, Limits: broker.Limits{Write: time.Hour}})
	if _, err := b.ring.Set(t.Context(), "large", bytes.Repeat([]byte("x"), store.MaxValue)); err != nil {
		t.Fatal(err)
	}
	deaf := b.serving(t)
	deaf.say(frame(`{"jsonrpc":"2.0","id":2,"method":"get","params":{"key":"large"}}`))
	deaf.hear(`"id":2,"result"`) // the rest of the answer is on its way for as long as it likes
	other := b.greeted(t)
	other.say(frame(`{"jsonrpc":"2.0","id":3,"method":"get","params":{"key":"auth"}}`))
	other.say(frame(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":3}}`))
	other.wantRefusal(wire.CodeOf(store.ErrCancelled), "cancelled")
	deaf.Close()
}

// TestDeafInTheMiddle: a client that takes a part of a request and then nothing is
// dropped: it could not tell the rest from what follows.
func TestDeafInTheMiddle(t *testing.T) {
	b := serveAt(t, socketIn(t), older, inMemory(), broker.Options{Legacy: clientSources, Limits: broker.Limits{Write: 300 * time.Millisecond}})
	deaf, other := b.serving(t), b.dial(client.Options{})
	deleted := make(chan error, 1)
	go func() {
		_, err := other.Delete(t.Context(), "auth")
		deleted <- err
	}()
	large := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), store.MaxValue))
	for {
		deaf.hear(`"params"`)
		if strings.Contains(string(deaf.in), wire.MethodLegacyDelete) {
			break
		}
		deaf.say(frame(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"value":%q}}`, deaf.answer().ID, large)))
	}
	if err := <-deleted; !errors.Is(err, store.ErrPartial) {
		t.Errorf("delete: %v", err)
	}
	b.await(t, "the deaf client to be dropped", func() bool { return b.server.Conns() == 1 })
}

// TestServedSourceAnswers (I4): an answer that is none is an error of the source, and
// neither absence nor the fault of who asked.
func TestServedSourceAnswers(t *testing.T) {
	b := serveAt(t, socketIn(t), older, inMemory(), broker.Options{Legacy: clientSources})
	source, other := b.serving(t), b.greeted(t)
	for _, c := range []struct {
		method, params, answer string
		code                   int
	}{
		{"get", `{"key":"auth"}`, `"result":{}`, wire.CodeOf(store.ErrCorrupt)},
		{"get", `{"key":"auth"}`, `"result":null`, wire.CodeOf(store.ErrCorrupt)},
		{"get", `{"key":"auth"}`, `"result":{"value":7}`, wire.CodeOf(store.ErrCorrupt)},
		{"get", `{"key":"auth"}`, `"error":{"code":-32603,"message":"made-up secret"}`, wire.CodeOf(store.ErrUnavailable)},
		{"get", `{"key":"auth"}`, `"error":{"code":-31001,"message":"none"}`, wire.CodeOf(store.ErrNotFound)},
		{"list", `{}`, `"result":{}`, 0},
		{"list", `{}`, `"error":{"code":-31001,"message":"none"}`, 0},
	} {
		other.say(frame(fmt.Sprintf(`{"jsonrpc":"2.0","id":7,"method":%q,"params":%s}`, c.method, c.params)))
		source.say(frame(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, source.answer().ID, c.answer)))
		m := other.answer()
		switch {
		case c.code == 0 && !strings.Contains(string(m.Result), `"complete":false`), c.code != 0 && (m.Err == nil || m.Err.Code != c.code),
			m.Err != nil && strings.Contains(m.Err.Message, "made-up"):
			t.Errorf("%s, when the source answers %s: %s, %+v", c.method, c.answer, m.Result, m.Err)
		}
	}
}

// TestServedSourceAfterItsGrant (I4): a client that may not serve a source any more is
// not asked, and the source is unavailable, as if it had gone.
func TestServedSourceAfterItsGrant(t *testing.T) {
	var over atomic.Bool
	b := serveAt(t, socketIn(t), older, inMemory(), broker.Options{Legacy: clientSources, Policy: func() policy.Policy {
		p := policy.Owners()
		if over.Load() {
			p.Grants[0].Rights = []policy.Right{policy.Get}
		}
		return p
	}})
	source, other := b.serving(t), b.greeted(t)
	get := frame(`{"jsonrpc":"2.0","id":7,"method":"get","params":{"key":"auth"}}`)
	other.say(get)
	source.say(frame(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-31001,"message":"none"}}`, source.answer().ID)))
	other.wantRefusal(wire.CodeOf(store.ErrNotFound), "not found")
	over.Store(true)
	other.say(get)
	other.wantRefusal(wire.CodeOf(store.ErrUnavailable), "not connected")
}
