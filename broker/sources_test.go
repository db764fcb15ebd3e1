//go:build unix

package broker_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/broker"
	"github.com/kinring/kinring/broker/client"
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
