//go:build unix

package broker_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kinring/kinring/broker"
	"github.com/kinring/kinring/broker/client"
	"github.com/kinring/kinring/broker/peer"
	"github.com/kinring/kinring/broker/policy"
	"github.com/kinring/kinring/broker/wire"
	"github.com/kinring/kinring/store"
)

// program is a peer as a platform with signatures has it: a double, around the
// real one. The order of what the real one asks of macOS is tried in package peer.
type program struct {
	peer.Peer
	id     peer.Identity
	became *atomic.Bool // another program has taken its place
}

func (p program) Identity() peer.Identity { return p.id }
func (program) Proves() bool              { return true }
func (p program) Prove() error            { return p.Check() }
func (p program) Check() error {
	if p.became.Load() {
		return fmt.Errorf("%w: it was one and is two", peer.ErrGone)
	}
	return p.Peer.Check()
}

// programs makes all that connect be programs of this signature.
func programs(team, unproven string, became *atomic.Bool) func(net.Conn) (peer.Peer, error) {
	return func(c net.Conn) (peer.Peer, error) {
		real, err := peer.Of(c)
		if err != nil {
			return nil, err
		}
		id := real.Identity()
		if id.Team = team; team != "" {
			id.Identifier = "com.example.helper"
		}
		id.Unproven = unproven
		return program{real, id, became}, nil
	}
}

const team = "TEAM000001"

// nonceOf is the nonce that the hello's answer holds.
func (r *raw) nonceOf() string {
	r.Helper()
	r.say(frame(hello))
	var w wire.Welcome
	if m := r.answer(); m.Err != nil || wire.Unmarshal(m.Result, &w) != nil || w.Nonce == "" {
		r.Fatalf("answered %s, %v", m.Result, m.Err)
	}
	return w.Nonce
}

func prove(nonce string) []byte {
	return frame(fmt.Sprintf(`{"jsonrpc":"2.0","id":9,"method":"prove","params":{"nonce":%q}}`, nonce))
}

// TestNonce: where a program is a boundary, nothing is done for it until it has
// given back what it was told, once, as the program that it was.
func TestNonce(t *testing.T) {
	var became atomic.Bool
	b := serve(t, inMemory(), broker.Options{Peers: programs(team, "", &became), Policy: func() policy.Policy { return policy.Usual(true, team) }})
	r := b.raw(t)
	nonce := r.nonceOf()
	r.say(frame(`{"jsonrpc":"2.0","id":1,"method":"list"}`))
	r.wantRefusal(wire.CodeInvalidRequest, "nonce")
	r.say(prove(nonce))
	if m := r.answer(); m.Err != nil {
		t.Errorf("the nonce: %v", m.Err)
	}
	r.say(frame(`{"jsonrpc":"2.0","id":2,"method":"list"}`))
	if m := r.answer(); m.Err != nil {
		t.Errorf("after it: %v", m.Err)
	}
	r.say(prove(nonce))
	r.wantRefusal(wire.CodeInvalidRequest, "once")

	wrong := b.raw(t)
	nonce = wrong.nonceOf()
	wrong.say(prove(strings.Repeat("0", len(nonce))))
	wrong.wantRefusal(wire.CodeInvalidRequest, "not the nonce")
	wrong.say(prove(nonce))
	wrong.wantRefusal(wire.CodeInvalidRequest, "once") // there is one try
	b.wantGood(t)                                      // kinring's own client gives it back
}

// TestBecameAnotherProgram (I8): a connection whose program has become another one
// gets nothing any more, at whichever message that is noticed; others go on.
func TestBecameAnotherProgram(t *testing.T) {
	var became atomic.Bool
	b := serve(t, inMemory(), broker.Options{Peers: programs(team, "", &became), Policy: func() policy.Policy { return policy.Usual(true, team) }})
	if _, err := b.ring.Set(t.Context(), "auth", []byte("a secret")); err != nil {
		t.Fatal(err)
	}
	get := frame(`{"jsonrpc":"2.0","id":3,"method":"get","params":{"key":"auth"}}`)
	for name, act := range map[string]func(r *raw){
		"before hello": func(r *raw) {
			became.Store(true)
			r.say(frame(hello))
		},
		"before the nonce": func(r *raw) {
			nonce := r.nonceOf()
			became.Store(true)
			r.say(prove(nonce))
		},
		"before a request": func(r *raw) {
			r.say(prove(r.nonceOf()))
			r.answer()
			r.say(get)
			if m := r.answer(); m.Err != nil || !bytes.Contains(m.Result, []byte("YSBzZWNyZXQ")) {
				r.Errorf("as itself: %s, %v", m.Result, m.Err)
			}
			became.Store(true)
			r.say(get)
		},
	} {
		r := b.raw(t)
		act(r)
		r.wantRefusal(wire.CodeOf(store.ErrDenied), "no longer")
		r.wantEnd()
		became.Store(false)
		t.Log(name)
		b.wantGood(t)
	}
}

// TestSignature: where signatures are proven, a family's broker serves its team,
// and says of others on record why not.
func TestSignature(t *testing.T) {
	for _, c := range []struct {
		team, unproven string
		served         bool
	}{{team, "", true}, {"TEAM000002", "", false}, {"", "debuggers may attach to it", false}} {
		var log bytes.Buffer
		var became atomic.Bool
		b := serve(t, inMemory(), broker.Options{Peers: programs(c.team, c.unproven, &became), Logger: slog.New(slog.NewJSONHandler(&log, nil)),
			Policy: func() policy.Policy { return policy.Usual(true, team) }})
		conn := b.dial(client.Options{})
		_, err := conn.Set(t.Context(), "auth", []byte("value"))
		if c.served != (err == nil) || !c.served && !errors.Is(err, store.ErrDenied) {
			t.Errorf("%q: %v", c.team, err)
		}
		if rights := conn.Welcome().Rights; c.served != (len(rights) > 0) {
			t.Errorf("%q may %v", c.team, rights)
		}
		conn.Close()
		b.end()
		if !strings.Contains(log.String(), c.unproven) || !strings.Contains(log.String(), c.team) {
			t.Errorf("%q is on record as %s", c.team, &log)
		}
	}
}

// TestServerIsChecked: a client that knows whose broker it wants tells another one
// nothing: no other program of the user can take the broker's place.
func TestServerIsChecked(t *testing.T) {
	b := serve(t, inMemory(), broker.Options{})
	var same, became atomic.Bool
	became.Store(true)
	for name, c := range map[string]struct {
		peers func(net.Conn) (peer.Peer, error)
		why   string
	}{
		"the team's":              {programs(team, "", &same), ""},
		"another team's":          {programs("TEAM000002", "", &same), "TEAM000002"},
		"nobody's":                {programs("", "it is not under the hardened runtime", &same), "hardened runtime"},
		"another program by then": {programs(team, "", &became), "another one by now"},
		"not to be told": {func(net.Conn) (peer.Peer, error) { return nil, errors.New("no answer") },
			"nobody can tell"},
	} {
		conn, err := client.Open(t.Context(), b.socket, client.Options{Team: team, Peers: c.peers})
		if err == nil {
			conn.Close()
		}
		if (err == nil) != (c.why == "") || err != nil && (!errors.Is(err, store.ErrDenied) || !strings.Contains(err.Error(), c.why)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.wantGood(t)
}
